package process

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Output collects what a program prints. Safe for concurrent use.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Program is what Start runs.
type Program struct {
	Name string // in errors; Path unless set
	Env  []string
	Path string
	Args []string
	// Stdout and Stderr get what it prints. Without one, Output collects it.
	Stdout, Stderr io.Writer
}

// Process is a running program in a process group of its own, so that what it
// started ends with it. Its methods are safe for concurrent use.
type Process struct {
	// Output is what the program printed, unless it was to go elsewhere.
	Output Output

	name   string
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // set before exited is closed
}

// Start runs a program with additional environment variables. It is killed when
// the test process ends; Stop ends it before.
func Start(program Program) (*Process, error) {
	p := &Process{
		name: cmp.Or(program.Name, program.Path), cmd: exec.Command(program.Path, program.Args...), exited: make(chan struct{}),
	}
	p.cmd.Env = append(os.Environ(), program.Env...)
	p.cmd.Stdout, p.cmd.Stderr = program.Stdout, program.Stderr
	if p.cmd.Stdout == nil {
		p.cmd.Stdout = &p.Output
	}
	if p.cmd.Stderr == nil {
		p.cmd.Stderr = &p.Output
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w (make deps installs it)", p.name, err)
	}
	go func() { // ends with the process; Stop waits for it
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process alone.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Stop ends the process and all it started, politely, then by force, and waits
// until it is gone. More than once is as good as once.
func (p *Process) Stop() {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(-p.PID(), signal)
		select {
		case <-p.exited:
			return
		case <-time.After(20 * time.Second):
		}
	}
}

// WaitFor polls until ready says yes, the process ends or the time is over.
func (p *Process) WaitFor(timeout time.Duration, ready func() bool) error {
	deadline := time.After(timeout)
	for !ready() {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended (%w):\n%s", p.name, errors.Join(p.err, errors.New("not ready")), &p.Output)
		case <-deadline:
			return fmt.Errorf("%s is not ready after %v:\n%s", p.name, timeout, &p.Output)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// Listens reports whether somebody accepts connections at addr.
func Listens(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was sent
	return true
}

// FreePort is a TCP port of loopback that nobody uses at the moment. Ports that
// connections get by themselves are left out: one could be taken before the
// program that is to listen there has started.
func FreePort() (port string, err error) {
	for range 100 {
		var chance [2]byte
		_, _ = rand.Read(chance[:]) // never fails
		port = strconv.Itoa(10_000 + int(binary.LittleEndian.Uint16(chance[:]))%20_000)
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return port, l.Close()
		}
	}
	return "", err
}
