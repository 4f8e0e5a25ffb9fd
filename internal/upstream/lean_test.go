package upstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// What is rare goes to http.Transport, the rest does not.
func TestWhoTakesAnExchange(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, request string
		change        func(e *exchange)
		lean          bool
	}{
		{"a GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", nil, true},
		{"a body", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", nil, true},
		{"a body that waits to be asked for", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", nil, false},
		{"trailers that are taken", "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n", nil, false},
		{"trailers that are sent", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", nil, false},
		{"another protocol", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", func(e *exchange) { e.upgrade = true }, false},
		{"a name that needs IDNA", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", func(e *exchange) { e.t.plainName = false }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(tc.request)))
			if err != nil {
				t.Fatal(err)
			}
			e := &exchange{r: r, t: &Target{plainName: true}}
			if tc.change != nil {
				tc.change(e)
			}
			if got := e.lean(); got != tc.lean {
				t.Errorf("lean: %v", got)
			}
		})
	}
	p := New(Options{})
	for host, plain := range map[string]bool{"a.test": true, "[::1]": true, "b\u00fccher.test": false, "a b": false} {
		target := p.Target(&entity.Service{Protocol: "http", Host: host, Port: 80})
		if target.plainName != plain {
			t.Errorf("%q is plain: %v", host, target.plainName)
		}
		target.Close()
	}
}

// The answer may come in any pieces.
func TestAnAnswerInPieces(t *testing.T) {
	t.Parallel()
	const answer = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"
	cuts := make(chan int, 1)
	addr := listen(t, func(c net.Conn, r *bufio.Reader) {
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			cut := <-cuts
			_, _ = io.WriteString(c, answer[:cut])
			time.Sleep(time.Millisecond)
			_, _ = io.WriteString(c, answer[cut:])
		}
	})
	b := start(t, addr, nil)
	for cut := range len(answer) {
		cuts <- cut
		res := b.get(t, "/")
		if got := text(t, res.Body); got != "abc0123456789" || res.Header.Get("X-A") != "1" {
			t.Errorf("cut at %d: got %d %q", cut, res.StatusCode, got)
		}
	}
}

// An answer that breaks off at any byte looks complete only where it is.
func TestAnAnswerThatBreaksOffAnywhere(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\n0123\r\n0\r\nX-T: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nabc0123",
	} {
		var cut atomic.Int64
		addr := listen(t, func(c net.Conn, r *bufio.Reader) {
			if _, err := readHead(r); err == nil {
				_, _ = io.WriteString(c, answer[:cut.Load()])
			}
		})
		b := start(t, addr, nil)
		for n := range len(answer) {
			cut.Store(int64(n))
			if b.complete(t) && b.lastRecord().status == http.StatusOK {
				t.Errorf("cut at %d of %q: the answer looks complete", n, answer)
			}
		}
	}
}

func TestALongHeadAndALongBody(t *testing.T) {
	t.Parallel()
	value := strings.Repeat("v", 100<<10)
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", value)
		w.Header().Set("X-Sent", r.Header.Get("X-Sent"))
		_, _ = io.Copy(w, io.LimitReader(pattern{}, 4<<20))
	})
	b := start(t, addr, nil)
	for range 2 {
		res := b.get(t, "/", "X-Sent", value)
		n, err := io.Copy(io.Discard, res.Body)
		if err != nil || n != 4<<20 || res.Header.Get("X-Long") != value || res.Header.Get("X-Sent") != value {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

func TestHeadsThatAreTooLarge(t *testing.T) {
	t.Parallel()
	const end = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for name, answer := range map[string]string{
		"one head":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxResponseHead) + "\r\nContent-Length: 0\r\n\r\n",
		"many of them": strings.Repeat("HTTP/1.1 100 Continue\r\nX: "+strings.Repeat("x", 1000)+"\r\n\r\n", maxResponseHead/1000) + end,
	} {
		addr := listen(t, func(c net.Conn, r *bufio.Reader) {
			if _, err := readHead(r); err == nil {
				_, _ = io.WriteString(c, answer)
				_, _ = io.Copy(io.Discard, r)
			}
		})
		if res := start(t, addr, nil).get(t, "/"); res.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: status %d", name, res.StatusCode)
		}
	}
}

// What a plugin sets cannot frame the message.
func TestOverlaysCannotFrameTheMessage(t *testing.T) {
	t.Parallel()
	addr, head := capture(t)
	b := start(t, addr, func(s *setup) {
		s.exchange = func(x *Exchange) {
			x.Header = &message.Overlay{}
			for _, name := range []string{"Content-Length", "Transfer-Encoding", "Host", "Trailer"} {
				x.Header.Add(name, "7")
			}
			x.Header.Add("Via", "1.1 other")
			x.Header.Add("Cookie", "added=1")
		}
	})
	b.get(t, "/", "Cookie", "a=b")
	for name, want := range map[string]string{
		"Content-Length": "", "Transfer-Encoding": "", "Trailer": "", "Host": addr,
		"Via": "1.1 sallyport|1.1 other", "Cookie": "a=b|added=1",
	} {
		if got := strings.Join(header(head(), name), "|"); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// allocBudget is what one exchange may allocate: two to be ended from outside,
// one each for itself, the answer's head, its values, the client's address, the
// cookies that are left, the overlay's value, and room for what the pools lost.
const allocBudget = 10

func TestAllocationsOfAnExchange(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts everybody's
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	target, x, r := exchangeOf(t)
	w := &nullWriter{h: http.Header{}}
	ctx := t.Context()
	got := testing.AllocsPerRun(500, func() {
		if err := target.Serve(ctx, w, r, x); err != nil {
			t.Fatal(err)
		}
	})
	if got > allocBudget {
		t.Errorf("%v allocations, the budget is %d", got, allocBudget)
	}
}

// Nothing is left of exchanges, however they ended.
func TestNothingIsLeftBehind(t *testing.T) { //nolint:paralleltest // it counts goroutines
	before := runtime.NumGoroutine()
	t.Run("exchanges", func(t *testing.T) {
		addr := listen(t, func(c net.Conn, r *bufio.Reader) {
			for n := 0; ; n++ {
				head, err := readHead(r)
				if err != nil {
					return
				}
				skipBody(r, head)
				answer := "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
				if n == 3 {
					_, _ = io.WriteString(c, answer[:len(answer)-2])
					return
				}
				_, _ = io.WriteString(c, answer)
			}
		})
		b := start(t, addr, nil)
		for range 10 {
			b.complete(t)
			res, err := b.front.Client().Post(b.front.URL, "", io.LimitReader(pattern{}, 100<<10))
			if err == nil { // else it was cut
				_ = res.Body.Close()
			}
		}
		b.front.Client().CloseIdleConnections()
	})
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d now:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
}
