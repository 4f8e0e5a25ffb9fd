//go:build integration

package dataplane

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output collects what a program prints. Safe for concurrent use.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a running program in a process group of its own.
type process struct {
	name           string
	cmd            *exec.Cmd
	stdout, stderr output
	exited         chan struct{}
	err            error // set before exited is closed
}

// startProcess runs a program until the test ends.
func startProcess(t *testing.T, name string, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v (make deps installs it)", name, err)
	}
	go func() { // ends with the process; stop waits for it
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("errors of %s:\n%.8000s", name, p.stderr.String())
		}
	})
	return p
}

// stop ends the process and all it started: politely, then by force.
func (p *process) stop() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
		select {
		case <-p.exited:
			return
		case <-time.After(20 * time.Second):
		}
	}
}

// listens waits until somebody answers at addr.
func (p *process) listens(t *testing.T, addr string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s at %s", p.name, addr), func() bool {
		select {
		case <-p.exited:
			t.Fatalf("%s ended: %v\n%s%s", p.name, p.err, p.stdout.String(), p.stderr.String())
		default:
		}
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
}

// freeAddr is an address of loopback that nobody uses at the moment. Ports that
// connections get by themselves are left out: one could be taken before the
// program that is to listen there has started.
func freeAddr(t *testing.T) string {
	t.Helper()
	var err error
	for range 100 {
		address := "127.0.0.1:" + strconv.Itoa(10_000+rand.IntN(20_000))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			_ = l.Close() // nothing was accepted from it
			return address
		}
	}
	t.Fatal(err)
	return ""
}
