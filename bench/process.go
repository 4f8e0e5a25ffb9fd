package main

import (
	"bytes"
	"context"
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

	"golang.org/x/sys/unix"
)

// process is a program that was started here and is ended here.
type process struct {
	cmd *exec.Cmd
	log *bytes.Buffer
	// cores is how many it may run on.
	cores int
}

// program is what spawn starts.
type program struct {
	// name and args are the command.
	name string
	args []string
	// env is added to the environment.
	env []string
	// cores are those that it may run on.
	cores cores
	// address accepts connections once it has started.
	address string
}

// spawn starts a program and waits until it accepts connections. What it
// prints to standard output, the access log, goes to /dev/null.
func (b *bench) spawn(ctx context.Context, what program) (*process, error) {
	args := slices.Concat([]string{"-c", what.cores.String(), what.name}, what.args)
	//nolint:gosec,noctx // names and arguments are this program's; stop ends it
	p := &process{cmd: exec.Command("taskset", args...), log: &bytes.Buffer{}, cores: len(what.cores)}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }() // the child has its own
	p.cmd.Env = append(os.Environ(), what.env...)
	p.cmd.Stdout, p.cmd.Stderr = null, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	b.processes = append(b.processes, p)
	if err := waitFor(ctx, what.address); err != nil {
		b.end(p) // so that the log is complete
		return nil, fmt.Errorf("%s does not listen on %s: %w\n%s", filepath.Base(what.name), what.address, err, p.log)
	}
	return p, nil
}

// stop ends all processes, the last one first.
func (b *bench) stop() {
	for _, p := range slices.Backward(slices.Clone(b.processes)) {
		b.end(p)
	}
}

// end ends a process and waits for it.
func (b *bench) end(p *process) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	ended := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait() // how it ends does not matter
	ended.Stop()
	b.processes = slices.DeleteFunc(b.processes, func(other *process) bool { return other == p })
}

// taken are the ports that were given. Addresses are chosen by one goroutine.
var taken = map[int]bool{}

// freeAddress gives a port that nobody has. Those that connections get by
// themselves are left out: one could be taken before the program that is to
// listen there has started.
func freeAddress(ctx context.Context) (address string, err error) {
	for port := 10_000 + os.Getpid()%15_000; port < 30_000; port++ {
		address = "127.0.0.1:" + strconv.Itoa(port)
		if taken[port] {
			continue
		}
		taken[port] = true
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", err
}

func port(address string) string {
	_, p, _ := strings.Cut(address, ":") // of ours, on 127.0.0.1
	return p
}

func waitFor(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		if wait(ctx, 50*time.Millisecond) != nil {
			return err
		}
	}
}

// wait sleeps, or tells that ctx has ended.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
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

// family are the ids of a process and of its descendants that run.
func (p *process) family() ([]int, error) {
	pids := []int{p.cmd.Process.Pid}
	for i := 0; i < len(pids); i++ {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pids[i], pids[i]))
		if err != nil {
			return nil, err
		}
		for field := range strings.FieldsSeq(string(children)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// sum adds up a figure over the family.
func (p *process) sum(figure func(pid int) (int64, error)) (int64, error) {
	pids, err := p.family()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, pid := range pids {
		n, err := figure(pid)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// cpu is the time that a process and its children have used, all their threads
// together, those that have ended included.
func (p *process) cpu() (time.Duration, error) {
	ns, err := p.sum(func(pid int) (int64, error) {
		var now unix.Timespec
		// clock_getcpuclockid(3): the id of a process's clock is made of its pid.
		const scheduler = 2
		err := unix.ClockGettime(int32(^pid<<3|scheduler), &now) //nolint:gosec // pids have 22 bits
		return now.Nano(), err
	})
	return time.Duration(ns), err
}

// resident is the memory of a process and its children, in bytes.
func (p *process) resident() (int64, error) {
	return p.sum(func(pid int) (int64, error) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			return 0, fmt.Errorf("unknown form of /proc/%d/statm", pid)
		}
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		return pages * int64(os.Getpagesize()), err
	})
}
