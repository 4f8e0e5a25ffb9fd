package script

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// gateway is the built binary, running until the test ends.
type gateway struct {
	cmd *exec.Cmd
	// proxies and admin are the addresses that it listens on.
	proxies []string
	admin   string

	mu  sync.Mutex // guards log
	log bytes.Buffer
}

var listening = regexp.MustCompile(`msg=listening listener=(\w+) address=(\S+)`)

// startGateway starts the binary with an Admin API on a free port, and waits
// until it listens on n addresses of the proxy.
func startGateway(t *testing.T, env []string, n int, args ...string) *gateway {
	t.Helper()
	g := &gateway{}
	args = append([]string{"start", "--admin-listen", "127.0.0.1:0", "--access-log", "off"}, args...)
	g.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(binaries, "sallyport"), args...)
	g.cmd.Env = append(os.Environ(), env...)
	stderr, err := g.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan struct{})
	go g.read(bufio.NewScanner(stderr), n, ready, ended)
	t.Cleanup(func() {
		_ = g.cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if err := g.cmd.Wait(); err != nil {
			t.Errorf("the gateway ended with %v\n%s", err, g.text())
		}
	})
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("the gateway ended\n%s", g.text())
	case <-time.After(4 * patience):
		t.Fatalf("the gateway does not listen\n%s", g.text())
	}
	return g
}

// read keeps the log until it ends.
func (g *gateway) read(lines *bufio.Scanner, n int, ready, ended chan<- struct{}) {
	defer close(ended)
	for lines.Scan() {
		g.mu.Lock()
		g.log.WriteString(lines.Text() + "\n")
		g.mu.Unlock()
		m := listening.FindStringSubmatch(lines.Text())
		switch {
		case m == nil:
			continue
		case m[1] == "admin":
			g.admin = "http://" + m[2]
		default:
			g.proxies = append(g.proxies, m[2])
		}
		if g.admin != "" && len(g.proxies) == n {
			close(ready)
			ready, n = nil, -1
		}
	}
}

func (g *gateway) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.String()
}

// logs waits for a text in the log.
func (g *gateway) logs(t *testing.T, text string) {
	t.Helper()
	waitFor(t, text, func() bool { return strings.Contains(g.text(), text) })
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(4 * patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
	return name
}
