//go:build integration

package dataplane

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience is how long something may take that must happen. Whatever needs all
// of it has failed.
const patience = 60 * time.Second

// long tells that size is tested as well.
var long = os.Getenv("SALLYPORT_LONG") == "1"

// programs are the builds of the gateway that this run has made.
var programs struct {
	dir         string
	plain, race build
}

type build struct {
	once sync.Once
	path string
	err  error
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sallyport-dataplane-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs.dir = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // the system's to clean, otherwise
	os.Exit(code)
}

// program is the path of the gateway as users get it.
func program(t *testing.T) string {
	t.Helper()
	return programs.plain.get(t, "sallyport")
}

// watched is the path of a gateway that looks for data races, where the tests
// do; it costs too much to be measured.
func watched(t *testing.T) string {
	t.Helper()
	if !raceDetector {
		return program(t)
	}
	return programs.race.get(t, "sallyport-race", "-race")
}

func (b *build) get(t *testing.T, name string, flags ...string) string {
	t.Helper()
	b.once.Do(func() {
		b.path = filepath.Join(programs.dir, name)
		args := append([]string{"build", "-o", b.path}, flags...)
		build := exec.Command("go", append(args, "./cmd/sallyport")...)
		build.Dir = filepath.Join("..", "..")
		if output, err := build.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("build: %w\n%s", err, output)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// eventually polls until ok says yes.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
