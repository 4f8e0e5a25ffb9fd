//go:build integration

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// suite is what all tests of the package share. Its parts start when the
// first test asks for them and end with the run.
var suite shared

type shared struct {
	keycloak lazy[*keycloak]
	binary   lazy[string]

	mu      sync.Mutex // guards stop
	stop    []func()
	planted planted
}

// lazy makes a value once; who asks again gets the same value or error.
type lazy[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (l *lazy[T]) get(t *testing.T, make func() (T, error)) T {
	t.Helper()
	l.once.Do(func() { l.value, l.err = make() })
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.value
}

// atEnd registers what is to be stopped when the run ends, last first.
func (s *shared) atEnd(stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop = append(s.stop, stop)
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, stop := range slices.Backward(suite.stop) {
		stop()
	}
	if leaks := suite.planted.leaks(); len(leaks) > 0 {
		for _, leak := range leaks {
			fmt.Fprintln(os.Stderr, "planted secret in the output:", leak)
		}
		code = 1
	}
	os.Exit(code)
}

// root is the top of the repository.
func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

// program is the path of the gateway, built for this run.
func program(t *testing.T) string {
	t.Helper()
	return suite.binary.get(t, func() (string, error) {
		dir, err := os.MkdirTemp("", "sallyport-e2e-") //nolint:usetesting // shared by all tests
		if err != nil {
			return "", err
		}
		suite.atEnd(func() { _ = os.RemoveAll(dir) })
		path := filepath.Join(dir, "sallyport")
		build := exec.Command("go", "build", "-o", path, "./cmd/sallyport")
		build.Dir = root()
		if output, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build: %w\n%s", err, output)
		}
		return path, nil
	})
}
