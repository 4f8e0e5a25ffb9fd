package upstream

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/httperror"
)

// closedPort is an address at which nobody listens: no other test takes the
// port over, as theirs are at 127.0.0.1.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

// The list of what must be refused, item 12.
func TestUpstreamFailures(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		answering := func(answer string) func(t *testing.T) string {
			return func(t *testing.T) string {
				return listen(t, func(c net.Conn, r *bufio.Reader) {
					if _, err := readHead(r); err == nil {
						_, _ = io.WriteString(c, answer)
					}
				})
			}
		}
		for _, tc := range []struct {
			name    string
			addr    func(t *testing.T) string
			change  func(s *setup)
			status  int
			message string
		}{
			{"an upstream that answers", answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), nil, 200, ""},
			{"an error of the upstream's passes", answering("HTTP/1.1 503 No\r\nContent-Length: 6\r\n\r\ntheirs"), nil, 503, "theirs"},
			{"down", closedPort, nil, 502, "An invalid response was received from the upstream server"},
			{"closes at once", answering(""), nil, 502, "An invalid response"},
			{"nonsense", answering("SSH-2.0-OpenSSH_9.2\r\n"), nil, 502, "An invalid response"},
			{"a status that is none", answering("HTTP/1.1 007 Bond\r\n\r\n"), nil, 502, "An invalid response"},
			{"a head that breaks off", answering("HTTP/1.1 200 OK\r\nContent-Le"), nil, 502, "An invalid response"},
			{"a broken header line", answering("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), nil, 502, "An invalid response"},
			{"two lengths", answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), nil, 502, "An invalid response"},
			{"an endless head", answering("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxResponseHead)), nil, 502, "An invalid response"},
			{"switches protocols without being asked", answering("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), nil, 502, "An invalid response"},
			{
				"hangs before the head", func(t *testing.T) string {
					return listen(t, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) })
				},
				func(s *setup) { s.service.ReadTimeout = 50 * time.Millisecond }, 504, "The upstream server is timing out",
			},
			{
				"takes no bytes", func(t *testing.T) string {
					return listen(t, func(c net.Conn, _ *bufio.Reader) {
						_ = c.(*net.TCPConn).SetReadBuffer(1 << 10)
						time.Sleep(2 * time.Second) // far longer than the write timeout, also on a busy machine
					})
				},
				func(s *setup) { s.service.WriteTimeout = 50 * time.Millisecond }, 504, "The upstream server is timing out",
			},
			{
				"a connection that is not made", func(t *testing.T) string { return closedPort(t) },
				func(s *setup) { s.service.ConnectTimeout = time.Nanosecond }, 504, "The upstream server is timing out",
			},
			{
				"no such name", func(*testing.T) string { return "nowhere.invalid:80" },
				func(s *setup) { s.opts.Resolver = deafResolver() }, 503, "name resolution failed",
			},
			{
				"a certificate that does not verify", tlsUpstream,
				func(s *setup) { s.service.TLSVerify = new(true) }, 502, "An invalid response",
			},
			{"a certificate that nobody asked to verify", tlsUpstream, nil, 200, ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				b := start(t, tc.addr(t), tc.change)
				var res reply
				if tc.name == "takes no bytes" {
					res = b.do(t, http.MethodPost, "/", io.LimitReader(endless{}, 64<<20))
				} else {
					res = b.get(t, "/")
				}
				if body := text(t, res.Body); res.StatusCode != tc.status || !strings.Contains(body, tc.message) {
					t.Errorf("got %d %q, want %d %q", res.StatusCode, body, tc.status, tc.message)
				}
			})
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// deafResolver reaches no name server.
func deafResolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
}

func TestTLSToTheUpstream(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		names := make(chan string, 2)
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { names <- r.TLS.ServerName }))
		s.Config.ErrorLog = quiet()
		s.StartTLS()
		t.Cleanup(s.Close)
		roots := x509.NewCertPool()
		roots.AddCert(s.Certificate())
		for _, preserve := range []bool{true, false} {
			b := start(t, s.URL, func(st *setup) {
				st.opts.RootCAs, st.opts.TLSVerify, st.route.PreserveHost = roots, true, preserve
			})
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.front.URL, nil)
			r.Host = "example.com" // a name of httptest's certificate
			res, err := b.front.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				t.Fatalf("preserve_host %v: status %d", preserve, res.StatusCode)
			}
			want := "" // an address is no server name
			if preserve {
				want = "example.com"
			}
			if got := <-names; got != want {
				t.Errorf("preserve_host %v: server name %q, want %q", preserve, got, want)
			}
			if preserve {
				r.Host = "other.test"
				res, err := b.front.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusBadGateway {
					t.Errorf("a connection verified for one name serves another: status %d", res.StatusCode)
				}
			}
		}
	})
}

func TestTimeoutsCountOneOperation(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
			text(t, r.Body)
			for range 6 {
				time.Sleep(250 * time.Millisecond)
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
			}
		})
		b := start(t, addr, func(s *setup) {
			s.service.ReadTimeout, s.service.WriteTimeout = time.Second, time.Second
		})
		t.Run("a slow answer", func(t *testing.T) {
			t.Parallel()
			if got := text(t, b.get(t, "/").Body); got != "xxxxxx" {
				t.Errorf("1.5 s with pieces every 250 ms gave %q", got)
			}
		})
		t.Run("a user agent slower than any timeout", func(t *testing.T) {
			t.Parallel()
			pr, pw := io.Pipe()
			go func() {
				time.Sleep(1200 * time.Millisecond)
				_, _ = io.WriteString(pw, "x")
				_ = pw.Close()
			}()
			// The upstream's 100 does not start the clock either.
			if res := b.do(t, http.MethodPost, "/", pr, "Expect", "100-continue"); res.StatusCode != http.StatusOK {
				t.Errorf("status %d", res.StatusCode)
			}
		})
	})
}

func TestAnAnswerThatStallsIsCut(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		addr := listen(t, func(c net.Conn, r *bufio.Reader) {
			_, _ = readHead(r)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			_, _ = io.Copy(io.Discard, r)
		})
		b := start(t, addr, func(s *setup) { s.service.ReadTimeout = 50 * time.Millisecond })
		if b.complete(t) {
			t.Error("half an answer looks complete")
		}
		var e *httperror.Error
		if cut := b.lastCut(); !errors.As(cut, &e) || e.Status != http.StatusGatewayTimeout {
			t.Errorf("recorded %v", cut)
		}
	})
}

func TestAnExchangeIsEndedFromOutside(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		for _, tc := range []struct {
			name, head string
			cause      error
			status     int // 0: cut
		}{
			{"before the head, with an answer", "", httperror.New(http.StatusUnauthorized, "Session ended"), 401},
			{"before the head, with a mere error", "", errEnded, 500},
			{"after the head", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", errEnded, 0},
		} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				cancel := make(chan context.CancelCauseFunc, 1)
				addr := listen(t, func(c net.Conn, r *bufio.Reader) {
					_, _ = readHead(r)
					_, _ = io.WriteString(c, tc.head)
					if tc.head == "" {
						(<-cancel)(tc.cause)
					}
					_, _ = io.Copy(io.Discard, r)
				})
				b := start(t, addr, func(s *setup) {
					s.route.ResponseBuffering = false
					s.service.Retries = 5
					s.context = func(r *http.Request) context.Context {
						ctx, c := context.WithCancelCause(r.Context())
						cancel <- c
						return ctx
					}
				})
				res := b.get(t, "/")
				if tc.status != 0 {
					if res.StatusCode != tc.status {
						t.Errorf("status %d, want %d", res.StatusCode, tc.status)
					}
					return
				}
				(<-cancel)(tc.cause)
				if _, err := io.ReadAll(res.Body); err == nil {
					t.Error("the answer looks complete")
				}
				if cut := b.lastCut(); !errors.Is(cut, errEnded) {
					t.Errorf("recorded %v", cut)
				}
			})
		}
	})
}

func TestABrokenUploadIsTheUserAgentsFault(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		addr := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
		b := start(t, addr, func(s *setup) { s.service.Retries = 3 })
		got := b.raw(t, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nzz\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 400") {
			t.Errorf("got %q", got)
		}
	})
}

func TestHostsOfTheUserAgentDoNotMultiplyConnections(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		var accepted atomic.Int64
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Host+" by "+r.TLS.ServerName)
		}))
		s.Config.ErrorLog = quiet()
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				accepted.Add(1)
			}
		}
		s.StartTLS()
		t.Cleanup(s.Close)
		b := start(t, s.URL, func(st *setup) { st.route.PreserveHost = true })
		for _, host := range []string{"a.test", "b.test", "c.test"} {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.front.URL, nil)
			r.Host = host
			res, err := b.front.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, res.Body); got != host+" by " {
				t.Errorf("got %q", got)
			}
			_ = res.Body.Close()
		}
		if n := accepted.Load(); n != 1 {
			t.Errorf("%d connections for one service", n)
		}
	})
}
