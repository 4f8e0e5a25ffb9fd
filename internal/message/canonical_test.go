package message

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var compareAddr = cmpopts.EquateComparable(netip.Addr{})

// received builds a request as net/http's server would hand it out.
func received(target, host string, header ...string) *http.Request {
	r := &http.Request{
		Method: http.MethodGet, RequestURI: target, Host: host, Header: http.Header{},
		ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "203.0.113.9:5000",
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func trusting(networks ...string) Options {
	o := Options{ListenPort: 8000}
	for _, n := range networks {
		o.Trusted = append(o.Trusted, netip.MustParsePrefix(n))
	}
	return o
}

func TestNewFillsEveryField(t *testing.T) {
	t.Parallel()
	r := received("/a/../b%20c?x=1", "EXAMPLE.com.:8443")
	r.TLS = &tls.ConnectionState{ServerName: "Example.COM."}
	r.ProtoMajor = 2
	got, err := New(r, Options{ListenPort: 9443})
	if err != nil {
		t.Fatal(err)
	}
	peer := netip.MustParseAddr("203.0.113.9")
	want := Request{
		Method: "GET", Scheme: "https", Host: "example.com", Port: 8443, ListenPort: 9443,
		RawPath: "/a/../b%20c", Path: "/b%20c", RawQuery: "x=1", ForceQuery: true,
		TLS: true, SNI: "example.com", Peer: peer, Client: peer,
		ForwardedHost: "example.com", ForwardedPort: 8443, ProtoMajor: 2,
	}
	if diff := cmp.Diff(want, got, compareAddr); diff != "" {
		t.Error(diff)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, target, host, want string }{
		{"default port is left out", "/a", "a.test:80", "http://a.test/a"},
		{"other port is kept", "/a", "a.test:8000", "http://a.test:8000/a"},
		{"query is kept as received", "/a?x=%41&y", "a.test", "http://a.test/a?x=%41&y"},
		{"bare question mark is kept", "/a?", "a.test", "http://a.test/a?"},
		{"path is kept as received", "/%61//b", "a.test", "http://a.test/%61//b"},
		{"absolute form", "http://a.test:81/x?y", "a.test:81", "http://a.test:81/x?y"},
		{"absolute form without path", "http://a.test?y", "a.test", "http://a.test/?y"},
		{"IPv6 literal", "/", "[2001:DB8:0::1]:8000", "http://[2001:db8::1]:8000/"},
		{"a path that looks like an authority stays a path", "//evil.test/x", "a.test", "http://a.test//evil.test/x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			q, err := New(received(tc.target, tc.host), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := q.URL(); got != tc.want {
				t.Errorf("URL() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		r      *http.Request
		status int
	}{
		{"no host", received("/", ""), 400},
		{"userinfo in Host", received("/", "user@a.test"), 400},
		{"blank in Host", received("/", "a b"), 400},
		{"comma in Host", received("/", "a.test,b.test"), 400},
		{"percent sign in Host", received("/", "a%2etest"), 400},
		{"path in Host", received("/", "a.test/x"), 400},
		{"empty label in Host", received("/", "a..test"), 400},
		{"only a dot", received("/", "."), 400},
		{"two trailing dots", received("/", "a.test.."), 400},
		{"port that is no number", received("/", "a.test:8a"), 400},
		{"port zero", received("/", "a.test:0"), 400},
		{"port too large", received("/", "a.test:65536"), 400},
		{"signed port", received("/", "a.test:+80"), 400},
		{"two ports", received("/", "a.test:80:80"), 400},
		{"bare IPv6", received("/", "::1"), 400},
		{"IPv6 with zone", received("/", "[fe80::1%25eth0]"), 400},
		{"IPv4 in brackets", received("/", "[127.0.0.1]"), 400},
		{"overlong host", received("/", strings.Repeat("a", 254)), 400},
		{"second Host differs", received("/", "a.test", "Host", "b.test"), 400},
		{"one of two Host fields differs", received("/", "a.test", "Host", "a.test", "Host", "b.test"), 400},
		// From a front of our own only: see TestTheServerTakesTheAuthorityOfTheTarget.
		{"absolute form of another host", received("http://b.test/", "a.test"), 400},
		{"absolute form of another port", received("http://a.test:81/", "a.test"), 400},
		{"absolute form with userinfo", received("http://u@a.test/", "a.test"), 400},
		{"absolute form of another scheme", received("ftp://a.test/", "a.test"), 400},
		{"asterisk form", received("*", "a.test"), 400},
		{"authority form", received("a.test:443", "a.test:443"), 400},
		{"empty target", received("", "a.test"), 400},
		{"fragment", received("/secret#/public", "a.test"), 400},
		{"fragment in the query", received("/a?b#c", "a.test"), 400},
		{"line feed", received("/a\nb", "a.test"), 400},
		{"tab in the query", received("/a?b\tc", "a.test"), 400},
		{"NUL in the query", received("/a?b\x00", "a.test"), 400},
		{"DEL", received("/a\x7f", "a.test"), 400},
		{"escaped NUL", received("/a%00", "a.test"), 400},
		{"broken escape", received("/%g0", "a.test"), 400},
		{"CONNECT", &http.Request{Method: "CONNECT", RequestURI: "/", Host: "a.test", ProtoMajor: 1, ProtoMinor: 1}, 405},
		{"TRACE", &http.Request{Method: "TRACE", RequestURI: "/", Host: "a.test", ProtoMajor: 1, ProtoMinor: 1}, 405},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tc.r, Options{})
			var refused *Error
			if !errors.As(err, &refused) || refused.Status != tc.status {
				t.Errorf("got %v, want status %d", err, tc.status)
			}
		})
	}
	t.Run("control: the same host and path in order pass", func(t *testing.T) {
		t.Parallel()
		if _, err := New(received("http://a.test/a?b", "A.test:", "Host", "a.test."), Options{}); err != nil {
			t.Error(err)
		}
	})
}

// net/http's server replaces Host by the authority of a target in absolute form
// before anybody sees the request. What was sent as Host decides nothing then.
func TestTheServerTakesTheAuthorityOfTheTarget(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{"http://b.test/x": "b.test", "/x": "a.test"} {
		text := "GET " + target + " HTTP/1.1\r\nHost: a.test\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		q, err := New(r, Options{})
		if err != nil || q.Host != want || q.Path != "/x" {
			t.Errorf("%s: host %q, path %q, %v", target, q.Host, q.Path, err)
		}
	}
}

func TestHostOfHTTP10IsTheLocalAddress(t *testing.T) {
	t.Parallel()
	r := received("/", "")
	r.ProtoMinor = 0
	if _, err := New(r, Options{}); err == nil {
		t.Error("accepted without a host and without a local address")
	}
	for ip, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8::1": "[2001:db8::1]"} {
		r := received("/", "")
		r.ProtoMinor = 0
		local := &net.TCPAddr{IP: net.ParseIP(ip), Port: 8000}
		r = r.WithContext(contextWithLocalAddr(t, local))
		if q, err := New(r, Options{}); err != nil || q.Host != want {
			t.Errorf("Host = %q, %v; want %q", q.Host, err, want)
		}
	}
}

func FuzzNew(f *testing.F) {
	for _, s := range [][2]string{
		{"/", "a.test"},
		{"//evil.test", "a.test:8000"},
		{`/\evil.test`, "a.test"},
		{"/@evil.test", "a.test"},
		{"http://a.test/x?y", "A.TEST"},
		{"/a?//@x", "[::1]:80"},
		{"/%2f%2fevil", "1.2.3.4"},
		{"/[]", "a_b.test."},
	} {
		f.Add(s[0], s[1], "evil.test", "8443", "https", "/p")
	}
	f.Fuzz(func(t *testing.T, target, host, fwdHost, fwdPort, proto, prefix string) {
		r := received(target, host, "X-Forwarded-Host", fwdHost, "X-Forwarded-Port", fwdPort,
			"X-Forwarded-Proto", proto, "X-Forwarded-Prefix", prefix)
		for _, o := range []Options{{}, trusting("0.0.0.0/0")} {
			q, err := New(r, o)
			if err != nil {
				continue
			}
			u, err := url.Parse(q.URL())
			if err != nil {
				t.Fatalf("URL %q: %v", q.URL(), err)
			}
			if u.Hostname() != strings.Trim(q.ForwardedHost, "[]") || u.User != nil || u.Fragment != "" || u.Scheme != q.Scheme {
				t.Fatalf("URL %q of host %q parses to %+v", q.URL(), q.ForwardedHost, u)
			}
			if !q.Trusted && q.ForwardedHost != q.Host {
				t.Fatalf("an untrusted peer chose the host %q", q.ForwardedHost)
			}
		}
	})
}

func BenchmarkNew(b *testing.B) {
	plain := received("/api/v1/customers?page=2", "api.example.com:8000")
	proxied := received("/api/v1/customers?page=2", "api.example.com", "X-Forwarded-Proto", "https", "X-Real-Ip", "198.51.100.7")
	for name, bc := range map[string]struct {
		r *http.Request
		o Options
	}{
		"plain":   {plain, Options{ListenPort: 8000}},
		"trusted": {proxied, trusting("203.0.113.0/24")},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := New(bc.r, bc.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
