//go:build integration

package dataplane

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// leave ends a connection: in order or, with reset, not.
func leave(c net.Conn, reset bool) {
	below := c
	if secured, ok := c.(*tls.Conn); ok && reset {
		below = secured.NetConn()
	}
	if tcp, ok := below.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = below.Close()
}

// patient is an upstream for clients that leave: it answers /hang never, /drip
// without end, and everything else when it has the body.
func patient(t *testing.T) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/hang"):
			if _, err := io.Copy(io.Discard, r.Body); err == nil { // until then net/http does not notice who leaves
				<-r.Context().Done()
			}
		case strings.HasPrefix(r.URL.Path, "/drip"):
			_ = http.NewResponseController(w).EnableFullDuplex() // or net/http waits for the body first
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 5000)); err != nil {
					return
				}
				_ = http.NewResponseController(w).Flush()
			}
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "ok")
		}
	}))
}

// Clients leave in every phase, at many bytes, in order and by a reset, with TLS
// and without: nothing of them is left, which the end of startGateway's test
// sees, and others are served meanwhile.
func TestClientsThatLeaveLeaveNothing(t *testing.T) {
	t.Parallel()
	g := startGateway(t, watched(t), uncollected, yaml(service{path: "/", url: patient(t)}, service{path: "/ws", url: echoing(t)}))
	const (
		head    = "POST /up HTTP/1.1\r\nHost: a.test\r\n"
		sized   = head + "Content-Length: 100000\r\n\r\n"
		chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
		upgrade = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	)
	phases := map[string]struct {
		sent string
		// read is how much is read before leaving, in bytes.
		read int
	}{
		"before the head":             {"", 0},
		"in the request line":         {head[:7], 0},
		"in the head":                 {head, 0},
		"before the body":             {sized, 0},
		"in a small body":             {head + "Content-Length: 10\r\n\r\nab", 0},
		"in a body":                   {sized + strings.Repeat("x", 50000), 0},
		"in a chunk size":             {chunked + "a", 0},
		"in a chunk":                  {chunked + "10000\r\n" + strings.Repeat("x", 50000), 0},
		"between chunks":              {chunked + "5\r\nhello\r\n", 0},
		"before 100 Continue":         {head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", 0},
		"after 100 Continue":          {head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", 10},
		"before the answer":           {"GET /hang HTTP/1.1\r\nHost: a.test\r\n\r\n", 0},
		"before the answer to a body": {"POST /hang HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nab", 0},
		"in the head of the answer":   {"GET /drip HTTP/1.1\r\nHost: a.test\r\n\r\n", 10},
		"in the answer":               {"GET /drip HTTP/1.1\r\nHost: a.test\r\n\r\n", 20000},
		"in the second of two":        {strings.Repeat("GET /drip HTTP/1.1\r\nHost: a.test\r\n\r\n", 2), 2000},
		"after the answer":            {"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 20},
		"before the tunnel":           {upgrade, 0},
		"in the tunnel":               {upgrade, 180},
		"in a frame":                  {upgrade + "\x82\xff\x00\x00", 180},
	}
	for name, p := range phases {
		t.Run(name, func(t *testing.T) {
			for _, addr := range []string{g.proxy, g.secured} {
				for i := range 10 {
					c := g.dial(t, addr)
					if _, err := io.WriteString(c, p.sent); err != nil {
						t.Fatal(err)
					}
					if _, err := io.ReadFull(c, make([]byte, p.read)); err != nil {
						t.Fatal(err)
					}
					if i%3 == 0 {
						time.Sleep(5 * time.Millisecond) // so that it has reached the upstream
					}
					leave(c, i%2 == 0)
				}
			}
			g.served(t)
		})
	}
	t.Run("in the handshake of TLS", func(t *testing.T) {
		for i := range 20 {
			c := g.dial(t, g.proxy)
			_ = c.Close()
			if c, err := net.Dial("tcp", g.secured); err == nil {
				_, _ = io.WriteString(c, "\x16\x03\x01\x02\x00\x01"[:i%7])
				leave(c, i%2 == 0)
			}
		}
		g.served(t)
	})
	t.Run("streams of HTTP/2", func(t *testing.T) {
		client := g.client(t, true)
		for _, path := range []string{"/hang", "/drip"} {
			for i := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				body, w := io.Pipe()
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+g.secured+path, body)
				if err != nil {
					t.Fatal(err)
				}
				go func() { // ends with the request
					_, _ = io.WriteString(w, "x")
					if path == "/hang" {
						time.Sleep(time.Duration(i%5) * time.Millisecond)
						cancel()
					}
				}()
				if res, err := client.Do(r); err == nil {
					_, _ = io.ReadFull(res.Body, make([]byte, 100))
					cancel()
					_ = res.Body.Close()
				}
				cancel()
				_ = w.Close()
			}
		}
		g.served(t)
	})
}

// served sees that a request is answered.
func (g *gateway) served(t *testing.T) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.proxy+"/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.client(t, false).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || string(text) != "ok" || err != nil {
		t.Errorf("got %d %.200q %v", res.StatusCode, text, err)
	}
}

// Upstreams that leave after any byte of their answer, in order and by a reset,
// leave nothing either, and no client takes a part for the whole.
func TestUpstreamsThatLeaveAtEveryByte(t *testing.T) {
	t.Parallel()
	pair, _ := newCertificate(t)
	answers := []string{
		ok + "Content-Length: 9\r\n\r\nthe whole",
		ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nthe \r\n5;x\r\nwhole\r\n0\r\n\r\n",
		"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Type: text/event-stream\r\nContent-Length: 9\r\n\r\nthe whole",
	}
	talk := func(c net.Conn, r *bufio.Reader) {
		if tls, ok := c.(*tls.Conn); ok {
			_ = tls.Handshake() // so that the read below is of the request
		}
		target, err := readRequest(r)
		if err != nil {
			return
		}
		if target == "/x" || strings.HasSuffix(target, "/x") {
			_, _ = io.WriteString(c, ok+"Content-Length: 2\r\nConnection: close\r\n\r\nok")
			return
		}
		var which, at, reset int
		if _, err := fmt.Sscanf(target[strings.LastIndexByte(target, '/')+1:], "%d-%d-%d", &which, &at, &reset); err != nil {
			return
		}
		_, _ = io.WriteString(c, answers[which][:at])
		leave(c, reset == 1)
	}
	plain, secured := serveRaw(t, nil, talk), serveRaw(t, &tls.Config{Certificates: []tls.Certificate{pair}}, talk)
	g := startGateway(t, watched(t), uncollected, yaml(
		service{path: "/", url: plain.url, more: "  retries: 0\n"},
		service{path: "/plain/", url: plain.url, more: "  retries: 0\n"},
		service{path: "/tls/", url: secured.url, more: "  retries: 0\n"},
	))
	for _, way := range []string{"plain", "tls"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			client := g.client(t, false)
			for which, text := range answers {
				for at := range len(text) + 1 {
					for reset := range 2 {
						if way == "tls" && at%5 != 0 && at != len(text) {
							continue // each costs a handshake
						}
						g.part(t, client, fmt.Sprintf("/%s/%d-%d-%d", way, which, at, reset), at == len(text), reset == 1)
					}
				}
			}
		})
	}
}

// part asks for an answer of which an upstream sends a part, or all.
func (g *gateway) part(t *testing.T, client *http.Client, path string, whole, reset bool) {
	t.Helper()
	body := io.Reader(nil)
	if len(path)%2 == 0 {
		body = bytes.NewReader(make([]byte, 40000))
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+g.proxy+path, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		if whole && !reset {
			t.Errorf("%s: %v", path, err)
		}
		return // cut before anything was sent
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	complete := res.StatusCode == http.StatusOK && err == nil
	switch {
	case complete && string(text) != "the whole":
		t.Errorf("%s: %q looks whole", path, text)
	case complete && !whole && !strings.Contains(path, "/1-"): // the last chunk may have come before the end of the trailer
		t.Errorf("%s: whole, although a part was sent", path)
	case whole && !reset && !complete:
		t.Errorf("%s: got %d %q %v", path, res.StatusCode, text, err)
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadGateway:
		t.Errorf("%s: got %d", path, res.StatusCode)
	}
}
