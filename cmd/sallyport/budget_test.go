package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// cannedAnswer is what the upstream of the budgets answers, whatever is asked.
var cannedAnswer = []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2029 00:00:00 GMT\r\nContent-Type: application/json\r\n" +
	"Content-Length: 11\r\nConnection: keep-alive\r\n\r\nhello world")

// cannedUpstream is an upstream that allocates nothing. It gives its address.
func cannedUpstream(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				defer func() { _ = c.Close() }()
				in := make([]byte, 64<<10)
				for n := 0; ; {
					more, err := c.Read(in[n:])
					if err != nil {
						return
					}
					if n += more; !bytes.HasSuffix(in[:n], []byte("\r\n\r\n")) {
						continue
					}
					n = 0
					if _, err := c.Write(cannedAnswer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// exchanger gives a function that has one exchange on one connection and
// allocates nothing itself. end is what the answer ends with.
func exchanger(tb testing.TB, proxy, request, end string) func() {
	tb.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(proxy, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	out, in := []byte(request), make([]byte, 64<<10)
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

// budgetKinds are requests through the whole node, with access log and metrics,
// and what each may allocate.
func budgetKinds(tb testing.TB) (kinds []budgetKind) {
	tb.Helper()
	n := runNode(tb, io.Discard, func(*settings) {})
	for _, body := range []map[string]any{
		{"path": "/services", "name": "backend", "url": "http://" + cannedUpstream(tb)},
		{"path": "/services/backend/routes", "name": "bare", "hosts": []string{"bare.test"}},
	} {
		path, _ := body["path"].(string)
		delete(body, "path")
		if status, answer := ask(tb, http.MethodPost, n.admin+path, body); status != http.StatusCreated {
			tb.Fatalf("%d %v", status, answer)
		}
	}
	return []budgetKind{
		{"route without a plugin", 8, exchanger(tb, n.proxy, "GET / HTTP/1.1\r\nHost: bare.test\r\n\r\n", "hello world")},
		{"request of a browser", 9, exchanger(tb, n.proxy, "GET /shop?item=1 HTTP/1.1\r\nHost: bare.test\r\nAccept: text/html,application/xhtml+xml\r\n"+
			"Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nCookie: theme=dark; lang=en\r\n\r\n", "hello world")},
	}
}

type budgetKind struct {
	name   string
	budget float64
	do     func()
}

// It is not parallel: it counts what the whole process allocates.
func TestAllocationBudgetOfTheWholeNode(t *testing.T) {
	if raceDetector {
		t.Skip("pools lose values under the race detector")
	}
	for _, kind := range budgetKinds(t) {
		if got := testing.AllocsPerRun(500, kind.do); got > kind.budget {
			t.Errorf("%s: %v allocations, the budget is %v", kind.name, got, kind.budget)
		} else {
			t.Logf("%s: %v allocations", kind.name, got)
		}
	}
}

// BenchmarkNode is one request through the whole node over the loopback, the
// client's and the upstream's part included.
func BenchmarkNode(b *testing.B) {
	for _, kind := range budgetKinds(b) {
		b.Run(strings.ReplaceAll(kind.name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				kind.do()
			}
		})
	}
}
