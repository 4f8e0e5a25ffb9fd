package redistest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Server is a Redis that a test owns. It listens on a port and on a socket.
type Server struct {
	Port   int
	Socket string
	// Args are further arguments of redis-server.
	Args    []string
	dir     string
	process *exec.Cmd
}

// New prepares a Redis without starting it. It ends with the test.
func New(t testing.TB) *Server {
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
	s := &Server{Port: address.Port, dir: dir, Socket: filepath.Join(dir, "s")}
	t.Cleanup(func() {
		s.Stop(t)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Start starts it and waits until it answers.
func (s *Server) Start(t testing.TB) *Server {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is not installed: run make deps")
	}
	args := append([]string{
		"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--unixsocket", s.Socket,
		"--dir", s.dir, "--save", "", "--appendonly", "no", "--daemonize", "no",
	}, s.Args...)
	s.process = exec.Command(binary, args...) //nolint:gosec,noctx // arguments of a test; Stop ends it
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "unix", s.Socket)
		if err == nil {
			_ = c.Close()
			return s
		}
		if ctx.Err() != nil {
			t.Fatalf("redis-server does not listen: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Stop kills it; what it held is gone.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGCONT)
	_ = s.process.Process.Kill()
	_ = s.process.Wait() // it was killed, so there is an error
	s.process = nil
}

// Signal sends a signal to its process.
func (s *Server) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// CLI runs one command with redis-cli and returns its output.
func (s *Server) CLI(t testing.TB, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "redis-cli", append([]string{"-s", s.Socket}, args...)...) //nolint:gosec // arguments of a test
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("redis-cli %v: %v: %s (run make deps if it is missing)", args, err, out.String())
	}
	return out.String()
}
