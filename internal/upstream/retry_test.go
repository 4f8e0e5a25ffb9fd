package upstream

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRetries(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		const closes, hangs = "closes", "hangs"
		for _, tc := range []struct {
			name, method, upstream string
			body                   func() io.Reader
			retries                int
			attempts               int64
		}{
			{"a GET whose connection breaks is repeated", http.MethodGet, closes, nil, 3, 4},
			{"no more often than the service says", http.MethodGet, closes, nil, 0, 1},
			{"a GET that times out is repeated", http.MethodGet, hangs, nil, 1, 2},
			{"DELETE is idempotent", http.MethodDelete, closes, nil, 1, 2},
			{"POST is not repeated once it was sent", http.MethodPost, closes, nil, 3, 1},
			{"PATCH neither", http.MethodPatch, closes, nil, 3, 1},
			{"LOCK neither", "LOCK", closes, nil, 3, 1},
			{"a small body is sent again", http.MethodPut, closes, func() io.Reader { return strings.NewReader("data") }, 3, 4},
			{"but not that of a POST", http.MethodPost, closes, func() io.Reader { return strings.NewReader("data") }, 3, 1},
			{"nor one of which the beginning is gone", http.MethodPut, closes, func() io.Reader { return io.LimitReader(endless{}, 3*maxKept) }, 3, 1},
		} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				var attempts atomic.Int64
				addr := listen(t, func(_ net.Conn, r *bufio.Reader) {
					head, err := readHead(r)
					if err != nil {
						return
					}
					attempts.Add(1)
					if l := header(head, "Content-Length"); len(l) > 0 && l[0] != "0" {
						_, _ = r.Peek(1)
					}
					if len(header(head, "Transfer-Encoding")) > 0 {
						_, _ = io.CopyN(io.Discard, r, 2*maxKept)
					}
					if tc.upstream == hangs {
						_, _ = io.Copy(io.Discard, r)
					}
				})
				b := start(t, addr, func(s *setup) {
					s.service.Retries = tc.retries
					if tc.upstream == hangs {
						s.service.ReadTimeout = 50 * time.Millisecond
					}
				})
				var body io.Reader
				if tc.body != nil {
					body = tc.body()
				}
				if res := b.do(t, tc.method, "/", body); res.StatusCode < 500 {
					t.Errorf("status %d", res.StatusCode)
				}
				if got := attempts.Load(); got != tc.attempts {
					t.Errorf("%d attempts, want %d", got, tc.attempts)
				}
			})
		}
	})
}

// flaky refuses the first connections in a way of its own.
func flaky(t *testing.T, broken int64, break_ func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	var n atomic.Int64
	return listen(t, func(c net.Conn, r *bufio.Reader) {
		if n.Add(1) <= broken {
			break_(c, r)
			return
		}
		head, err := readHead(r)
		if err != nil {
			return
		}
		body := ""
		if len(header(head, "Content-Length")) > 0 {
			p := make([]byte, 4)
			_, _ = io.ReadFull(r, p)
			body = string(p)
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ngot "+body)
	})
}

func TestARetrySucceeds(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		addr := flaky(t, 2, func(c net.Conn, r *bufio.Reader) {
			_, _ = readHead(r)
			_, _ = io.WriteString(c, "nonsense\r\n\r\n")
		})
		b := start(t, addr, func(s *setup) { s.service.Retries = 5 })
		if res := b.get(t, "/"); res.StatusCode != http.StatusOK || text(t, res.Body) != "got " {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

// replayed is a body that can be sent again, as a peeked form is.
type replayed struct{ io.Reader }

func (replayed) Close() error          { return nil }
func (replayed) Rewind() io.ReadCloser { return replayed{strings.NewReader("data")} }

func TestAReplayableBodyIsSentAgain(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		addr := flaky(t, 1, func(_ net.Conn, r *bufio.Reader) {
			_, _ = readHead(r)
			_, _ = r.Peek(4)
		})
		b := start(t, addr, func(s *setup) {
			s.service.Retries = 1
			s.context = func(r *http.Request) context.Context {
				r.Body = replayed{strings.NewReader("data")}
				return r.Context()
			}
		})
		res := b.do(t, http.MethodPut, "/", strings.NewReader("data"))
		if got := text(t, res.Body); got != "got data" {
			t.Errorf("got %d %q", res.StatusCode, got)
		}
	})
}

func TestNoRetryAfterAnInformationalResponse(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		var attempts atomic.Int64
		addr := listen(t, func(c net.Conn, r *bufio.Reader) {
			if _, err := readHead(r); err == nil {
				attempts.Add(1)
				_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
			}
		})
		b := start(t, addr, func(s *setup) { s.service.Retries = 3 })
		if res := b.get(t, "/"); res.StatusCode != http.StatusBadGateway || attempts.Load() != 1 {
			t.Errorf("status %d after %d attempts", res.StatusCode, attempts.Load())
		}
	})
}
