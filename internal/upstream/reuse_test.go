package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// counted is an upstream that counts connections and tells which one asks.
func counted(t *testing.T, talk func(n int64, c net.Conn, r *bufio.Reader)) (addr string, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	addr = listen(t, func(c net.Conn, r *bufio.Reader) { talk(connections.Add(1), c, r) })
	return addr, connections
}

func TestAConnectionIsKeptOnlyAfterACleanEnd(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, answer string
		kept                 bool
	}{
		{"known length", http.MethodGet, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
		{"chunks", http.MethodGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true},
		{"no body", http.MethodGet, "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"not modified", http.MethodGet, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", true},
		{"HEAD", http.MethodHead, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true},
		{"informational first", http.MethodGet, "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
		{"the upstream closes", http.MethodGet, "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", false},
		{"HTTP/1.0", http.MethodGet, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
		{"bytes after the answer", http.MethodGet, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX", false},
		{"bytes after chunks", http.MethodGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX", false},
		{"a body that must not be there", http.MethodGet, "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", false},
		{"chunks that must not be there", http.MethodGet, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, connections := counted(t, func(_ int64, c net.Conn, r *bufio.Reader) {
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, tc.answer)
				}
			})
			b := start(t, addr, nil)
			for range 3 {
				res := b.do(t, tc.method, "/", nil)
				if got := text(t, res.Body); got != "ok" && got != "" || res.StatusCode > 304 {
					t.Errorf("got %d %q", res.StatusCode, got)
				}
			}
			if got := connections.Load(); (got == 1) != tc.kept || (got == 3) == tc.kept {
				t.Errorf("%d connections for 3 requests", got)
			}
		})
	}
}

// A kept connection on which something came is not used: its bytes would be
// taken for the next answer.
func TestBytesOnAnIdleConnectionAnswerNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http", "https"} {
		for _, tc := range []struct{ name, method, late string }{
			{"an answer that nobody asked for", http.MethodGet, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
			{"an answer that nobody asked for, to a POST", http.MethodPost, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
			{"the end, before a GET", http.MethodGet, ""},
			{"the end, before a POST", http.MethodPost, ""},
		} {
			t.Run(protocol+": "+tc.name, func(t *testing.T) {
				t.Parallel()
				came := make(chan struct{})
				talk := func(n int64, c net.Conn, r *bufio.Reader) {
					head, err := readHead(r)
					if err != nil {
						return
					}
					skipBody(r, head)
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
					if n == 1 {
						time.Sleep(50 * time.Millisecond) // the answer has been read
						_, _ = io.WriteString(c, tc.late)
						if tc.late == "" {
							_ = c.Close()
						}
						close(came)
						_, _ = io.Copy(io.Discard, r)
					}
				}
				addr, connections := counted(t, talk)
				if protocol == "https" {
					addr, connections = countedTLS(t, talk)
				}
				b := start(t, addr, nil)
				for range 2 {
					var body io.Reader
					if tc.method == http.MethodPost {
						body = strings.NewReader("x")
					}
					if got := text(t, b.do(t, tc.method, "/", body).Body); got != "good" {
						t.Fatalf("got %q", got)
					}
					select {
					case <-came:
					case <-time.After(5 * time.Second):
						t.Fatal("the first connection was not asked")
					}
				}
				if got := connections.Load(); got != 2 {
					t.Errorf("%d connections", got)
				}
			})
		}
	}
}

// countedTLS is counted behind TLS.
func countedTLS(t *testing.T, talk func(n int64, c net.Conn, r *bufio.Reader)) (addr string, connections *atomic.Int64) {
	t.Helper()
	connections = &atomic.Int64{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		// The head was read: it is put back for talk.
		length := ""
		if r.ContentLength > 0 {
			length = "Content-Length: 1\r\n"
		}
		head := io.MultiReader(strings.NewReader("GET / HTTP/1.1\r\n"+length+"\r\n"), buffered)
		talk(connections.Add(1), c, bufio.NewReader(head))
	}))
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL, connections
}

// skipBody reads what comes after a head.
func skipBody(r *bufio.Reader, head []string) {
	n, _ := strconv.ParseInt(strings.Join(header(head, "Content-Length"), ""), 10, 64) // none is 0
	_, _ = io.CopyN(io.Discard, r, n)
}

// A connection that breaks under a request that may have been read.
func TestAStaleConnection(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, body string
		late               string // what comes before the break
		status             int
	}{
		{"a GET goes out again, without being a retry", http.MethodGet, "", "", 200},
		{"a PUT with a small body too", http.MethodPut, "x", "", 200},
		{"a POST may have been done", http.MethodPost, "", "", 502},
		{"a part of an answer came", http.MethodGet, "", "HTTP/1.1 2", 502},
		{"something was answered", http.MethodGet, "", "HTTP/1.1 100 Continue\r\n\r\n", 502},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, connections := counted(t, func(n int64, c net.Conn, r *bufio.Reader) {
				for i := 0; ; i++ {
					head, err := readHead(r)
					if err != nil {
						return
					}
					skipBody(r, head)
					if n == 1 && i == 1 {
						_, _ = io.WriteString(c, tc.late)
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			b := start(t, addr, nil)
			b.proxy.smallWait = time.Minute // a busy machine may be late with a byte
			b.get(t, "/")
			var body io.Reader
			if tc.body != "" {
				body = strings.NewReader(tc.body)
			}
			if res := b.do(t, tc.method, "/", body); res.StatusCode != tc.status {
				t.Errorf("status %d, want %d", res.StatusCode, tc.status)
			}
			if got, want := connections.Load(), map[int]int64{200: 2, 502: 1}[tc.status]; got != want {
				t.Errorf("%d connections, want %d", got, want)
			}
		})
	}
}

func TestPoolLimits(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	made := func(p *pool, key string) *wire {
		a, b := net.Pipe()
		t.Cleanup(func() { _ = b.Close() })
		return &wire{conn: a, key: key, kill: func() { _ = a.Close() }, clock: p.clock}
	}
	closed := func(w *wire) bool {
		_ = w.conn.SetReadDeadline(time.Unix(1, 0))
		_, err := w.conn.Read(make([]byte, 1))
		return errors.Is(err, io.ErrClosedPipe)
	}
	fresh := func() *pool {
		p := newPool(&dialer{}, transportKey{}, &Options{MaxIdle: 2, IdleTimeout: time.Minute})
		p.clock = func() time.Time { return now }
		t.Cleanup(func() { p.closeIdle(true) })
		return p
	}
	t.Run("one address keeps so many, and the last is used first", func(t *testing.T) {
		p := fresh()
		a, b, c := made(p, "a:1"), made(p, "a:1"), made(p, "a:1")
		p.put(a)
		p.put(b)
		p.put(c)
		if !closed(c) || closed(a) || closed(b) {
			t.Error("the one too many is not the one that is closed")
		}
		if p.take("a:1") != b || p.take("a:1") != a || p.take("a:1") != nil || p.total != 0 {
			t.Error("order differs")
		}
	})
	t.Run("all keep so many: the oldest goes", func(t *testing.T) {
		p := fresh()
		var all []*wire
		for i := range 9 {
			w := made(p, string(rune('a'+i))+":1")
			all = append(all, w)
			p.put(w)
			now = now.Add(time.Second)
		}
		if !closed(all[0]) || closed(all[1]) || p.total != 8 || len(p.shelves) != 8 {
			t.Errorf("%d kept on %d shelves", p.total, len(p.shelves))
		}
	})
	t.Run("what is idle for too long is closed", func(t *testing.T) {
		p := fresh()
		a, b := made(p, "a:1"), made(p, "b:1")
		p.put(a)
		now = now.Add(30 * time.Second)
		p.put(b)
		now = now.Add(30 * time.Second)
		p.sweep()
		if !closed(a) || closed(b) || p.total != 1 || len(p.shelves) != 1 || p.sweeper == nil {
			t.Errorf("%d kept on %d shelves", p.total, len(p.shelves))
		}
		now = now.Add(30 * time.Second)
		p.sweep()
		if !closed(b) || p.total != 0 || len(p.shelves) != 0 || p.sweeper != nil {
			t.Errorf("%d kept on %d shelves", p.total, len(p.shelves))
		}
	})
	t.Run("a closed pool keeps nothing", func(t *testing.T) {
		p := fresh()
		a, b := made(p, "a:1"), made(p, "a:1")
		p.put(a)
		p.closeIdle(true)
		p.put(b)
		if !closed(a) || !closed(b) || p.total != 0 || p.sweeper != nil {
			t.Error("a connection is open")
		}
	})
}

func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	addr, _ := counted(t, func(_ int64, c net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, r)
		close(ended)
	})
	b := start(t, addr, func(s *setup) { s.opts.IdleTimeout = 50 * time.Millisecond })
	b.get(t, "/")
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("an idle connection stays open")
	}
}

// Connections outlive a target as long as another shares them.
func TestTargetsShareConnections(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	addr, connections := counted(t, func(_ int64, c net.Conn, r *bufio.Reader) {
		for {
			if _, err := readHead(r); err != nil {
				close(ended)
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	b := start(t, addr, nil)
	other := b.proxy.Target(b.service)
	b.get(t, "/")
	b.target.Close()
	b.get(t, "/")
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections", got)
	}
	other.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the connection outlives its targets")
	}
}

func TestTheUserAgentLeavesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	asked, ended := make(chan struct{}), make(chan struct{})
	addr := listen(t, func(_ net.Conn, r *bufio.Reader) {
		if _, err := readHead(r); err != nil {
			return
		}
		close(asked)
		_, _ = io.Copy(io.Discard, r)
		close(ended)
	})
	b := start(t, addr, func(s *setup) { s.service.ReadTimeout, s.service.Retries = time.Minute, 5 })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, b.front.URL, nil)
	if res, err := b.front.Client().Do(r); err == nil {
		_ = res.Body.Close()
		t.Error("an answer came")
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the upstream is still waited for")
	}
}
