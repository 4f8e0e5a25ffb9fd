//go:build integration

package dataplane

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// serve runs an upstream until the test ends, and gives its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// rawUpstream is an upstream that speaks bytes. It counts its connections.
type rawUpstream struct {
	url string

	mu             sync.Mutex // guards what follows
	accepted, open int
}

// serveRaw runs a raw upstream until the test ends: talk gets each connection,
// which is closed when it returns.
func serveRaw(t *testing.T, config *tls.Config, talk func(c net.Conn, r *bufio.Reader)) *rawUpstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &rawUpstream{url: "http://" + l.Addr().String()}
	if config != nil {
		l = tls.NewListener(l, config)
		u.url = "https://" + l.Addr().String()
	}
	var all sync.WaitGroup
	conns := map[net.Conn]struct{}{}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			u.mu.Lock()
			conns[c] = struct{}{}
			u.accepted++
			u.open++
			u.mu.Unlock()
			all.Go(func() {
				talk(c, bufio.NewReader(c))
				_ = c.Close() // both are done with it
				u.mu.Lock()
				defer u.mu.Unlock()
				delete(conns, c)
				u.open--
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		u.mu.Lock()
		for c := range conns {
			_ = c.Close()
		}
		u.mu.Unlock()
		all.Wait()
	})
	return u
}

func (u *rawUpstream) connections() (accepted, open int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.accepted, u.open
}

// readRequest reads a request with its body, and gives its target.
func readRequest(r *bufio.Reader) (target string, err error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = req.Body.Close() }()
	if strings.EqualFold(req.Header.Get("Expect"), "100-continue") {
		return req.RequestURI, nil // the body may stay where it is
	}
	_, err = io.Copy(io.Discard, req.Body)
	return req.RequestURI, err
}
