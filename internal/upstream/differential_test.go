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
	Trailer http.Header
	Whole   bool
	Refused bool // by the proxy: 502
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
				var body []byte
				if !tc.early {
					body, _ = io.ReadAll(request.Body)
				}
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
			theirs := tc.ask(t, standard.Listener.Addr().String(), true, asked)
			got := tc.ask(t, ours.front.Listener.Addr().String(), false, asked)
			if (cmp.Diff(theirs, got) != "") != (tc.differs != "") {
				t.Errorf("they differ: %v; %q", tc.differs == "", tc.differs)
			}
			tc.forget(&theirs)
			tc.forget(&got)
			if tc.early {
				if theirs.Status != 0 || got.Status == 0 || !got.Whole {
					t.Errorf("got %v, ReverseProxy %v", got, theirs)
				}
				return
			}
			if tc.otherLine {
				if theirs.Line == got.Line {
					t.Error("the request lines are the same")
				}
				theirs.Line, got.Line = "", ""
			}
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
func (tc *proxyPair) ask(t *testing.T, proxy string, reverse bool, asked <-chan seen) seen {
	t.Helper()
	c, err := net.Dial("tcp", proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if tc.early && reverse {
		_ = c.SetDeadline(time.Now().Add(time.Second)) // it does not answer
	}
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
		return s.own() // cut before its head came
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	s.Refused = res.StatusCode == http.StatusBadGateway
	if !s.Refused { // else each has its own page
		s.Status, s.Answer, s.Body, s.Whole = res.StatusCode, res.Header, string(body), err == nil
		if s.Trailer = res.Trailer; s.Trailer == nil {
			s.Trailer = http.Header{}
		}
	}
	return s.own()
}

// own takes out what the proxies say about themselves.
func (s seen) own() seen {
	added := []string{
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Path", "X-Real-Ip", "Via",
		"X-Kong-Request-Id", "Connection", "Date",
	}
	for _, h := range []http.Header{s.Asked, s.Answer} {
		maps.DeleteFunc(h, func(name string, _ []string) bool { return slices.Contains(added, name) })
	}
	return s
}

// forget takes out what the pair says that they differ in.
func (tc *proxyPair) forget(s *seen) {
	for _, h := range []http.Header{s.Asked, s.Answer, s.Trailer} {
		maps.DeleteFunc(h, func(name string, _ []string) bool { return slices.Contains(tc.without, name) })
	}
}
