package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// The end may come in one event with the last request, and no other event tells
// of it.
func TestAConnectionEndedWithItsLastRequestIsClosedSoon(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		time.Sleep(20 * time.Millisecond) // the end comes while the request is served, too
		answer(w, q, 200, "hello")
	})
	for _, requests := range []int{1, 3} {
		t.Run(fmt.Sprint(requests, " requests"), func(t *testing.T) {
			t.Parallel()
			c := dial(t, r.addr).(*net.TCPConn)
			cork(t, c)
			if _, err := io.WriteString(c, strings.Repeat("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", requests)); err != nil {
				t.Fatal(err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("the connection ends with %v", err)
			}
			if took := time.Since(began); took > soon {
				t.Errorf("it is closed after %v", took)
			}
		})
	}
}

// With an empty line the next request has begun, so that it is not between two
// requests that the end is met.
func TestAConnectionEndedBehindAnEmptyLineIsClosedSoon(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, "hello") })
	for _, sent := range []string{"\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n\r\n"} {
		c := dial(t, r.addr).(*net.TCPConn)
		cork(t, c)
		if _, err := io.WriteString(c, sent); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("%q: the connection ends with %v", sent, err)
		}
		if took := time.Since(began); took > soon {
			t.Errorf("%q: it is closed after %v", sent, took)
		}
	}
}

// How much was read ahead does not count as the length of a target that has
// come to its end.
func TestAnEmptyLineIsBorneBeforeAnyLengthOfInput(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	long := "GET /1 HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n"
	for name, tc := range map[string]struct {
		input string
		want  error
	}{
		"an empty line":                {"\r\n" + long, nil},
		"a target that has no end yet": {"GET /" + strings.Repeat("x", maxTarget+64), errTargetLong},
	} {
		c := &conn{connection: &connection{clock: newClock(time.Now)}, front: &front{opts: &Common{MaxHeaderBytes: limit}}}
		c.in.b = []byte(tc.input)
		c.in.end = len(c.in.b)
		n, err := c.nextHead()
		if !errors.Is(err, tc.want) || (n == len(long)) != (tc.want == nil) {
			t.Errorf("%s: a head of %d bytes, %v", name, n, err)
		}
	}
}

// Whoever serves a request of a turn cannot read from the connection.
func TestOnlyARequestToUpgradeCanBeHijacked(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			answer(w, q, 200, fmt.Sprint(errors.Is(err, http.ErrNotSupported)))
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		_ = c.Close()
	})
	for upgrade, want := range map[string]string{"": "HTTP/1.1 200 OK", "Connection: Upgrade\r\nUpgrade: x\r\n": "HTTP/1.1 101 Switching Protocols"} {
		c := dial(t, r.addr)
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n"+upgrade+"\r\n"); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(c)
		if !strings.HasPrefix(string(text), want) || upgrade == "" && !strings.HasSuffix(string(text), "true") {
			t.Errorf("%q: %q", upgrade, text)
		}
	}
}

// Requests that need more than their head leave the turn; those around them do
// not.
func TestPipelinedRequestsOfAllKindsAreServedInOrder(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		body, err := io.ReadAll(q.HTTP.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, q, 200, q.Canonical.Path+":"+string(body))
	})
	requests := []struct{ request, want string }{
		{"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", "/1:"},
		{"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "/2:abc"},
		{"GET /3 HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", "/3:"},
		{"POST /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n", "/4:de"},
		{"\r\nGET /5 HTTP/1.1\r\nHost: a\r\n\r\n", "/5:"},
		{"GET /6 HTTP/1.1\r\nHost: a\r\n\r\n", "/6:"},
	}
	all := ""
	for _, x := range requests {
		all += x.request
	}
	for piece := 1; piece <= len(all); piece += 1 + piece/8 {
		c := dial(t, r.addr)
		go func() { // ends with what it writes
			for at := 0; at < len(all); at += piece {
				_, _ = io.WriteString(c, all[at:min(at+piece, len(all))])
			}
		}()
		reader := bufio.NewReader(c)
		for _, x := range requests {
			res, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("in pieces of %d, %s: %v", piece, x.want, err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || string(body) != x.want {
				t.Fatalf("in pieces of %d: %q %v, want %q", piece, body, err, x.want)
			}
			_ = res.Body.Close()
		}
		_ = c.Close()
	}
}

// The sweeper must not wait for a handler.
func TestAStuckHandlerDoesNotHoldUpTheSweeper(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		if q.Canonical.Path == "/stuck" {
			<-release
		}
		answer(w, q, 200, "hello")
	}, func(o *ProxyOptions) { o.IdleTimeout, o.ReadHeaderTimeout = 200*time.Millisecond, 200*time.Millisecond })
	t.Cleanup(func() { close(release) })
	stuck := dial(t, r.addr)
	if _, err := io.WriteString(stuck, "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for _, begin := range []string{"", "GET / HTTP/1.1\r\nHo", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"} {
		c := dial(t, r.addr)
		if _, err := io.WriteString(c, begin); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, _ = io.Copy(io.Discard, c)
		if took := time.Since(began); took > soon {
			t.Errorf("after %q the connection is closed after %v", begin, took)
		}
	}
}
