//go:build integration

package soak

import (
	"bufio"
	"errors"
	"fmt"
	"io"
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

// process is a running program in a process group of its own. What it prints is
// handed on line by line and not kept.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // set before exited is closed
}

// startProcess runs a program until the test ends. The functions get its lines,
// each from one goroutine.
func startProcess(t *testing.T, path string, args []string, stdout, stderr func(line []byte)) *process {
	t.Helper()
	p := &process{name: path, cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	diagnostics, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v (make deps installs it)", path, err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { eachLine(out, stdout) })
	reading.Go(func() { eachLine(diagnostics, stderr) })
	go func() { // ends with the process; stop waits for it
		reading.Wait()
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.stop)
	return p
}

func eachLine(r io.Reader, f func(line []byte)) {
	b := bufio.NewReaderSize(r, 256<<10)
	for {
		line, err := b.ReadBytes('\n')
		if len(line) > 0 {
			f(line)
		}
		if err != nil {
			return
		}
	}
}

// stop ends the process: politely, then by force.
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

// waitFor polls until ready says yes, the process ends or the time is over.
func (p *process) waitFor(t *testing.T, ready func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !ready() {
		select {
		case <-p.exited:
			t.Fatalf("%s ended: %v", p.name, errors.Join(p.err, errors.New("not ready")))
		case <-deadline:
			t.Fatalf("%s is not ready", p.name)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePort is a TCP port of loopback that nobody uses at the moment. Ports that
// connections get by themselves are left out: one could be taken before the
// program that is to listen there has started.
func freePort(t *testing.T) string {
	t.Helper()
	var err error
	for range 100 {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close() // nothing was accepted from it
			return port
		}
	}
	t.Fatal(err)
	return ""
}

// build builds the gateway, with the race detector where its memory is not
// judged.
func build(t *testing.T, race bool) string {
	t.Helper()
	path := t.TempDir() + "/sallyport"
	args := []string{"build", "-o", path}
	if race {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/sallyport")...)
	cmd.Dir = "../.."
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	return path
}

// openFiles counts the descriptors of a process, residentBytes its memory.
func openFiles(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
}

func residentBytes(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, err
	}
	return resident * float64(os.Getpagesize()), nil
}
