package upstream

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is what one proxy made of a pair: what the upstream got of it, and what
// the user agent.
type seen struct {
	Line    string
	Asked   http.Header
	Sent    string
	Status  int
	Answer  http.Header
	Body    string
	Whole   bool
	Refused bool // by the proxy: 502
}

// proxyPair is a request and what the upstream answers. differs tells why the
// two proxies do not do the same with it; the reason is the reader's, the
// fields are checked.
type proxyPair struct {
	name, request, answer string
	differs               string
	// refused tells that we refuse an answer that ReverseProxy passes on.
	refused bool
	// without are headers in which they differ, of request or answer.
	without []string
}

var proxyPairs = []proxyPair{
	{name: "plain", request: "GET /a?b=c HTTP/1.1\r\nX-A: 1\r\nX-A: 2\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-B: 1\r\nX-B: 2\r\n\r\nok"},
	{name: "HEAD", request: "HEAD / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 200\r\nContent-Type: x/y\r\n\r\n"},
	{name: "no content", request: "DELETE / HTTP/1.1\r\n", answer: "HTTP/1.1 204 No Content\r\n\r\n"},
	{name: "not modified", request: "GET / HTTP/1.1\r\nIf-None-Match: x\r\n", answer: "HTTP/1.1 304 Not Modified\r\nEtag: x\r\n\r\n"},
	{name: "chunks", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
	{name: "until close", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\n\r\nall of it"},
	{name: "HTTP/1.0", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{name: "an error", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"},
	{name: "hop-by-hop headers", request: "GET / HTTP/1.1\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\n", answer: "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n"},
	{name: "a body", request: "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", answer: "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"},
	{name: "an empty body", request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a body in chunks", request: "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "cookies", request: "GET / HTTP/1.1\r\nCookie: a=b; c=\"d\"\r\n", answer: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"},
	{name: "informational", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "one length twice", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"},
	{name: "two lengths", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk"},
	{name: "short of its length", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"},
	{name: "last chunk missing", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"},
	{name: "nothing", request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n", answer: ""},
	{
		name: "no-cache in the old way", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 0\r\n\r\n",
		differs: "http.Transport invents Cache-Control; we pass on what came", without: []string{"Cache-Control"},
	},
	{
		name: "a length and a coding", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		differs: "RFC 9112 §6.1 lets both; we refuse it, as nginx does", refused: true,
	},
	{
		name: "bare LF", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		differs: "RFC 9112 §2.2 lets a recipient take it; two that differ can be split", refused: true,
	},
	{
		name: "obs-fold", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok",
		differs: "RFC 9112 §5.2 lets a gateway refuse it or join it", refused: true,
	},
	{
		name: "a coding in HTTP/1.0", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		differs: "RFC 9112 §6.1: the framing is faulty", refused: true,
	},
	{
		name: "another version", request: "GET / HTTP/1.1\r\n", answer: "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		differs: "nobody speaks HTTP/2 in text", refused: true,
	},
}

func TestTheProxyAgainstReverseProxy(t *testing.T) {
	t.Parallel()
	for _, tc := range proxyPairs {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan seen, 1)
			addr := listen(t, func(c net.Conn, r *bufio.Reader) {
				var wire bytes.Buffer
				request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(r, &wire)))
				if err != nil {
					return
				}
				body, _ := io.ReadAll(request.Body)
				line, _, _ := strings.Cut(wire.String(), "\r\n")
				asked <- seen{Line: line, Asked: request.Header, Sent: string(body)}
				_, _ = io.WriteString(c, tc.answer)
			})
			ours := start(t, addr, nil)
			reverse := &httputil.ReverseProxy{
				Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: addr}) },
				Transport: &http.Transport{DisableCompression: true},
				ErrorLog:  quiet(),
			}
			standard := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = nil // or the server would guess one, which we do not let it
				reverse.ServeHTTP(w, r)
			}))
			t.Cleanup(standard.Close)
			theirs := tc.ask(t, standard.Listener.Addr().String(), asked)
			got := tc.ask(t, ours.front.Listener.Addr().String(), asked)
			if tc.refused {
				if theirs.Refused || !got.Refused {
					t.Errorf("refused by ReverseProxy: %v, by us: %v; want the difference that %q tells", theirs.Refused, got.Refused, tc.differs)
				}
				return
			}
			if diff := cmp.Diff(theirs, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// ask sends the request of a pair to a proxy.
func (tc *proxyPair) ask(t *testing.T, proxy string, asked <-chan seen) seen {
	t.Helper()
	c, err := net.Dial("tcp", proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	line, rest, _ := strings.Cut(tc.request, "\r\n")
	request := line + "\r\nHost: a.test\r\nUser-Agent: test\r\n" + rest
	if !strings.Contains(request, "\r\n\r\n") {
		request += "\r\n"
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	s := <-asked
	r := bufio.NewReader(c)
	method, _, _ := strings.Cut(tc.request, " ")
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	for err == nil && res.StatusCode < 200 {
		res, err = http.ReadResponse(r, &http.Request{Method: method})
	}
	if err != nil {
		return s.only(tc) // cut before its head came
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	s.Refused = res.StatusCode == http.StatusBadGateway
	if !s.Refused { // else each has its own page
		s.Status, s.Answer, s.Body, s.Whole = res.StatusCode, res.Header, string(body), err == nil
	}
	return s.only(tc)
}

// only takes out what the proxies say about themselves, and what the pair says
// they differ in.
func (s seen) only(tc *proxyPair) seen {
	added := []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Path", "X-Real-Ip", "Via",
		"X-Kong-Request-Id", "Connection", "Date",
	}
	drop := func(name string, _ []string) bool {
		return slices.Contains(added, name) || slices.Contains(tc.without, name)
	}
	maps.DeleteFunc(s.Asked, drop)
	maps.DeleteFunc(s.Answer, drop)
	return s
}
