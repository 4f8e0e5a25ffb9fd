//go:build integration

package dataplane

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// oddAnswer is what an upstream answers to method, GET if it is empty.
type oddAnswer struct {
	name, method, bytes string
	// status is what the client gets, 0 for the end of the connection without an
	// answer. body is what it gets of the body, whole whether it looks complete.
	status int
	body   string
	cut    bool
	// kept tells that the connection to the upstream is used again, closed that
	// the client's is not.
	kept, closed bool
}

const ok = "HTTP/1.1 200 OK\r\n"

// refusedAnswers are no answers that two recipients read in the same way.
var refusedAnswers = map[string]string{
	"nothing":                            "",
	"half a head":                        "HTTP/1.1 200 OK\r\nContent-Le",
	"HTTP/0.9":                           "hello",
	"another protocol":                   "SSH-2.0-OpenSSH_9.2\r\n",
	"HTTP/2 in text":                     "HTTP/2 200\r\n\r\n",
	"HTTP/1.2":                           "HTTP/1.2 200 OK\r\n\r\n",
	"a blank before the version":         " HTTP/1.1 200 OK\r\n\r\n",
	"an empty line before it":            "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"a status of two digits":             "HTTP/1.1 20 OK\r\n\r\n",
	"a status of four digits":            "HTTP/1.1 2000 OK\r\n\r\n",
	"a signed status":                    "HTTP/1.1 +20 OK\r\n\r\n",
	"status 000":                         "HTTP/1.1 000 OK\r\n\r\n",
	"a status below 100":                 "HTTP/1.1 099 OK\r\n\r\n",
	"a switch that nobody asked for":     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
	"only informational heads":           "HTTP/1.1 100 Continue\r\n\r\n",
	"bare LF":                            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
	"bare LF after a field":              ok + "Content-Length: 2\nX: 1\r\n\r\nok",
	"bare CR in a field":                 ok + "X: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
	"obs-fold":                           ok + "X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
	"NUL in a field":                     ok + "X: a\x00\r\nContent-Length: 0\r\n\r\n",
	"a blank before the colon":           ok + "Content-Length : 2\r\n\r\nok",
	"a field without a colon":            ok + "Content-Length\r\n\r\n",
	"an empty name":                      ok + ": x\r\nContent-Length: 0\r\n\r\n",
	"an odd byte in a name":              ok + "Content\xadLength: 0\r\n\r\n",
	"two lengths":                        ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
	"a list of lengths":                  ok + "Content-Length: 2, 2\r\n\r\nok",
	"a signed length":                    ok + "Content-Length: +2\r\n\r\nok",
	"a negative length":                  ok + "Content-Length: -2\r\n\r\nok",
	"a hexadecimal length":               ok + "Content-Length: 0x2\r\n\r\nok",
	"an empty length":                    ok + "Content-Length:\r\n\r\n",
	"a length beyond every number":       ok + "Content-Length: 18446744073709551618\r\n\r\nok",
	"a length and a coding":              ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"gzip as a coding":                   ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"two codings":                        ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"identity":                           ok + "Transfer-Encoding: identity\r\n\r\nok",
	"xchunked":                           ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"an empty coding":                    ok + "Transfer-Encoding:\r\n\r\n",
	"a coding in HTTP/1.0":               "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"a trailer that would frame":         ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\n\r\n",
	"a head that is too long":            ok + "X: " + strings.Repeat("x", 300<<10) + "\r\n\r\n",
	"more fields than anybody can count": ok + strings.Repeat("X: 1\r\n", 2000) + "\r\n",
}

// oddAnswers are answers of which at least the head passes.
var oddAnswers = []oddAnswer{
	{name: "control: a length", bytes: ok + "Content-Length: 2\r\n\r\nok", status: 200, body: "ok", kept: true},
	{name: "control: chunks", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", status: 200, body: "ok", kept: true},
	{name: "chunks with extensions and a trailer", bytes: ok + "Transfer-Encoding: Chunked\r\n\r\n2;a=\"b\"\r\nok\r\n00;x\r\nX: 1\r\n\r\n", status: 200, body: "ok", kept: true},
	{name: "no reason", bytes: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", kept: true},
	{name: "a status that nobody knows", bytes: "HTTP/1.1 799 Odd\r\nContent-Length: 2\r\n\r\nok", status: 799, body: "ok", kept: true},
	{name: "one length twice", bytes: ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", kept: true},
	{name: "until the end", bytes: ok + "\r\nall of it", status: 200, body: "all of it"},
	{name: "HTTP/1.0", bytes: "HTTP/1.0 200 OK\r\n\r\nall of it", status: 200, body: "all of it"},
	{name: "HTTP/1.0 with a length", bytes: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", status: 200, body: "ok"},
	{name: "the upstream closes", bytes: ok + "Connection: close\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok"},
	{name: "informational heads", bytes: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok", status: 200, body: "ok", kept: true},
	{name: "no content", bytes: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, kept: true},
	{name: "no content, with a body", bytes: "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", status: 204},
	{name: "not modified, with the length of what was not", bytes: "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", status: 304, kept: true},
	{name: "not modified, with a body", bytes: "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", status: 304},
	{name: "HEAD", method: "HEAD", bytes: ok + "Content-Length: 2\r\n\r\n", status: 200, kept: true},
	{name: "HEAD, with a body", method: "HEAD", bytes: ok + "Content-Length: 2\r\n\r\nok", status: 200},
	{name: "HEAD, with chunks", method: "HEAD", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n", status: 200, kept: true},
	{name: "two answers at once", bytes: ok + "Content-Length: 2\r\n\r\nok" + ok + "Content-Length: 4\r\n\r\nevil", status: 200, body: "ok"},
	{name: "more than its length", bytes: ok + "Content-Length: 2\r\n\r\nokXX", status: 200, body: "ok"},
	{name: "bytes after the last chunk", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nXX", status: 200, body: "ok"},
	{name: "less than its length", bytes: ok + "Content-Length: 9\r\n\r\nok", cut: true, closed: true},
	{name: "no last chunk", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", status: 200, body: "ok", cut: true, closed: true},
	{name: "no end of the trailer", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n", status: 200, body: "ok", cut: true, closed: true},
	{name: "a chunk longer than its size", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nokX\r\n0\r\n\r\n", status: 200, body: "ok", cut: true, closed: true},
	{name: "a chunk size that is none", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n-1\r\n\r\n", status: 200, body: "ok", cut: true, closed: true},
	{name: "bare LF between chunks", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\n\n", status: 200, body: "ok", cut: true, closed: true},
	{name: "a chunk beyond every number", bytes: ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nffffffffffffffff\r\n", status: 200, body: "ok", cut: true, closed: true},
	{name: "hop-by-hop fields", bytes: ok + "Connection: X-Hop, Content-Length\r\nX-Hop: 1\r\nKeep-Alive: x\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok", kept: true},
}

// Whatever an upstream answers: a client gets an answer that is all there, one
// that shows that it is not, or 502, and the next request its own answer.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	all := oddAnswers
	for name, bytes := range refusedAnswers {
		all = append(all, oddAnswer{name: name, bytes: bytes, status: http.StatusBadGateway})
	}
	g, up := make([]*gateway, 1), make([]*rawUpstream, len(all))
	var services []service
	for i, a := range all {
		up[i] = serveRaw(t, nil, func(c net.Conn, r *bufio.Reader) {
			for {
				target, err := readRequest(r)
				if err != nil {
					return
				}
				if strings.HasSuffix(target, "/next") {
					_, _ = io.WriteString(c, ok+"Content-Length: 4\r\n\r\nnext")
					continue
				}
				_, _ = io.WriteString(c, a.bytes)
				if a.cut || a.status == http.StatusBadGateway || !strings.Contains(strings.ToLower(a.bytes), "content-length") && !strings.Contains(strings.ToLower(a.bytes), "chunked") && a.status == 200 {
					return
				}
			}
		})
		services = append(services, service{path: "/" + strconv.Itoa(i) + "/", url: up[i].url, more: "  retries: 0\n  read_timeout: 60000\n"})
	}
	g[0] = startGateway(t, watched(t), uncollected, yaml(services...))
	t.Run("play", func(t *testing.T) {
		for i, a := range all {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				a.play(t, g[0], i)
				if accepted, _ := up[i].connections(); (accepted == 1) != a.kept {
					t.Errorf("%d connections to the upstream, kept should be %v", accepted, a.kept)
				}
			})
		}
	})
}

func (a *oddAnswer) play(t *testing.T, g *gateway, i int) {
	c := g.dial(t, g.proxy)
	r := bufio.NewReader(c)
	method := a.method
	if method == "" {
		method = http.MethodGet
	}
	if _, err := fmt.Fprintf(c, "%s /%d/odd HTTP/1.1\r\nHost: a.test\r\n\r\n", method, i); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	for err == nil && res.StatusCode < 200 {
		res, err = http.ReadResponse(r, &http.Request{Method: method})
	}
	if err != nil && a.status == 0 {
		a.next(t, g, i, c, r)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != a.status || a.status != http.StatusBadGateway && string(body) != a.body || (err != nil) != a.cut {
		t.Errorf("got %d %q %v, want %d %q, cut %v", res.StatusCode, body, err, a.status, a.body, a.cut)
	}
	for _, name := range []string{"X-Hop", "Keep-Alive", "Upgrade", "Set-Cookie"} {
		if res.Header[name] != nil {
			t.Errorf("the client gets %s", name)
		}
	}
	a.next(t, g, i, c, r)
}

// next asks once more, twice, on the same connection where it goes on.
func (a *oddAnswer) next(t *testing.T, g *gateway, i int, c net.Conn, r *bufio.Reader) {
	time.Sleep(10 * time.Millisecond) // for what the upstream sent too much
	if a.closed {
		if _, err := r.ReadByte(); err == nil {
			t.Error("something follows")
		}
		c = g.dial(t, g.proxy)
		r = bufio.NewReader(c)
	}
	for range 2 {
		if _, err := fmt.Fprintf(c, "POST /%d/next HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx", i); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || string(body) != "next" || err != nil {
			t.Errorf("the next request gets %d %q %v", res.StatusCode, body, err)
		}
	}
}
