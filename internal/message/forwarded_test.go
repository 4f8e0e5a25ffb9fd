package message

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func contextWithLocalAddr(t *testing.T, a net.Addr) context.Context {
	t.Helper()
	return context.WithValue(t.Context(), http.LocalAddrContextKey, a)
}

// forgeries are all the headers by which a proxy in front tells who asked what.
var forgeries = []string{
	"X-Forwarded-Proto", "https", "X-Forwarded-Host", "public.test", "X-Forwarded-Port", "8443",
	"X-Forwarded-Path", "/outer/a", "X-Forwarded-Prefix", "/outer", "X-Real-Ip", "198.51.100.7",
	"X-Forwarded-For", "198.51.100.8",
}

func TestUntrustedPeerChangesNothing(t *testing.T) {
	t.Parallel()
	want, err := New(received("/a", "a.test"), trusting("10.0.0.0/8"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := New(received("/a", "a.test", forgeries...), trusting("10.0.0.0/8"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, compareAddr); diff != "" {
		t.Error(diff)
	}
}

func TestTrustedPeerIsBelieved(t *testing.T) {
	t.Parallel()
	q, err := New(received("/a", "a.test:8000", forgeries...), trusting("203.0.113.0/24"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := q.URL(), "https://public.test:8443/a"; got != want {
		t.Errorf("URL() = %q, want %q", got, want)
	}
	if q.Host != "a.test" || q.Port != 8000 {
		t.Errorf("the router's host became %s:%d", q.Host, q.Port)
	}
	if q.ForwardedPath != "/outer/a" || q.ForwardedPrefix != "/outer" {
		t.Errorf("path %q, prefix %q", q.ForwardedPath, q.ForwardedPrefix)
	}
	if q.Client != netip.MustParseAddr("198.51.100.7") || q.Peer != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("client %v, peer %v", q.Client, q.Peer)
	}
}

func TestForwardedOrigin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, host string
		header     []string
		want       string
	}{
		{"https without port", "a.test", []string{"X-Forwarded-Proto", "https"}, "https://a.test"},
		{"scheme in capitals", "a.test", []string{"X-Forwarded-Proto", "HTTPS"}, "https://a.test"},
		{"https keeps the port of Host", "a.test:8443", []string{"X-Forwarded-Proto", "https"}, "https://a.test:8443"},
		{"forwarded host without port has the default one", "a.test:8000", []string{"X-Forwarded-Host", "b.test"}, "http://b.test"},
		{"forwarded host is folded", "a.test", []string{"X-Forwarded-Host", "B.Test.:81"}, "http://b.test:81"},
		{"forwarded port wins over that of the forwarded host", "a.test", []string{"X-Forwarded-Host", "b.test:81", "X-Forwarded-Port", "82"}, "http://b.test:82"},
		{"port alone", "a.test", []string{"X-Forwarded-Port", "82"}, "http://a.test:82"},
		{"other schemes are ignored", "a.test", []string{"X-Forwarded-Proto", "javascript"}, "http://a.test"},
		{"a list of schemes is ignored", "a.test", []string{"X-Forwarded-Proto", "https, http"}, "http://a.test"},
		{"two schemes are ignored", "a.test", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Proto", "https"}, "http://a.test"},
		{"a port that is none is ignored", "a.test", []string{"X-Forwarded-Port", "1@evil"}, "http://a.test"},
		{"a host with userinfo is ignored", "a.test", []string{"X-Forwarded-Host", "a@evil.test"}, "http://a.test"},
		{"a host with parameters is ignored", "a.test", []string{"X-Forwarded-Host", `a;for="x"`}, "http://a.test"},
		{"a list of hosts is ignored", "a.test", []string{"X-Forwarded-Host", "b.test, c.test"}, "http://a.test"},
		{"two hosts are ignored", "a.test", []string{"X-Forwarded-Host", "b.test", "X-Forwarded-Host", "b.test"}, "http://a.test"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			q, err := New(received("/", tc.host, tc.header...), trusting("203.0.113.9/32"))
			if err != nil {
				t.Fatal(err)
			}
			if got := q.Origin(); got != tc.want {
				t.Errorf("Origin() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestForwardedPrefixIsACleanPath(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"/outer": "/outer", "/outer/": "/outer/", "/": "/",
		"//evil": "", `/\evil`: "", "outer": "", "/a?b": "", "/a#b": "", "/a/../b": "", "/a%2e": "", "/a b": "", "": "", "http://x": "",
	} {
		q, err := New(received("/", "a.test", "X-Forwarded-Prefix", prefix), trusting("203.0.113.9/32"))
		if err != nil || q.ForwardedPrefix != want {
			t.Errorf("prefix %q: got %q, %v; want %q", prefix, q.ForwardedPrefix, err, want)
		}
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	const peer = "203.0.113.9"
	xff := Options{RealIPHeader: "X-Forwarded-For", RealIPRecursive: true}
	last := Options{RealIPHeader: "X-Forwarded-For"}
	for _, tc := range []struct {
		name   string
		o      Options
		header []string
		want   string
	}{
		{"X-Real-IP by default", Options{}, []string{"X-Real-Ip", "198.51.100.7"}, "198.51.100.7"},
		{"no header", Options{}, nil, peer},
		{"X-Forwarded-For is not asked by default", Options{}, []string{"X-Forwarded-For", "198.51.100.7"}, peer},
		{"rightmost of a list", last, []string{"X-Forwarded-For", "198.51.100.7, 10.0.0.1"}, "10.0.0.1"},
		{"recursive: last untrusted", xff, []string{"X-Forwarded-For", "192.0.2.66, 198.51.100.7, 10.0.0.1,10.0.0.2"}, "198.51.100.7"},
		{"recursive: over several lines", xff, []string{"X-Forwarded-For", "198.51.100.7", "X-Forwarded-For", "10.0.0.1"}, "198.51.100.7"},
		{"recursive: all trusted gives the first", xff, []string{"X-Forwarded-For", "10.0.0.1, 10.0.0.2"}, "10.0.0.1"},
		{"garbage ends the walk", xff, []string{"X-Forwarded-For", "198.51.100.7, unknown, 10.0.0.1"}, "10.0.0.1"},
		{"garbage alone", xff, []string{"X-Forwarded-For", "_hidden"}, peer},
		{"empty member", xff, []string{"X-Forwarded-For", "198.51.100.7,"}, peer},
		{"address with port", xff, []string{"X-Forwarded-For", "198.51.100.7:1234"}, "198.51.100.7"},
		{"IPv6", xff, []string{"X-Forwarded-For", "2001:db8::1"}, "2001:db8::1"},
		{"IPv6 in brackets", xff, []string{"X-Forwarded-For", "[2001:db8::1]"}, "2001:db8::1"},
		{"IPv6 with port", xff, []string{"X-Forwarded-For", "[2001:db8::1]:99"}, "2001:db8::1"},
		{"IPv6 with a zone is garbage", xff, []string{"X-Forwarded-For", "fe80::1%eth0"}, peer},
		{
			"nobody is asked behind the PROXY protocol",
			Options{RealIPHeader: RealIPFromProxy, RealIPRecursive: true},
			[]string{"Proxy_protocol", "198.51.100.7", "X-Real-Ip", "198.51.100.7", "X-Forwarded-For", "198.51.100.7"},
			peer,
		},
		{"mapped IPv4 is IPv4", xff, []string{"X-Forwarded-For", "::ffff:198.51.100.7"}, "198.51.100.7"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.o.Trusted = trusting("203.0.113.0/24", "10.0.0.0/8").Trusted
			q, err := New(received("/", "a.test", tc.header...), tc.o)
			if err != nil || q.Client != netip.MustParseAddr(tc.want) {
				t.Errorf("client = %v, %v; want %s", q.Client, err, tc.want)
			}
		})
	}
}

func TestPeerAddress(t *testing.T) {
	t.Parallel()
	for remote, trusted := range map[string]bool{
		"10.1.2.3:1": true, "[::ffff:10.1.2.3]:1": true, "11.0.0.1:1": false, "[fe80::1%eth0]:1": true, "@": false, "": false,
	} {
		r := received("/", "a.test")
		r.RemoteAddr = remote
		q, err := New(r, trusting("10.0.0.0/8", "fe80::/10"))
		if err != nil || q.Trusted != trusted {
			t.Errorf("peer %q: trusted = %v, %v; want %v", remote, q.Trusted, err, trusted)
		}
	}
}
