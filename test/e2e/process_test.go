//go:build integration

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
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

// process is a running program in a process group of its own, so that a
// script's children end with it.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *output
	exited chan struct{}
	err    error // set before exited is closed
}

// startProcess runs a program with additional environment variables.
func startProcess(name string, env []string, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), output: &output{}, exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w (make deps installs it)", name, err)
	}
	go func() { // ends with the process; stop waits for it
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// stop ends the process and all it started: politely, then by force.
func (p *process) stop() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
		select {
		case <-p.exited:
			return
		case <-time.After(15 * time.Second):
		}
	}
}

// waitFor polls until ready says yes, the process ends or the time is over.
func (p *process) waitFor(timeout time.Duration, ready func() bool) error {
	deadline := time.After(timeout)
	for {
		if ready() {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended (%w):\n%s", p.name, errors.Join(p.err, errors.New("not ready")), p.output)
		case <-deadline:
			return fmt.Errorf("%s is not ready after %v:\n%s", p.name, timeout, p.output)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePort is a TCP port of loopback that nobody uses at the moment.
// Ports that connections get by themselves are left out: one could be taken
// before the program that is to listen there has started.
func freePort() (port string, err error) {
	for range 100 {
		port = strconv.Itoa(10_000 + rand.IntN(20_000))
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, l.Close()
		}
	}
	return "", err
}

func mustFreePort(t *testing.T) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// answers reports whether a GET gives 200.
func answers(url string) bool {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
