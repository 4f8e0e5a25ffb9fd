package upstream

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const handshake = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: x\r\n\r\n"

// chat is an upstream that switches protocols and echoes; ended is closed when
// its connection is.
func chat(t *testing.T) (addr string, head <-chan []string, ended <-chan struct{}) {
	t.Helper()
	heads, end := make(chan []string, 1), make(chan struct{})
	addr = listen(t, func(c net.Conn, r *bufio.Reader) {
		lines, err := readHead(r)
		if err != nil {
			return
		}
		defer close(end)
		heads <- lines
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\nhello ")
		_, _ = io.Copy(c, r)
	})
	return addr, heads, end
}

// open switches protocols through the front.
func (b *bench) open(t *testing.T, early string) (net.Conn, *bufio.Reader, []string) {
	t.Helper()
	c, err := net.Dial("tcp", b.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, handshake+early); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	lines, err := readHead(r)
	if err != nil {
		t.Fatal(err)
	}
	return c, r, lines
}

func TestWebSocketTunnel(t *testing.T) {
	t.Parallel()
	addr, heads, ended := chat(t)
	b := start(t, addr, nil)
	c, r, lines := b.open(t, "early ")
	if !strings.HasPrefix(lines[0], "HTTP/1.1 101 ") || len(header(lines, "X-A")) != 1 ||
		!strings.EqualFold(strings.Join(header(lines, "Upgrade"), ""), "websocket") ||
		!strings.EqualFold(strings.Join(header(lines, "Connection"), ""), "upgrade") {
		t.Errorf("head %q", lines)
	}
	sent := <-heads
	if got := strings.Join(header(sent, "Connection"), ""); got != "keep-alive, Upgrade" {
		t.Errorf("Connection %q", got)
	}
	if got := strings.Join(header(sent, "Upgrade"), ""); got != "websocket" {
		t.Errorf("Upgrade %q", got)
	}
	_, _ = io.WriteString(c, "late")
	_ = c.(*net.TCPConn).CloseWrite()
	if got := text(t, r); got != "hello early late" {
		t.Errorf("got %q", got)
	}
	<-ended
	if got := b.lastRecord().status; got != http.StatusSwitchingProtocols {
		t.Errorf("recorded status %d", got)
	}
}

func TestATunnelEnds(t *testing.T) {
	t.Parallel()
	cancels := make(chan context.CancelCauseFunc, 1)
	for _, tc := range []struct {
		name   string
		change func(s *setup)
		end    func(c net.Conn)
	}{
		{"when the user agent leaves", nil, func(c net.Conn) { _ = c.Close() }},
		{"when it is idle for the read timeout", func(s *setup) { s.service.ReadTimeout = 100 * time.Millisecond }, func(net.Conn) {}},
		{
			"when the exchange is ended from outside", func(s *setup) {
				s.context = func(r *http.Request) context.Context {
					ctx, cancel := context.WithCancelCause(r.Context())
					cancels <- cancel
					return ctx
				}
			},
			func(net.Conn) { (<-cancels)(errEnded) },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, _, ended := chat(t)
			b := start(t, addr, tc.change)
			c, r, _ := b.open(t, "")
			if _, err := r.Peek(len("hello ")); err != nil {
				t.Fatal(err)
			}
			tc.end(c)
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				t.Error("the tunnel goes on")
			}
		})
	}
}

func TestTrafficInOneDirectionKeepsATunnelOpen(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
		for range 5 {
			time.Sleep(250 * time.Millisecond)
			_, _ = io.WriteString(c, "x")
		}
	})
	b := start(t, addr, func(s *setup) { s.service.ReadTimeout = time.Second })
	_, r, _ := b.open(t, "")
	got := make([]byte, 5)
	if _, err := io.ReadFull(r, got); err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOnlyWebSocketIsTunnelled(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, request string
		upgrades      bool
	}{
		{"websocket", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n", true},
		{"h2c would carry requests past the router", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n", false},
		{"two protocols", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", false},
		{"Upgrade that Connection does not name", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n", false},
		{"another method", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, head := capture(t)
			b := start(t, addr, nil)
			b.raw(t, tc.request)
			if upgrades := header(head(), "Upgrade") != nil; upgrades != tc.upgrades {
				t.Errorf("Upgrade reached the upstream: %v", upgrades)
			}
		})
	}
}

func TestASwitchToAnotherProtocolIsRefused(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(c net.Conn, r *bufio.Reader) {
		_, _ = readHead(r)
		_, _ = io.WriteString(c, "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
	})
	b := start(t, addr, nil)
	if _, _, lines := b.open(t, ""); !strings.HasPrefix(lines[0], "HTTP/1.1 502") {
		t.Errorf("got %q", lines[0])
	}
}
