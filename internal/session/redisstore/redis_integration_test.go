//go:build integration

package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/session"
	"sallyport/internal/session/redisstore"
)

// server is a Redis that a test owns. It listens on a port and on a socket.
type server struct {
	port    int
	socket  string
	dir     string
	args    []string
	process *exec.Cmd
}

// newServer prepares a Redis without starting it.
func newServer(t *testing.T) *server {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("not a TCP address")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	s := &server{port: address.Port, dir: dir, socket: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		s.stop(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

// start starts it and waits until it answers.
func (s *server) start(t *testing.T) *server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed: run make deps")
	}
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--unixsocket", s.socket,
		"--dir", s.dir, "--save", "", "--appendonly", "no", "--daemonize", "no",
	}, s.args...)
	s.process = exec.Command(binary, args...)
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.DialTimeout("unix", s.socket, time.Second)
		if err == nil {
			_ = c.Close()
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("redis-server does not listen: %v", err)
		}
	}
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGCONT)
	_ = s.process.Process.Kill()
	_ = s.process.Wait() // it was killed, so there is an error
	s.process = nil
}

func (s *server) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// cli runs one command with redis-cli and returns its output.
func (s *server) cli(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "redis-cli", append([]string{"-s", s.socket}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("redis-cli %v: %v: %s (run make deps if it is missing)", args, err, out.String())
	}
	return out.String()
}

func (s *server) open(t *testing.T, opts redisstore.Options) *redisstore.Store {
	t.Helper()
	opts.Port = s.port
	store, err := redisstore.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// within fails the test when f takes longer than limit, and returns its error.
func within(t *testing.T, limit time.Duration, f func(context.Context) error) error {
	t.Helper()
	begun := time.Now()
	err := f(t.Context())
	if took := time.Since(begun); took > limit {
		t.Errorf("took %v, want at most %v", took, limit)
	}
	return err
}

func ask(store *redisstore.Store) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := store.Load(ctx, "session:nothing")
		if errors.Is(err, session.ErrAbsent) {
			return nil
		}
		return err
	}
}

// heals waits until the store answers again.
func heals(t *testing.T, store *redisstore.Store) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		err := ask(store)(t.Context())
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the store does not heal: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// dump is everything that Redis holds, keys and values, as text.
func (s *server) dump(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for key := range strings.FieldsSeq(s.cli(t, "--scan")) {
		b.WriteString(key + "\n")
		switch strings.TrimSpace(s.cli(t, "TYPE", key)) {
		case "string":
			b.WriteString(s.cli(t, "GET", key))
		case "zset":
			b.WriteString(s.cli(t, "ZRANGE", key, "0", "-1", "WITHSCORES"))
		default:
			t.Errorf("key %s is of no expected type", key)
		}
	}
	return b.String()
}
