package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
)

var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// reply is an answer that was read; err tells that it broke off.
type reply struct {
	status int
	header http.Header
	closed bool
	text   string
	err    error
}

func read(resp *http.Response) reply {
	text, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, closed: resp.Close, text: string(text), err: err}
}

func get(t *testing.T, url string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := new(http.Client).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp)
}

// readReply reads an answer to a request that was written by hand.
func readReply(t *testing.T, r *bufio.Reader) reply {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp)
}

func TestHandlerGetsTheCanonicalRequest(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		c := &q.Canonical
		answer(w, q, 200, fmt.Sprint(q.ID, " ", c.Path, " ", c.RawQuery, " ", c.Host, " ", c.ListenPort, " ", c.Peer, " ", q.Start.IsZero(), " ", q.HTTP.URL.Path))
	})
	fields := strings.Fields(get(t, "http://"+r.addr+"/a/../b?x=1").text)
	if !idPattern.MatchString(fields[0]) {
		t.Errorf("request id %q", fields[0])
	}
	port := r.addr[strings.LastIndexByte(r.addr, ':')+1:]
	if got, want := strings.Join(fields[1:], " "), "/b x=1 127.0.0.1 "+port+" 127.0.0.1 false /a/../b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if second := get(t, "http://"+r.addr+"/").text; strings.Fields(second)[0] == fields[0] {
		t.Error("two requests share an id")
	}
}

func TestTrustedPeersReachTheCanonicalRequest(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, q.Canonical.Origin()) }
	ask := func(r *running) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "a.test"
		req.Header.Set("X-Forwarded-Proto", "https")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		return read(resp).text
	}
	trusting := func(o *ProxyOptions) { o.Message.Trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	if got := ask(start(t, handler, trusting)); got != "https://a.test" {
		t.Errorf("trusted: %q", got)
	}
	if got := ask(start(t, handler)); got != "http://a.test" {
		t.Errorf("untrusted: %q", got)
	}
}

func TestPanicBeforeTheHeadIsA500(t *testing.T) {
	t.Parallel()
	r := start(t, func(http.ResponseWriter, *plugin.Request) { panic("planted panic") })
	got := get(t, "http://"+r.addr+"/")
	if got.status != 500 || strings.Contains(got.text, "planted") {
		t.Errorf("%d %q", got.status, got.text)
	}
	id := got.header.Get("X-Kong-Request-Id")
	want := "{\n  \"message\":\"An unexpected error occurred\",\n  \"request_id\":\"" + id + "\"\n}"
	if got.text != want || !idPattern.MatchString(id) || got.header.Get("Server") != "sallyport" {
		t.Errorf("body %q, id %q, server %q", got.text, id, got.header.Get("Server"))
	}
	r.wait(t)
	logged := r.log.records(t, "panic while serving a request")
	if len(logged) != 1 || logged[0]["panic"] != "planted panic" || logged[0]["request_id"] != id || !strings.Contains(logged[0]["stack"].(string), "TestPanic") {
		t.Errorf("logged %v", logged)
	}
}

func TestPanicAfterTheHeadCutsTheConnection(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value  any
		logged int
	}{"an error": {errors.New("planted panic"), 1}, "an abort": {http.ErrAbortHandler, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
				answer(w, q, 200, strings.Repeat("x", 10_000)) // beyond net/http's buffer, so that the head is out
				panic(tc.value)
			})
			c := dial(t, r.addr)
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if got := readReply(t, bufio.NewReader(c)); got.err == nil {
				t.Error("the truncated answer looks complete")
			}
			r.wait(t)
			if n := len(r.log.records(t, "panic while serving a request")); n != tc.logged {
				t.Errorf("%d panics logged, want %d", n, tc.logged)
			}
			access := r.log.records(t, "request")
			if len(access) != 1 || access[0]["cut"] != true || access[0]["status"] != 200.0 {
				t.Errorf("access records %v", access)
			}
		})
	}
}

func TestAccessRecord(t *testing.T) {
	t.Parallel()
	cause := errors.New("some cause")
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		q.Route, q.Service = &entity.Route{ID: "route-1"}, &entity.Service{ID: "service-1"}
		q.Consumer, q.FlowID = &entity.Consumer{ID: "consumer-1"}, "flow-1"
		q.RecordUpstream(q.Start, 1500*time.Microsecond, 201, "192.0.2.1:80")
		q.Access.Err = cause
		answer(w, q, 201, "hello")
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+r.addr+"/a%20b/?code=planted-secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "A.Test:81"
	req.Header.Set("Cookie", "session=planted-secret")
	req.Header.Set("Authorization", "Bearer planted-secret")
	req.Header.Set("User-Agent", "agent \"quoted\" \u2028")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	r.wait(t)
	records := r.log.records(t, "request")
	if len(records) != 1 {
		t.Fatalf("%d records", len(records))
	}
	for key, want := range map[string]any{
		"method": "PUT", "scheme": "http", "host": "a.test", "path": "/a%20b/", "protocol": "HTTP/1.1", "client": "127.0.0.1",
		"status": 201.0, "bytes_sent": 5.0, "upstream_ms": 1.5, "upstream_status": 201.0, "upstream": "192.0.2.1:80",
		"route_id": "route-1", "service_id": "service-1", "consumer_id": "consumer-1", "flow_id": "flow-1", "error": "some cause",
		"user_agent": "agent \"quoted\" \u2028",
	} {
		if got := records[0][key]; got != want {
			t.Errorf("%s = %v, want %v", key, got, want)
		}
	}
	if log := r.log.String(); strings.Contains(log, "planted-secret") {
		t.Errorf("the log holds a secret: %s", log)
	}
}

func TestAccessRecordsCanBeOff(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, "") },
		func(o *ProxyOptions) { o.Access = nil })
	get(t, "http://"+r.addr+"/")
	r.wait(t)
	if n := len(r.log.records(t, "request")); n != 0 {
		t.Errorf("%d access records", n)
	}
}

func TestRequestIDsFailClosed(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, "") },
		func(o *ProxyOptions) { o.Rand = iotest.ErrReader(errors.New("no chance left")) })
	if got := get(t, "http://"+r.addr+"/"); got.status != 500 {
		t.Errorf("status %d without a request id", got.status)
	}
	r.wait(t)
	if failed := r.log.records(t, "request failed"); len(failed) != 1 || !strings.Contains(failed[0]["error"].(string), "no chance left") {
		t.Errorf("failures logged: %v", failed)
	}
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	served := make(chan string, 100)
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		served <- q.HTTP.RequestURI
		answer(w, q, 200, "served")
	})
	for _, tc := range []struct {
		name, head string
		status     int
		// ours tells that the answer is made here, not by net/http.
		ours bool
	}{
		{"control: a plain request", "GET / HTTP/1.1\r\nHost: a.test\r\n", 200, true},
		{"control: absolute form of the same host", "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n", 200, true},
		{"control: HTTP/1.0 without Host", "GET / HTTP/1.0\r\n", 200, true},
		{"fragment in the target", "GET /secret#/public HTTP/1.1\r\nHost: a.test\r\n", 400, true},
		{"escaped NUL", "GET /a%00b HTTP/1.1\r\nHost: a.test\r\n", 400, true},
		{"hidden dot segment", "GET /public%2f..%2fsecret HTTP/1.1\r\nHost: a.test\r\n", 400, true},
		{"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n", 400, true},
		{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n", 400, true},
		{"comma in Host", "GET / HTTP/1.1\r\nHost: a.test,b.test\r\n", 400, true},
		{"bad port in Host", "GET / HTTP/1.1\r\nHost: a.test:99999\r\n", 400, true},
		{"userinfo in absolute form", "GET http://u:p@a.test/ HTTP/1.1\r\nHost: a.test\r\n", 400, true},
		{"another scheme in absolute form", "GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n", 400, true},
		{"CONNECT", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n", 405, true},
		{"TRACE", "TRACE / HTTP/1.1\r\nHost: a.test\r\n", 405, true},
		{"userinfo in Host", "GET / HTTP/1.1\r\nHost: u@a.test\r\n", 400, false},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n", 400, false},
		{"no Host", "GET / HTTP/1.1\r\n", 400, false},
		{"broken escape", "GET /%zz HTTP/1.1\r\nHost: a.test\r\n", 400, false},
		{"control character in the target", "GET /a\x01b HTTP/1.1\r\nHost: a.test\r\n", 400, false},
		{"space in a header name", "GET / HTTP/1.1\r\nHost: a.test\r\nX A: 1\r\n", 400, false},
		{"NUL in a header value", "GET / HTTP/1.1\r\nHost: a.test\r\nX-A: a\x00b\r\n", 400, false},
		{"no HTTP", "nonsense\r\n", 400, false},
		{"a head beyond the limit", "GET / HTTP/1.1\r\nHost: a.test\r\nX-A: " + strings.Repeat("x", 80<<10) + "\r\n", 431, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, r.addr)
			if _, err := io.WriteString(c, tc.head+"Accept: application/json\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			got := readReply(t, bufio.NewReader(c))
			if got.status != tc.status {
				t.Fatalf("status %d, want %d", got.status, tc.status)
			}
			if tc.status == 200 {
				<-served
				return
			}
			select {
			case target := <-served:
				t.Errorf("the handler got %q", target)
			default:
			}
			if !got.closed {
				t.Error("the connection stays open")
			}
			if !tc.ours {
				return
			}
			id := got.header.Get("X-Kong-Request-Id")
			want := map[int]string{400: "Bad request", 405: "Method not allowed"}[tc.status]
			if got.text != "{\n  \"message\":\""+want+"\",\n  \"request_id\":\""+id+"\"\n}" {
				t.Errorf("body %q", got.text)
			}
			if _, err := strconv.Atoi(got.header.Get("X-Kong-Response-Latency")); err != nil || got.header.Get("Server") != "sallyport" {
				t.Errorf("headers %v", got.header)
			}
		})
	}
	r.wait(t)
	if strings.Contains(r.log.String(), "u:p@") {
		t.Error("the log holds a password")
	}
}

func BenchmarkProxyOverhead(b *testing.B) {
	s, err := New(ProxyOptions{
		Common:  Common{Name: "proxy", Listen: []Listen{{Addr: "127.0.0.1:0"}}},
		Handler: func(_ http.ResponseWriter, q *plugin.Request) { q.Access.Status = 200 },
	})
	if err != nil {
		b.Fatal(err)
	}
	h := s.handler(8000)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://a.test/x", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.RequestURI, r.RemoteAddr = "/x?y=1", "127.0.0.1:1"
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(nil, r)
	}
}
