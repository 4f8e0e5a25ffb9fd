package server

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/plugin"
)

// exchangeKinds are requests as they come often, with what the front may
// allocate for each, the proxy's own values included (plugin.Request, request
// id, canonical request); none of it is for the client of the test.
var exchangeKinds = []struct {
	name, request string
	budget        float64
}{
	{"GET", "GET /x?y=1 HTTP/1.1\r\nHost: a.test\r\n\r\n", 4},
	{"GET of a browser", browserHead, 4},
	{"HEAD", "HEAD /x HTTP/1.1\r\nHost: a.test\r\n\r\n", 4},
	{"POST with a length", "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello", 5},
	{"POST in chunks", "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 6},
	{"PUT that expects 100", "PUT /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", 6},
}

var benchType = []string{"text/plain"}

// exchanger runs a server and gives a function that has one exchange on one
// connection and allocates nothing itself.
func exchanger(tb testing.TB, request string, netHTTP bool) func() {
	s, err := New(ProxyOptions{
		Common: Common{Name: "proxy", Listen: []Listen{{Addr: "127.0.0.1:0"}}},
		Handler: func(w http.ResponseWriter, q *plugin.Request) {
			q.Access.Status = 200
			w.Header()["Content-Type"] = benchType
			if q.HTTP.Body != http.NoBody {
				_, _ = io.Copy(io.Discard, q.HTTP.Body)
			}
			_, _ = w.Write(benchBody)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	if netHTTP {
		s.front = nil
	}
	if err := s.Listen(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	ctx := tb.Context()
	go func() { done <- s.Run(ctx) }() // ends with the test's context
	c, err := net.Dial("tcp", s.Addrs()[0].String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = c.Close()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	out, in := []byte(request), make([]byte, 64<<10)
	end := "hello world"
	if strings.HasPrefix(request, http.MethodHead) {
		end = "\r\n\r\n"
	}
	return func() {
		if _, err := c.Write(out); err != nil {
			tb.Fatal(err)
		}
		for n := 0; n < len(end) || string(in[n-len(end):n]) != end; {
			more, err := c.Read(in[n:])
			if err != nil {
				tb.Fatal(err)
			}
			n += more
		}
	}
}

var benchBody = []byte("hello world")

// It is not parallel: it counts what the whole process allocates.
func TestAllocationBudget(t *testing.T) {
	if raceDetector {
		t.Skip("pools lose values under the race detector")
	}
	for _, kind := range exchangeKinds {
		do := exchanger(t, kind.request, false)
		if got := testing.AllocsPerRun(300, do); got > kind.budget {
			t.Errorf("%s: %v allocations, the budget is %v", kind.name, got, kind.budget)
		} else {
			t.Logf("%s: %v allocations", kind.name, got)
		}
	}
}

// BenchmarkExchange is one request and its response over the loopback, the
// client's part included.
func BenchmarkExchange(b *testing.B) {
	for _, kind := range exchangeKinds {
		for server, netHTTP := range map[string]bool{"front": false, "nethttp": true} {
			b.Run(strings.ReplaceAll(kind.name, " ", "_")+"/"+server, func(b *testing.B) {
				do := exchanger(b, kind.request, netHTTP)
				b.ReportAllocs()
				for b.Loop() {
					do()
				}
			})
		}
	}
}
