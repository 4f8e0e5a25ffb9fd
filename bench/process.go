package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that was started here and is ended here.
type process struct {
	cmd *exec.Cmd
	log *bytes.Buffer
}

// spawn starts a program and waits until address accepts connections. What it
// prints to standard output, the access log, goes to /dev/null.
func (b *bench) spawn(ctx context.Context, address string, env []string, name string, args ...string) (*process, error) {
	//nolint:gosec,noctx // names and arguments are this program's; stop ends it
	p := &process{cmd: exec.Command(name, args...), log: &bytes.Buffer{}}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }() // the child has its own
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = null, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	b.processes = append(b.processes, p)
	if err := waitFor(ctx, address); err != nil {
		b.stop() // so that the log is complete
		return nil, fmt.Errorf("%s does not listen on %s: %w\n%s", filepath.Base(name), address, err, p.log)
	}
	return p, nil
}

// stop ends all processes, the last one first.
func (b *bench) stop() {
	for _, process := range slices.Backward(b.processes) {
		p := process.cmd
		_ = p.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		ended := time.AfterFunc(10*time.Second, func() { _ = p.Process.Kill() })
		_ = p.Wait() // how it ends does not matter
		ended.Stop()
	}
	b.processes = nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func waitFor(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func build(ctx context.Context, binary string) error {
	//nolint:gosec // arguments are this program's
	out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/sallyport").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// cpu is the time that a process and its children that still run have used.
func (p *process) cpu() (time.Duration, error) {
	total, err := cpuOf(p.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.cmd.Process.Pid, p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for field := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		used, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// ticks is the unit of /proc/<pid>/stat, which is the same on all machines that
// Go runs on.
const ticks = 100

func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in parentheses and may hold anything.
	_, rest, ok := strings.Cut(string(text[bytes.LastIndexByte(text, ')'):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("unknown form of /proc/<pid>/stat")
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticks, errors.Join(errUser, errSystem)
}
