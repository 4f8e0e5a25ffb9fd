package openidconnect

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestCheckTarget(t *testing.T) {
	t.Parallel()
	const redirect = "http://service.test:8000/cb"
	tests := []struct {
		name, target string
		scope        cookieScope
		want         bool
	}{
		{"same host", "http://service.test:8000/?hello=world", cookieScope{}, true},
		{"other port", "http://service.test/x", cookieScope{}, false},
		{"path that looks like a host stays a path of ours", "http://service.test:8000//evil.test/x", cookieScope{}, true},
		{"encoded slashes stay a path of ours", "http://service.test:8000/%2F%2Fevil.test", cookieScope{}, true},
		{"doubly encoded", "http://service.test:8000/%252F%255Cevil.test", cookieScope{}, true},
		{"another host", "http://evil.test/", cookieScope{}, false},
		{"host that ends alike", "http://evilservice.test/", cookieScope{}, false},
		{"host that begins alike", "http://service.test.evil.test/", cookieScope{}, false},
		{"userinfo", "http://service.test@evil.test/", cookieScope{}, false},
		{"userinfo of our host", "http://a:b@service.test/", cookieScope{}, false},
		{"scheme-relative", "//service.test/", cookieScope{}, false},
		{"three slashes", "///service.test/", cookieScope{}, false},
		{"backslash", `http://service.test/\evil.test`, cookieScope{}, false},
		{"backslash before the host", `http:\\service.test/`, cookieScope{}, false},
		{"backslash in the host", `http://evil.test\@service.test/`, cookieScope{}, false},
		{"tab", "http://service.test:8000/\t/evil.test", cookieScope{}, false},
		{"line break", "http://service.test:8000/\r\nSet-Cookie: a=b", cookieScope{}, false},
		{"blank", "http://service.test:8000/ x", cookieScope{}, false},
		{"javascript", "javascript:alert(1)", cookieScope{}, false},
		{"data", "data:text/html,x", cookieScope{}, false},
		{"fragment", "http://service.test:8000/#x", cookieScope{}, false},
		{"relative", "/x", cookieScope{}, false},
		{"empty", "", cookieScope{}, false},
		{"within the cookie's domain", "http://service.test:8000/", cookieScope{Domain: ".service.test"}, true},
		{"subdomain within the cookie's domain", "http://a.service.test/", cookieScope{Domain: "service.test"}, true},
		{"outside the cookie's domain", "http://other.test/", cookieScope{Domain: "service.test"}, false},
		{"redirect URI outside the cookie's domain", "http://a.other.test/", cookieScope{Domain: "other.test"}, false},
		{"within the cookie's path", "http://service.test:8000/app/x", cookieScope{Path: "/app"}, true},
		{"outside the cookie's path", "http://service.test:8000/other", cookieScope{Path: "/app"}, false},
		{"path that begins alike", "http://service.test:8000/apple", cookieScope{Path: "/app"}, false},
		{"secure cookie over https", "https://service.test:8000/", cookieScope{Secure: true}, true},
		{"secure cookie over http", "http://service.test:8000/", cookieScope{Secure: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := checkTarget(tt.target, redirect, tt.scope)
			if (err == nil) != tt.want {
				t.Fatalf("got %v", err)
			}
			if err != nil && !errors.Is(err, errTarget) {
				t.Fatalf("%v is not a target error", err)
			}
		})
	}
}

func FuzzCheckTarget(f *testing.F) {
	for _, s := range []string{
		"http://service.test:8000/", "//evil", `/\evil`, "http://service.test@evil/", "http://service.test:80/%2f", "http://[::1]/",
		"http://service.test\x00.evil/", "http://SERVICE.test/", "http://service.test:x/", "http:/service.test/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if checkTarget(target, "http://service.test/", cookieScope{}) != nil {
			return
		}
		// What a browser makes of an accepted value: after scheme and two
		// slashes the authority ends at the first slash, question mark or
		// backslash; the host follows the last at-sign.
		rest, ok := strings.CutPrefix(strings.ToLower(target), "http://")
		if !ok {
			rest, ok = strings.CutPrefix(strings.ToLower(target), "https://")
		}
		if !ok {
			t.Fatalf("accepted %q without a scheme", target)
		}
		authority := rest
		if i := strings.IndexAny(rest, `/?\#`); i >= 0 {
			authority = rest[:i]
		}
		if i := strings.LastIndexByte(authority, '@'); i >= 0 {
			t.Fatalf("accepted user information: %q", target)
		}
		host, _, _ := strings.Cut(authority, ":")
		if h, err := url.PathUnescape(host); err != nil || h != "service.test" {
			t.Fatalf("accepted host %q in %q", host, target)
		}
	})
}

// What is read without net/url is read as net/url reads it.
func FuzzPlainURL(f *testing.F) {
	for _, s := range []string{
		"https://app.test/a/b?c=d", "http://app.test", "http://app.test:8000", "http://app.test?x=/y", "http://app.test:/", "http://app.test:x/",
		"https://app.test/%41", "https://app.test/a b", "HTTP://app.test/", "http://[::1]/", "https://a@b.test/", "http://app.test/#", "http://app.test/?#",
		"http:///", "https://app.test:443/~a/./../b", "http://app.test//", "http://app.test?", "https://http://a.test/", "http://-/", "http://../", "http://app.test:99999999/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := plainURL(text)
		if !ok {
			return
		}
		u, err := url.Parse(text)
		if err != nil {
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return // refused before
			}
			t.Fatalf("%q is read, net/url says %v", text, err)
		}
		want := ownURL{scheme: u.Scheme, host: u.Hostname(), port: u.Port(), path: u.EscapedPath()}
		if got != want || u.User != nil || u.Fragment != "" || u.Opaque != "" || got.host == "" {
			t.Errorf("%q is read as %q, net/url has %q (%#v)", text, got, want, u)
		}
	})
}
