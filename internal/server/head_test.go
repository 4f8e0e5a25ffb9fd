package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads a head as a connection does, but from bytes that are all there.
func parse(head []byte) (*exchange, error) {
	end, _, bad := headEnd(head, 0)
	if bad != nil {
		return nil, bad
	}
	if end == 0 || end != len(head) {
		return nil, errors.New("not one head")
	}
	x := &exchange{header: http.Header{}}
	own := bytes.Clone(head)
	if bad := x.lines.split(own); bad != nil {
		return nil, bad
	}
	if bad := x.build(string(own)); bad != nil {
		return nil, bad
	}
	return x, nil
}

// heads are accepted; their variations seed the fuzzing.
var heads = []string{
	"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"get /a/b%20c?x=1&y HTTP/1.1\r\nhost: a.test:8000\r\nACCEPT: */*\r\nx-a:1\r\nX-A:\t2 \r\nx-empty:\r\n\r\n",
	"POST /a? HTTP/1.1\r\nHost: a.test\r\nContent-Length: 12\r\nExpect: 100-Continue\r\nConnection: close, x\r\n\r\n",
	"PUT //x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: Chunked\r\nTrailer: x-sum, Y\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
	"GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
	"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
	"GET /[\"<\xe9 HTTP/1.1\r\nHost: a.test\r\nX: \xff\x80\r\nCookie: a=\"b\"; c=d, e\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
}

// What our parser accepts, net/http's accepts with the same meaning, but for
// the Cache-Control that it makes of a Pragma.
func sameMeaning(t *testing.T, head []byte) bool {
	t.Helper()
	x, err := parse(head)
	if err != nil {
		return false
	}
	want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		t.Fatalf("%q: accepted, but net/http says %v", head, err)
	}
	got := &x.req
	if len(got.Header["Cache-Control"]) == 0 && len(got.Header["Pragma"]) > 0 {
		delete(want.Header, "Cache-Control")
	}
	type meaning struct {
		Method, Target, Proto string
		Major, Minor          int
		Header, Trailer       http.Header
		Length                int64
		Coding                []string
		Close                 bool
		URL                   url.URL
	}
	of := func(r *http.Request) meaning {
		return meaning{
			Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Major: r.ProtoMajor, Minor: r.ProtoMinor,
			Header: r.Header, Trailer: r.Trailer, Length: r.ContentLength, Coding: r.TransferEncoding, Close: r.Close, URL: *r.URL,
		}
	}
	if diff := cmp.Diff(of(want), of(got)); diff != "" {
		t.Fatalf("%q:\n%s", head, diff)
	}
	// An absolute target's authority takes the place of Host there; here the
	// canonical request demands that they agree.
	if got.URL.Host == "" && got.Host != want.Host {
		t.Fatalf("%q: Host %q, want %q", head, got.Host, want.Host)
	}
	return true
}

func TestAcceptedHeadsMeanWhatNetHTTPReads(t *testing.T) {
	t.Parallel()
	for _, head := range heads {
		if !sameMeaning(t, []byte(head)) {
			_, err := parse([]byte(head))
			t.Errorf("%q is refused: %v", head, err)
		}
	}
}

func FuzzHead(f *testing.F) {
	for _, head := range heads {
		f.Add([]byte(head))
		f.Add([]byte(strings.ReplaceAll(head, "a.test", "a.test\r\n folded")))
	}
	for _, tc := range smuggling {
		f.Add([]byte(tc.head + "\r\n"))
	}
	f.Fuzz(func(t *testing.T, head []byte) { sameMeaning(t, head) })
}

func TestCanonicalNamesAreThoseOfTextproto(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"host", "X-FORWARDED-for", "a--b", "-x-", "x_y-z.q", "1a-2b", "!#$%&'*+-.^_`|~"} {
		line := []byte(name + ":")
		if n := canonicalName(line); n != len(name) || string(line[:n]) != textproto.CanonicalMIMEHeaderKey(name) {
			t.Errorf("%q becomes %q", name, line[:n])
		}
	}
}

// These the canonical request, or another rule, would refuse as well.
func TestRefusalsOfTheParserItself(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n":                               "missing or repeated Host",
		"GET / HTTP/1.1\r\nHost: a.test\r\nX: 1\r\n 2\r\n\r\n": errFold.reason,
		"GET /#x HTTP/1.1\r\nHost: a.test\r\n\r\n":             errTarget.reason,
	} {
		if _, err := parse([]byte(head)); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v", head, err)
		}
	}
}

func TestLimitsOfAHead(t *testing.T) {
	t.Parallel()
	fields := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "X-%d: 1\r\n", i)
		}
		return b.String()
	}
	for _, tc := range []struct {
		name, head string
		status     int
	}{
		{"control: the longest target", "GET /" + strings.Repeat("a", maxTarget-1) + " HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{"target", "GET /" + strings.Repeat("a", maxTarget) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		{"control: most fields", "GET / HTTP/1.1\r\nHost: a\r\n" + fields(maxFields-1) + "\r\n", 0},
		{"fields", "GET / HTTP/1.1\r\nHost: a\r\n" + fields(maxFields) + "\r\n", 431},
	} {
		_, err := parse([]byte(tc.head))
		status := 0
		if bad, ok := errors.AsType[*headError](err); ok {
			status = bad.status
		}
		if status != tc.status {
			t.Errorf("%s: %d, %v", tc.name, status, err)
		}
	}
}

func BenchmarkParseHead(b *testing.B) {
	head := []byte(browserHead)
	x := &exchange{header: make(http.Header, 24)}
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		clear(x.header)
		end, _, bad := headEnd(head, 0)
		if bad != nil {
			b.Fatal(bad)
		}
		if bad := x.lines.split(head[:end]); bad != nil {
			b.Fatal(bad)
		}
		if bad := x.build(string(head[:end])); bad != nil {
			b.Fatal(bad)
		}
	}
}

func BenchmarkReadRequestOfNetHTTP(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(browserHead)))
	r := bufio.NewReader(nil)
	for b.Loop() {
		r.Reset(strings.NewReader(browserHead))
		if _, err := http.ReadRequest(r); err != nil {
			b.Fatal(err)
		}
	}
}

// browserHead is what a browser with a session sends.
var browserHead = "GET /api/v1/customers?page=2 HTTP/1.1\r\nHost: api.example.com:8000\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nConnection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n" +
	"Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nPriority: u=0, i\r\n" +
	"Cookie: session=" + strings.Repeat("A", 140) + "; theme=dark\r\n\r\n"
