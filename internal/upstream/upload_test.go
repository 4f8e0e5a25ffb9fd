package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/httperror"
)

// soon bounds what must not take a timeout.
const soon = 3 * time.Second

// upload begins a request by hand and gives the connection for the rest.
func (b *bench) upload(t *testing.T, begin string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", b.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(soon))
	if _, err := io.WriteString(c, begin); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func TestAnUploadOutlivesTheHeadOfItsAnswer(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		for _, early := range []bool{true, false} {
			got := make(chan string, 1)
			addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
				control := http.NewResponseController(w)
				_ = control.EnableFullDuplex()
				first := make([]byte, 1)
				_, _ = io.ReadFull(r.Body, first)
				if early {
					w.WriteHeader(http.StatusOK)
					_ = control.Flush()
				}
				rest, err := io.ReadAll(r.Body)
				got <- fmt.Sprint(string(first)+string(rest), err)
			})
			b := start(t, addr, nil)
			c, r := b.upload(t, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
			if early {
				if line, err := r.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 200") {
					t.Fatalf("%q %v", line, err)
				}
			}
			want := "a"
			for i := range 20 {
				_, _ = fmt.Fprintf(c, "4\r\n<%02d>\r\n", i)
				want += fmt.Sprintf("<%02d>", i)
				time.Sleep(2 * time.Millisecond)
			}
			_, _ = io.WriteString(c, "0\r\n\r\n")
			select {
			case text := <-got:
				if text != want+"<nil>" {
					t.Errorf("answered early %v: the upstream got %q", early, text)
				}
			case <-time.After(soon):
				t.Fatalf("answered early %v: the upstream waits", early)
			}
		}
	})
}

// What ends an exchange does so while the user agent pauses its upload too.
func TestAPausedUpload(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		answering := func(answer string) func(net.Conn, *bufio.Reader) {
			return func(c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				_, _ = io.WriteString(c, answer)
				_, _ = io.Copy(io.Discard, r)
			}
		}
		revoked := func(s *setup) {
			s.context = func(r *http.Request) context.Context {
				ctx, cancel := context.WithCancelCause(r.Context())
				time.AfterFunc(50*time.Millisecond, func() { cancel(httperror.New(http.StatusUnauthorized, "session revoked")) })
				return ctx
			}
		}
		const length, chunked = "Content-Length: 10\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
		for _, tc := range []struct {
			name   string
			talk   func(net.Conn, *bufio.Reader)
			change func(*setup)
			status string
		}{
			{"an early answer goes out", answering("HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nbody"), nil, "HTTP/1.1 413"},
			{"the exchange is ended from outside", answering(""), revoked, "HTTP/1.1 401"},
			{"the upstream closes", func(_ net.Conn, r *bufio.Reader) { _, _ = readHead(r); _, _ = r.ReadByte() }, nil, "HTTP/1.1 502"},
			{
				"the upstream resets", func(c net.Conn, r *bufio.Reader) {
					_, _ = readHead(r)
					_ = c.(*net.TCPConn).SetLinger(0)
				}, nil, "HTTP/1.1 502",
			},
		} {
			for _, body := range []string{length, chunked} {
				t.Run(tc.name, func(t *testing.T) {
					t.Parallel()
					b := start(t, listen(t, tc.talk), tc.change)
					_, r := b.upload(t, "POST / HTTP/1.1\r\nHost: a\r\n"+body)
					if line, err := r.ReadString('\n'); !strings.HasPrefix(line, tc.status) {
						t.Errorf("got %q %v, want %s", line, err, tc.status)
					}
				})
			}
		}
		t.Run("control: an upload that goes on arrives", func(t *testing.T) {
			t.Parallel()
			addr := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text(t, r.Body)) })
			b := start(t, addr, nil)
			c, r := b.upload(t, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab")
			time.Sleep(100 * time.Millisecond)
			_, _ = io.WriteString(c, "cd")
			if got := text(t, r); !strings.HasSuffix(got, "\r\n\r\nabcd") {
				t.Errorf("got %q", got)
			}
		})
	})
}

func TestTheWriteTimeoutEndsWithTheResponseHead(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		const pieces = 10
		for _, answers := range []bool{true, false} {
			addr := listen(t, func(c net.Conn, r *bufio.Reader) {
				_ = c.(*net.TCPConn).SetReadBuffer(1 << 10)
				_, _ = readHead(r)
				time.Sleep(150 * time.Millisecond) // until nothing more can be written
				if !answers {
					time.Sleep(soon / 3)
					return
				}
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", pieces)
				for range pieces {
					time.Sleep(60 * time.Millisecond)
					_, _ = io.WriteString(c, "x")
				}
			})
			b := start(t, addr, func(s *setup) { s.service.WriteTimeout = 400 * time.Millisecond })
			res := b.do(t, http.MethodPost, "/", io.LimitReader(endless{}, 64<<20))
			got, err := io.ReadAll(res.Body)
			if answers && (err != nil || len(got) != pieces) {
				t.Errorf("a good answer was cut: %q %v, recorded %v", got, err, b.lastCut())
			}
			if !answers && res.StatusCode != http.StatusGatewayTimeout {
				t.Errorf("an upstream that takes nothing: status %d", res.StatusCode)
			}
		}
	})
}

func TestAKeptConnectionThatEndsDoesNotRepeatAPOST(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		for _, tc := range []struct {
			method, header string
			times          int
		}{
			{http.MethodPost, "Idempotency-Key", 1},
			{http.MethodPost, "X-Idempotency-Key", 1},
			{http.MethodPost, "X-Other", 1},
			{http.MethodGet, "X-Other", 2}, // the transport does, and may
		} {
			heads := make(chan []string, 9)
			addr := listen(t, func(c net.Conn, r *bufio.Reader) {
				head, err := readHead(r)
				if err != nil {
					return
				}
				heads <- head
				_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
				if head, err := readHead(r); err == nil {
					heads <- head
				}
			})
			b := start(t, addr, nil)
			b.get(t, "/")
			<-heads
			b.do(t, tc.method, "/", nil, tc.header, "k")
			if len(heads) != tc.times {
				t.Errorf("%s with %s reached the upstream %d times", tc.method, tc.header, len(heads))
				continue
			}
			head := <-heads
			found := false
			for _, line := range head {
				found = found || strings.EqualFold(line, tc.header+": k")
			}
			if !found {
				t.Errorf("%s is missing in %q", tc.header, head)
			}
		}
	})
}

func TestErrorsQuoteNothingOfTheUpstream(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		const planted = "access_token=PLANTED"
		for _, answer := range []string{
			planted + " x\r\n\r\n",
			"HTTP/1.1 " + planted + "\r\n\r\n",
			"HTTP/1.1 200 OK\r\nSet-Cookie " + planted + "\r\n\r\n",
			"HTTP/1.1 200 OK\r\nContent-Length: " + planted + "\r\n\r\n",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + planted + "\r\n\r\n",
		} {
			addr := listen(t, func(c net.Conn, r *bufio.Reader) {
				_, _ = readHead(r)
				_, _ = io.WriteString(c, answer)
			})
			b := start(t, addr, nil)
			b.get(t, "/")
			var e *httperror.Error
			if err := b.lastError(); !errors.As(err, &e) || e.Status != http.StatusBadGateway {
				t.Errorf("%q: %v", answer, err)
			} else if strings.Contains(err.Error(), "PLANTED") || !errors.Is(err, errMalformed) {
				t.Errorf("logged: %v", err)
			}
		}
		control := start(t, listen(t, func(net.Conn, *bufio.Reader) {}), nil)
		control.get(t, "/")
		if err := control.lastError(); !errors.Is(err, errLost) {
			t.Errorf("an upstream that closes: %v", err)
		}
	})
}
