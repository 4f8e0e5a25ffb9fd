package server

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/plugin"
)

// exact is what the front sent, but for the Date of every final head.
func exact(t *testing.T, addr, request string) string {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	kept, dates := []string{}, 0
	for line := range strings.SplitSeq(string(all), "\r\n") {
		if date, ok := strings.CutPrefix(line, "Date: "); ok {
			if _, err := http.ParseTime(date); err != nil {
				t.Error(err)
			}
			dates++
			continue
		}
		kept = append(kept, line)
	}
	if dates == 0 {
		t.Error("no Date")
	}
	return strings.Join(kept, "|")
}

func TestResponseForms(t *testing.T) {
	t.Parallel()
	write := func(text string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = io.WriteString(w, text) }
	}
	with := func(status int, name, value, text string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if name != "" {
				w.Header().Set(name, value)
			}
			w.WriteHeader(status)
			w.Header().Set("Late", "x") // too late
			_, _ = io.WriteString(w, text)
		}
	}
	flushed := func(parts ...string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for _, part := range parts {
				_, _ = io.WriteString(w, part)
				_ = http.NewResponseController(w).Flush()
			}
		}
	}
	trailer := func(w http.ResponseWriter) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "a")
		w.Header().Set("X-Sum", "1")
	}
	long := strings.Repeat("x", maxHeld+1)
	const get, old = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"
	const head = "HEAD / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
	for _, tc := range []struct {
		name, request string
		handler       func(w http.ResponseWriter)
		want          string
	}{
		{"a small body", get, write("hello"), "HTTP/1.1 200 OK|Content-Length: 5|Connection: close||hello"},
		{"nothing", get, func(http.ResponseWriter) {}, "HTTP/1.1 200 OK|Content-Length: 0|Connection: close||"},
		{"a declared length", get, with(404, "Content-Length", "2", "no"), "HTTP/1.1 404 Not Found|Content-Length: 2|Connection: close||no"},
		{"an invalid length", get, with(200, "Content-Length", "-2", "no"), "HTTP/1.1 200 OK|Content-Length: 2|Connection: close||no"},
		{"a longer body", get, write(long), "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||801|" + long + "|0||"},
		{"flushed pieces", get, flushed("ab", "c"), "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: close||2|ab|1|c|0||"},
		{"a coding of the handler's", get, with(200, "Transfer-Encoding", "gzip", "a"), "HTTP/1.1 200 OK|Content-Length: 1|Connection: close||a"},
		{"trailers", get, trailer, "HTTP/1.1 200 OK|Trailer: X-Sum|Transfer-Encoding: chunked|Connection: close||1|a|0|X-Sum: 1||"},
		{"HEAD", head, with(200, "Content-Length", "7", ""), "HTTP/1.1 200 OK|Content-Length: 7|Connection: close||"},
		{"HEAD with a body", head, write("hello"), "HTTP/1.1 200 OK|Content-Length: 5|Connection: close||"},
		{"HEAD without a length", head, with(200, "", "", ""), "HTTP/1.1 200 OK|Connection: close||"},
		{"HEAD, flushed", head, flushed("hello"), "HTTP/1.1 200 OK|Connection: close||"},
		{"204", get, with(204, "Content-Length", "5", "hello"), "HTTP/1.1 204 No Content|Connection: close||"},
		{"304", get, with(304, "Content-Length", "5", ""), "HTTP/1.1 304 Not Modified|Content-Length: 5|Connection: close||"},
		{"304 without a length", get, with(304, "", "", ""), "HTTP/1.1 304 Not Modified|Connection: close||"},
		{"a status without a name", get, with(299, "", "", ""), "HTTP/1.1 299 status code 299|Content-Length: 0|Connection: close||"},
		{"the handler closes", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", with(200, "Connection", "close", "a"), "HTTP/1.1 200 OK|Connection: close|Content-Length: 1||a"},
		{"another Connection", get, with(426, "Connection", "Upgrade", ""), "HTTP/1.1 426 Upgrade Required|Connection: Upgrade|Content-Length: 0|Connection: close||"},
		{"HTTP/1.0", old, write("hello"), "HTTP/1.0 200 OK|Content-Length: 5|Connection: close||hello"},
		{"HTTP/1.0, unknown length", old, flushed("ab", "c"), "HTTP/1.0 200 OK|Connection: close||abc"},
		{
			"HTTP/1.0 that stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + old, write("hello"),
			"HTTP/1.0 200 OK|Content-Length: 5|Connection: keep-alive||helloHTTP/1.0 200 OK|Content-Length: 5|Connection: close||hello",
		},
		{"early hints", get, func(w http.ResponseWriter) {
			w.Header().Set("Link", "</a>")
			w.WriteHeader(103)
			w.Header().Del("Link")
			_, _ = io.WriteString(w, "a")
		}, "HTTP/1.1 103 Early Hints|Link: </a>||HTTP/1.1 200 OK|Content-Length: 1|Connection: close||a"},
		{"no hints for HTTP/1.0", old, func(w http.ResponseWriter) { w.WriteHeader(103) }, "HTTP/1.0 200 OK|Content-Length: 0|Connection: close||"},
		{"a value that would split", get, with(200, "X-A", "a\r\nSet-Cookie: b\x00", ""), "HTTP/1.1 200 OK|X-A: a  Set-Cookie: b |Content-Length: 0|Connection: close||"},
		{"a name that would split", get, with(200, "X\r\nY", "a", ""), "HTTP/1.1 200 OK|Content-Length: 0|Connection: close||"},
		{"too short", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", with(200, "Content-Length", "5", "hel"), "HTTP/1.1 200 OK|Content-Length: 5||hel"},
		{"too long", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", with(200, "Content-Length", "2", "hel"), "HTTP/1.1 200 OK|Content-Length: 2||"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(w http.ResponseWriter, _ *plugin.Request) { tc.handler(w) })
			if diff := cmp.Diff(tc.want, exact(t, r.addr, tc.request)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLargeResponsesArriveWhole(t *testing.T) {
	t.Parallel()
	piece := strings.Repeat("0123456789abcdef", 1000)
	for name, length := range map[string]string{"declared": "1600000", "chunked": ""} {
		r := start(t, func(w http.ResponseWriter, _ *plugin.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			for range 100 {
				if n, err := io.WriteString(w, piece); n != len(piece) || err != nil {
					t.Errorf("%s: %d, %v", name, n, err)
				}
			}
		})
		if got := get(t, "http://"+r.addr+"/"); got.err != nil || got.text != strings.Repeat(piece, 100) {
			t.Errorf("%s: %d bytes, %v", name, len(got.text), got.err)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		if q.HTTP.URL.Path == "/refuse" {
			answer(w, q, 403, "no")
			_ = http.NewResponseController(w).Flush()
			if _, err := q.HTTP.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a body that was refused can be read")
			}
			return
		}
		text, err := io.ReadAll(q.HTTP.Body)
		if err != nil {
			t.Error(err)
		}
		answer(w, q, 200, string(text))
	})
	const fields = " HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "PUT /"+fields)
	reader := bufio.NewReader(c)
	if line, err := reader.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = reader.ReadString('\n')
	_, _ = io.WriteString(c, "hello")
	if got := readReply(t, reader); got.text != "hello" || got.closed {
		t.Errorf("%+v", got)
	}
	// Nobody knows whether the body comes after a refusal: the connection ends.
	_, _ = io.WriteString(c, "PUT /refuse"+fields)
	if got := readReply(t, reader); got.status != 403 || !got.closed {
		t.Errorf("%+v", got)
	}
	if _, err := reader.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after it: %v", err)
	}
}

// What a handler leaves of a body does not become the next request.
func TestBodiesThatAreLeft(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, q.HTTP.RequestURI) })
	const evil = "GET /evil HTTP/1.1\r\nHost: a.test\r\n\r\n"
	const last = "GET /last HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
	got, rest := talk(t, r.addr, "POST /1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 38\r\n\r\n"+evil+last)
	if got.text != "/1" || got.closed || !strings.HasSuffix(rest, "/last") || strings.Contains(rest, "/evil") {
		t.Errorf("short: %+v, then %q", got, rest)
	}
	got, rest = talk(t, r.addr, "POST /1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n"+evil+last)
	if got.text != "/1" || !got.closed || rest != "" {
		t.Errorf("long: %+v, then %q", got, rest)
	}
	// Chunks without an end are drained for a bounded length.
	chunk := "4000\r\n" + strings.Repeat("x", 0x4000) + "\r\n"
	got, rest = talk(t, r.addr, "POST /1 HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(chunk, 30)+"0\r\n\r\n"+last)
	if got.text != "/1" || rest != "" {
		t.Errorf("chunked: %+v, then %q", got, rest)
	}
}

// A Read that another goroutine is in is interrupted, and the body is dead for
// it; the connection lives on.
func TestABodyIsTakenBack(t *testing.T) {
	t.Parallel()
	reading, result := make(chan io.Reader, 1), make(chan error, 1)
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		if q.HTTP.Body == http.NoBody {
			answer(w, q, 200, "second")
			return
		}
		body := q.HTTP.Body
		go func() { // ends when the handler has returned
			p := make([]byte, 1)
			_, _ = body.Read(p)
			reading <- body
			_, err := body.Read(p)
			result <- err
		}()
		<-reading
		time.Sleep(20 * time.Millisecond) // until it waits in Read
		reading <- body
		answer(w, q, 200, "early")
	})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\na")
	reader := bufio.NewReader(c)
	if got := readReply(t, reader); got.text != "early" || got.closed {
		t.Errorf("%+v", got)
	}
	if err := <-result; err == nil {
		t.Error("the Read in flight succeeds")
	}
	if _, err := (<-reading).Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("a later Read gives %v", err)
	}
	_, _ = io.WriteString(c, "bcGET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if got := readReply(t, reader); got.text != "second" {
		t.Errorf("%+v", got)
	}
}

// A switch of protocols that nobody took over ends the connection.
func TestASwitchThatNobodyTakesOver(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		q.Access.Status = 101
		w.WriteHeader(http.StatusSwitchingProtocols)
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
			t.Errorf("Write gives %v", err)
		}
	})
	got := exact(t, r.addr, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if got != "HTTP/1.1 101 Switching Protocols||" {
		t.Errorf("%q", got)
	}
}

// Two goroutines use the connection when 100 Continue is due: the one that
// reads the body and the one that answers.
func TestContinueAndAnswerAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		body, done := q.HTTP.Body, make(chan struct{})
		go func() { // waited for by the next but one statement
			defer close(done)
			_, _ = body.Read(make([]byte, 1))
		}()
		answer(w, q, 200, "x")
		_ = http.NewResponseController(w).Flush()
		_ = body.Close()
	}, func(o *ProxyOptions) { o.Access = nil })
	for range 200 {
		c := dial(t, r.addr)
		_, _ = io.WriteString(c, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx")
		reader := bufio.NewReader(c)
		got := readReply(t, reader)
		if got.status == 100 {
			got = readReply(t, reader)
		}
		if got.status != 200 || got.text != "x" {
			t.Fatalf("%+v", got)
		}
		_ = c.Close()
	}
}
