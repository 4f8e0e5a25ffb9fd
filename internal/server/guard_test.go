package server

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// impatient is the timeout for user agents in tests.
const impatient = 300 * time.Millisecond

func withImpatience(o *ProxyOptions) { o.ClientTimeout = impatient }

// fronts are what serves HTTP/1.1: the proxy's own front, and net/http behind
// the guard, which is the Admin API's.
var fronts = map[string]func(*testing.T, func(http.ResponseWriter, *plugin.Request), ...func(*ProxyOptions)) *running{
	"own": start,
	"net/http": func(t *testing.T, handler func(http.ResponseWriter, *plugin.Request), change ...func(*ProxyOptions)) *running {
		t.Helper()
		s, log, access := prepare(t, handler, change...)
		s.front = nil
		return run(t, s, log, access)
	},
}

// send opens a connection and writes the beginning of a request.
func send(t *testing.T, addr, begin string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, begin); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// takeBody answers with the body, or with 408 when it does not come.
func takeBody(w http.ResponseWriter, q *plugin.Request) {
	body, err := io.ReadAll(q.HTTP.Body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		answer(w, q, http.StatusRequestTimeout, "stalled")
		return
	}
	answer(w, q, http.StatusOK, string(body))
}

func TestAStalledUploadIsRefused(t *testing.T) {
	t.Parallel()
	for front, start := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			r := start(t, takeBody, withImpatience)
			began := time.Now()
			_, stalled := send(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
			if got := readReply(t, stalled); got.status != http.StatusRequestTimeout || !got.closed || time.Since(began) > impatient+soon {
				t.Errorf("got %+v after %v", got, time.Since(began))
			}
			if _, err := stalled.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("the connection goes on: %v", err)
			}
			slow, reader := send(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n")
			for range 8 { // longer than the timeout all in all
				time.Sleep(impatient / 6)
				_, _ = io.WriteString(slow, "x")
			}
			if got := readReply(t, reader); got.status != http.StatusOK || got.text != "xxxxxxxx" {
				t.Errorf("a slow upload got %+v", got)
			}
		})
	}
}

func TestAnAnswerThatNobodyTakesIsGivenUp(t *testing.T) {
	t.Parallel()
	for front, start := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			const size = 32 << 20
			failed := make(chan error, 2)
			r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
				q.Access.Status = http.StatusOK
				piece := make([]byte, 32<<10)
				for range size / len(piece) {
					if _, err := w.Write(piece); err != nil {
						failed <- err
						return
					}
				}
				failed <- nil
			}, withImpatience)
			began := time.Now()
			send(t, r.addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > impatient+soon {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			_, reader := send(t, r.addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			resp, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != size {
				t.Errorf("who reads gets %d bytes: %v", n, err)
			}
			if err := <-failed; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhoStallsOverTLSIsGivenUp(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		if q.HTTP.Method == http.MethodPost {
			takeBody(w, q)
			return
		}
		for piece := make([]byte, 1<<20); ; {
			if _, err := w.Write(piece); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
	}, withImpatience, func(o *ProxyOptions) {
		o.Certificates = []tls.Certificate{cert}
		o.Listen = []Listen{{Addr: "127.0.0.1:0", TLS: true}}
	})
	ask := func(head string) *bufio.Reader {
		c := tls.Client(dial(t, r.addr), &tls.Config{RootCAs: pool, ServerName: "a.test"})
		if _, err := io.WriteString(c, head); err != nil {
			t.Fatal(err)
		}
		return bufio.NewReader(c)
	}
	ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if got := readReply(t, ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nab")); got.status != http.StatusRequestTimeout || !got.closed {
		t.Errorf("got %+v", got)
	}
	for began := time.Now(); r.Stats().Active > 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > impatient+lingerTime+soon {
			t.Fatalf("%d connections are open", r.Stats().Active)
		}
	}
}

// A deadline that is left standing would end the request, or the next one.
func TestTheTimeoutCountsWhileAUserAgentIsWaitedFor(t *testing.T) {
	t.Parallel()
	for front, start := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			over := make(chan error, 4)
			r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
				body, err := io.ReadAll(q.HTTP.Body)
				q.Access.Status = http.StatusOK
				_, _ = w.Write(body)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(2 * impatient)
				_, _ = io.WriteString(w, " done")
				over <- errors.Join(err, q.HTTP.Context().Err())
			}, withImpatience)
			c, reader := send(t, r.addr, "")
			for range 2 {
				if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"); err != nil {
					t.Fatal(err)
				}
				if got := readReply(t, reader); got.err != nil || got.text != "body done" {
					t.Errorf("got %+v", got)
				}
				if err := <-over; err != nil {
					t.Error(err)
				}
				time.Sleep(2 * impatient) // an idle connection is not a stalled one
			}
		})
	}
}

func TestARefusalDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	for front, start := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
				answer(w, q, http.StatusUnauthorized, q.HTTP.Method)
			})
			for name, rest := range map[string]string{
				"length":            "Content-Length: 40\r\n\r\nab",
				"chunks":            "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
				"chunks that break": "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
				"expectation":       "Expect: 100-continue\r\nContent-Length: 40\r\n\r\n",
				"more than is read": fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 2*lingerBytes, strings.Repeat("x", lingerBytes)),
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					began := time.Now()
					c, reader := send(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\n"+rest)
					if got := readReply(t, reader); got.status != http.StatusUnauthorized || time.Since(began) > soon {
						t.Errorf("got %+v after %v", got, time.Since(began))
					}
					// The rest of the body must not be taken for a request.
					_, _ = io.WriteString(c, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
					if line, err := reader.ReadString('\n'); err == nil {
						t.Errorf("answered once more: %q", line)
					}
				})
			}
			t.Run("control: a whole body leaves the connection", func(t *testing.T) {
				t.Parallel()
				c, reader := send(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
				readReply(t, reader)
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if got := readReply(t, reader); got.text != http.MethodGet {
					t.Errorf("got %+v", got)
				}
			})
		})
	}
}

func TestACutDoesNotWaitForTheBody(t *testing.T) {
	t.Parallel()
	for front, start := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
				answer(w, q, http.StatusOK, "half")
				panic(http.ErrAbortHandler)
			})
			for _, body := range []string{"ab", "abcd"} {
				began := time.Now()
				_, reader := send(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"+body)
				if _, err := io.ReadAll(reader); errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > soon {
					t.Errorf("%q: the connection was open for %v", body, time.Since(began))
				}
			}
		})
	}
}

func TestGenericServerEndsStalledBodies(t *testing.T) {
	t.Parallel()
	s, err := NewHTTP(HTTPOptions{
		Common: Common{Name: "admin", Listen: []Listen{{Addr: "127.0.0.1:0"}}, ClientTimeout: impatient},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, s, new(logBuffer))
	for body, want := range map[string]int{"ab": http.StatusBadRequest, "abcd": http.StatusOK} {
		_, reader := send(t, r.addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"+body)
		if got := readReply(t, reader); got.status != want {
			t.Errorf("%q got %+v", body, got)
		}
	}
}

func TestACutAnswerDoesNotLookCompleteToHTTP10(t *testing.T) {
	t.Parallel()
	for front, start := range fronts {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			certFile, keyFile, pool := certificate(t, "a.test")
			cert, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err != nil {
				t.Fatal(err)
			}
			r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
				answer(w, q, http.StatusOK, "half")
				_ = http.NewResponseController(w).Flush()
				if q.Canonical.Path == "/cut" {
					panic(http.ErrAbortHandler)
				}
			}, func(o *ProxyOptions) {
				o.Certificates = []tls.Certificate{cert}
				o.Listen = []Listen{{Addr: "127.0.0.1:0"}, {Addr: "127.0.0.1:0", TLS: true}}
			})
			for name, open := range map[string]func() net.Conn{
				"plain": func() net.Conn { return dial(t, r.addr) },
				"tls": func() net.Conn {
					return tls.Client(dial(t, r.Addrs()[1].String()), &tls.Config{RootCAs: pool, ServerName: "a.test"})
				},
			} {
				for _, cut := range []bool{true, false} {
					c := open()
					path := "/whole"
					if cut {
						path = "/cut"
					}
					_, _ = io.WriteString(c, "GET "+path+" HTTP/1.0\r\nHost: a.test\r\n\r\n")
					_, err := io.ReadAll(c)
					if cut != errors.Is(err, syscall.ECONNRESET) || !cut && err != nil {
						t.Errorf("%s, cut %v: reading ended with %v", name, cut, err)
					}
				}
			}
		})
	}
}
