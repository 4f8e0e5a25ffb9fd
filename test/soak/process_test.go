//go:build integration

package soak

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"sallyport/test/process"
)

// startProcess runs a program until the test ends, and waits until it is ready.
func startProcess(t *testing.T, program process.Program, ready func() bool) *process.Process {
	t.Helper()
	p, err := process.Start(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.WaitFor(time.Minute, ready); err != nil {
		t.Fatal(err)
	}
	return p
}

// lines hands on what is written to it line by line and keeps none.
type lines struct {
	each func(line []byte)
	rest []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			l.rest = append([]byte(nil), l.rest...)
			return len(p), nil
		}
		l.each(line)
		l.rest = rest
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
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
