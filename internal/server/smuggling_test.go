package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// smuggling are requests that two readers could delimit or address in two ways.
// head is without the final empty line; body follows it.
var smuggling = []struct {
	name, head, body string
	status           int
}{
	{"CL.TE", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400},
	{"TE.CL", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n", 400},
	{"CL.TE, the coding unknown", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n", "hello", 400},
	{"TE.TE", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n", 400},
	{"TE.TE, twice the same", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400},
	{"a list of codings", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", 400},
	{"a list with nothing in it", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked,\r\n", "0\r\n\r\n", 400},
	{"xchunked", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n", "0\r\n\r\n", 400},
	{"quoted coding", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n", 400},
	{"coding with a vertical tab", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\vchunked\r\n", "0\r\n\r\n", 400},
	{"coding with a parameter", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked;x=1\r\n", "0\r\n\r\n", 400},
	{"empty coding", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\r\n", "", 400},
	{"coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400},
	{"space before the colon", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n", "0\r\n\r\n", 400},
	{"tab before the colon", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length\t: 5\r\n", "hello", 400},
	{"two lengths", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 6\r\n", "hello", 400},
	{"two equal lengths", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n", "hello", 400},
	{"a list of lengths", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5, 5\r\n", "hello", 400},
	{"signed length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +5\r\n", "hello", 400},
	{"negative length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: -1\r\n", "", 400},
	{"hexadecimal length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0x5\r\n", "hello", 400},
	{"length with a blank", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1 1\r\n", "hello world", 400},
	{"length with an underscore", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1_0\r\n", "0123456789", 400},
	{"length beyond every number", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 18446744073709551621\r\n", "hello", 400},
	{"empty length", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length:\r\n", "", 400},
	{"bare LF after the request line", "GET / HTTP/1.1\nHost: a.test\r\n", "", 400},
	{"bare LF after a field", "GET / HTTP/1.1\r\nHost: a.test\nX: 1\r\n", "", 400},
	{"bare LF only", "GET / HTTP/1.1\nHost: a.test\n\n", "", 400},
	{"bare CR in a value", "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rContent-Length: 5\r\n", "", 400},
	{"bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"bare CR at the end", "GET / HTTP/1.1\r\r\nHost: a.test\r\n", "", 400},
	{"obs-fold", "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n", "", 400},
	{"obs-fold of the first field", "GET / HTTP/1.1\r\n Host: a.test\r\n", "", 400},
	{"obs-fold that hides a coding", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\r\n\tchunked\r\n", "0\r\n\r\n", 400},
	{"NUL in a value", "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x00\r\n", "", 400},
	{"DEL in a value", "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x7f\r\n", "", 400},
	{"empty field name", "GET / HTTP/1.1\r\nHost: a.test\r\n: x\r\n", "", 400},
	{"field without a colon", "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length\r\n", "", 400},
	{"odd byte in a field name", "GET / HTTP/1.1\r\nHost: a.test\r\nContent\xadLength: 5\r\n", "hello", 400},
	{"bracket in a field name", "GET / HTTP/1.1\r\nHost: a.test\r\nX[0]: 5\r\n", "", 400},
	{"no Host", "GET / HTTP/1.1\r\n", "", 400},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n", "", 400},
	{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a.test\r\nhost: b.test\r\n", "", 400},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a.test/x\r\n", "", 400},
	{"Host with a blank", "GET / HTTP/1.1\r\nHost: a.test b.test\r\n", "", 400},
	{"Host with userinfo", "GET / HTTP/1.1\r\nHost: a@b.test\r\n", "", 400},
	{"absolute form with another Host", "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"absolute form with another port", "GET http://a.test:81/ HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"raw # in the path", "GET /a#b HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"raw # in the query", "GET /a?b#c HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"two blanks in the request line", "GET  / HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"blank in the target", "GET /a b HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"blank after the version", "GET / HTTP/1.1 \r\nHost: a.test\r\n", "", 400},
	{"blank before the method", " GET / HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"HTTP/0.9", "GET /\r\n", "", 400},
	{"lower case version", "GET / http/1.1\r\nHost: a.test\r\n", "", 400},
	{"version with two digits", "GET / HTTP/1.10\r\nHost: a.test\r\n", "", 400},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a.test\r\n", "", 505},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n", "SM\r\n\r\n", 505},
	{"TLS on a plain port", "\x16\x03\x01\x02\x00\x01", "", 400},
	{"two empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n", "", 400},
	{"unknown expectation", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: 200-ok\r\n", "x", 417},
	{"trailer that would frame", "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", "0\r\n\r\n", 400},
}

// Each is refused, the connection ends, and what follows on it is not served.
func TestSmugglingCorpusIsRefused(t *testing.T) {
	t.Parallel()
	served := make(chan string, 1000)
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		_, _ = io.Copy(io.Discard, q.HTTP.Body)
		served <- q.HTTP.RequestURI
		answer(w, q, 200, "served")
	})
	const next = "GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
	for _, tc := range smuggling {
		t.Run(tc.name, func(t *testing.T) {
			got, rest := talk(t, r.addr, tc.head+"\r\n"+tc.body+next)
			if got.status != tc.status || !got.closed {
				t.Errorf("status %d, closed %v; want %d", got.status, got.closed, tc.status)
			}
			if id := got.header.Get("X-Kong-Request-Id"); !idPattern.MatchString(id) || !strings.Contains(got.text, id) || got.header.Get("Server") != "sallyport" {
				t.Errorf("head %v, body %q", got.header, got.text)
			}
			if rest != "" {
				t.Errorf("something was answered after it: %q", rest)
			}
			select {
			case target := <-served:
				t.Errorf("served %q", target)
			default:
			}
		})
	}
	for name, request := range map[string]string{
		"a length":       "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
		"chunks":         "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=\"1\"\r\nhello\r\n000\r\nX: 1\r\n\r\n",
		"an empty line":  "\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
		"an upgrade":     "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		"absolute form":  "GET http://A.test:80/ HTTP/1.1\r\nHost: A.test:80\r\n\r\n",
		"a blank header": "GET / HTTP/1.1\r\nHost: a.test\r\nX:\r\n\r\n",
	} {
		got, rest := talk(t, r.addr, request+strings.Replace(next, "Host", "Connection: close\r\nHost", 1))
		if got.status != 200 || got.closed || !strings.HasPrefix(rest, "HTTP/1.1 200 OK") || len(served) != 2 {
			t.Errorf("control %s: %d, closed %v, then %q, served %d", name, got.status, got.closed, rest, len(served))
		}
		for len(served) > 0 {
			<-served
		}
	}
}

// talk gives the first answer, and whatever follows it.
func talk(t *testing.T, addr, text string) (first reply, rest string) {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(c)
	first = readReply(t, reader)
	after, err := io.ReadAll(reader)
	if err != nil {
		t.Errorf("the end of the connection: %v", err)
	}
	return first, string(after)
}

// A chunked body that is not one ends the connection too.
func TestMalformedChunks(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 100)
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		_, err := io.Copy(io.Discard, q.HTTP.Body)
		failed <- err
		answer(w, q, 200, "")
	})
	for _, tc := range []struct {
		body string
		good bool
	}{
		{"5\r\nhello\r\n0\r\n\r\n", true},
		{"0\r\n\r\n", true},
		{"A;a=b;c\r\n0123456789\r\n00\r\nTrailing: 1\r\n\r\n", true},
		{"5\nhello\r\n0\r\n\r\n", false},
		{"5\r\nhello\n0\r\n\r\n", false},
		{"5\r\nhello0\r\n\r\n", false},
		{"5\r\nhello\r\n0\r\n\n", false},
		{"5 \r\nhello\r\n0\r\n\r\n", false},
		{" 5\r\nhello\r\n0\r\n\r\n", false},
		{"0x5\r\nhello\r\n0\r\n\r\n", false},
		{"-5\r\nhello\r\n0\r\n\r\n", false},
		{"+5\r\nhello\r\n0\r\n\r\n", false},
		{"\r\n", false},
		{";x\r\n", false},
		{"5;\x00\r\nhello\r\n0\r\n\r\n", false},
		{"5;a\rb\r\nhello\r\n0\r\n\r\n", false},
		{"10000000000000005\r\nhello\r\n0\r\n\r\n", false},
		{"5;" + strings.Repeat("x", maxChunkLine) + "\r\nhello\r\n0\r\n\r\n", false},
		{"0\r\nX : 1\r\n\r\n", false},
		{"0\r\nX: 1\n\r\n", false},
		{"0\r\n folded\r\n\r\n", false},
		{"0\r\nX: " + strings.Repeat("x", maxTrailer) + "\r\n\r\n", false},
	} {
		got, rest := talk(t, r.addr, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"+tc.body+
			"GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
		err := <-failed
		if (err == nil) != tc.good || (rest != "") != tc.good || got.status != 200 {
			t.Errorf("%.60q: %v, then %q", tc.body, err, rest)
		}
		if tc.good {
			if err := <-failed; err != nil { // of the second request
				t.Error(err)
			}
		}
	}
}

// The answer is the same wherever the bytes are cut.
func TestPipelinedRequestsCutAtEveryByte(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		body, err := io.ReadAll(q.HTTP.Body)
		answer(w, q, 200, fmt.Sprint(q.HTTP.Method, " ", q.HTTP.RequestURI, " ", string(body), " ", err, " ", q.HTTP.Trailer, "\n"))
	}, func(o *ProxyOptions) { o.Access = nil })
	const text = "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n" +
		"POST /2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc" +
		"POST /3 HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x\r\nf\r\n0\r\nT: 1\r\n\r\n" +
		"HEAD /4 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
	const want = "GET /1  <nil> map[]\nPOST /2 abc <nil> map[]\nPOST /3 def <nil> map[T:[1]]\n"
	for at := 1; at <= len(text); at++ {
		c := dial(t, r.addr)
		if _, err := io.WriteString(c, text[:at]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Microsecond)
		if _, err := io.WriteString(c, text[at:]); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(c)
		got := ""
		for range 3 {
			got += readReply(t, reader).text
		}
		last, err := http.ReadResponse(reader, &http.Request{Method: http.MethodHead})
		if err != nil || last.ContentLength <= 0 || got != want {
			t.Fatalf("cut at %d: %q, %v", at, got, err)
		}
		_ = last.Body.Close()
		_ = c.Close()
	}
}

// Whoever leaves at any byte leaves nothing behind.
func TestClientsThatLeaveAtEveryByte(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		_, _ = io.Copy(io.Discard, q.HTTP.Body)
		answer(w, q, 200, "x")
	})
	const text = "POST /3 HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET / HTTP/1.1\r\n"
	for at := range text {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text[:at])
		if at%2 == 0 {
			_ = c.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
	}
	waitFor(t, "all connections to end", func() bool { s := r.Stats(); return s.Active == 0 && s.Writing == 0 && s.Accepted == int64(len(text)) })
}
