package upstream

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/message"
)

func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	forged := "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test:99\r\n" +
		"X-Forwarded-Port: 444\r\nX-Forwarded-Path: /evil\r\nX-Forwarded-Prefix: /pre\r\nX-Real-IP: 9.9.9.9\r\n" +
		"Forwarded: for=1.2.3.4\r\nVia: 1.1 cdn\r\nX-Kong-Request-Id: mine\r\n"
	for _, tc := range []struct {
		name    string
		sent    string
		trusted bool
		want    map[string]string
	}{
		{
			name: "a request without any",
			want: map[string]string{
				"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "service.test",
				"X-Forwarded-Port": "8000", "X-Forwarded-Path": "/a%20b", "X-Forwarded-Prefix": "/a", "X-Real-Ip": "127.0.0.1",
				"Via": "1.1 sallyport", "X-Kong-Request-Id": "0123456789abcdef0123456789abcdef", "Forwarded": "",
			},
		},
		{
			name: "of an untrusted peer all are replaced but the list of addresses, which grows",
			sent: forged,
			want: map[string]string{
				"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "service.test",
				"X-Forwarded-Port": "8000", "X-Forwarded-Path": "/a%20b", "X-Forwarded-Prefix": "/a", "X-Real-Ip": "127.0.0.1",
				"Via": "1.1 cdn, 1.1 sallyport", "X-Kong-Request-Id": "0123456789abcdef0123456789abcdef", "Forwarded": "",
			},
		},
		{
			name: "of a trusted peer they are believed", sent: forged, trusted: true,
			want: map[string]string{
				"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test",
				"X-Forwarded-Port": "444", "X-Forwarded-Path": "/evil", "X-Forwarded-Prefix": "/pre", "X-Real-Ip": "9.9.9.9",
				"Via": "1.1 cdn, 1.1 sallyport", "Forwarded": "",
			},
		},
		{
			name: "a trusted peer that says nothing", trusted: true,
			want: map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "8000"},
		},
		{
			name: "spellings that an upstream may fold into ours do not get through",
			sent: "X_Forwarded_Proto: https\r\nX.Forwarded.Host: evil\r\nx_real_ip: 1.1.1.1\r\nX-Kept_Header: yes\r\n",
			want: map[string]string{
				"X_forwarded_proto": "", "X.forwarded.host": "", "X_real_ip": "", "X-Kept_header": "yes", "X-Forwarded-Proto": "http",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, head := capture(t)
			b := start(t, addr, func(s *setup) {
				if tc.trusted {
					s.message.Trusted = loopback
				}
				s.exchange = func(x *Exchange) { x.StrippedPrefix = "/a" }
			})
			b.raw(t, "GET /a%20b HTTP/1.1\r\nHost: service.test\r\nConnection: close\r\n"+tc.sent+"\r\n")
			for name, want := range tc.want {
				if got := strings.Join(header(head(), name), "|"); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestNoPrefixWhereNothingWasStripped(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/"} {
		addr, head := capture(t)
		b := start(t, addr, func(s *setup) { s.exchange = func(x *Exchange) { x.StrippedPrefix = prefix } })
		b.get(t, "/", "X-Forwarded-Prefix", "/forged")
		if got := header(head(), "X-Forwarded-Prefix"); got != nil {
			t.Errorf("stripped %q: upstream got %q", prefix, got)
		}
	}
}

func TestHopByHopHeadersEndHere(t *testing.T) {
	t.Parallel()
	addr, head := capture(t)
	b := start(t, addr, nil)
	b.raw(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy: x\r\n"+
		"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nTE: trailers, gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"+
		"Transfer_Encoding: chunked\r\nX-End: 1\r\nx_under_score: 2\r\n\r\n")
	got := map[string][]string{}
	for _, name := range []string{
		"Connection", "X-Hop", "Keep-Alive", "Proxy", "Proxy-Connection", "Proxy-Authorization", "Te", "Upgrade", "Http2-Settings",
		"Transfer_encoding", "X-End", "X_under_score", "User-Agent", "Accept-Encoding",
	} {
		if v := header(head(), name); v != nil {
			got[name] = v
		}
	}
	want := map[string][]string{"Connection": {"keep-alive"}, "Te": {"trailers"}, "X-End": {"1"}, "X_under_score": {"2"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The list of what must be refused, item 10.
func TestIdentityHeadersOfTheUserAgentAreReplacedInEverySpelling(t *testing.T) {
	t.Parallel()
	addr, head := capture(t)
	b := start(t, addr, func(s *setup) {
		s.exchange = func(x *Exchange) {
			x.Header = &message.Overlay{}
			x.Header.RemoveSpellings("X-Userinfo")
			x.Header.Set("X-Userinfo", "alice")
		}
	})
	b.raw(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Userinfo: mallory\r\nx_userinfo: mallory\r\nX.UserInfo: mallory\r\n"+
		"X-USERINFO: mallory\r\nX_UserInfo: mallory\r\nX-Userinfos: kept\r\n\r\n")
	all := strings.Join(head(), "\n")
	if strings.Contains(all, "mallory") {
		t.Errorf("a forged identity got through:\n%s", all)
	}
	if got := header(head(), "X-Userinfo"); len(got) != 1 || got[0] != "alice" {
		t.Errorf("X-Userinfo is %q, want ours", got)
	}
	if got := header(head(), "X-Userinfos"); len(got) != 1 {
		t.Errorf("another header is %q, want it kept", got)
	}
}

func TestForgedIdentityInATrailerIsDropped(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, trailer string
		passes        bool
	}{
		{"one that a plugin manages", "X-Userinfo", false},
		{"one that a plugin manages, spelled otherwise", "X_Userinfo", false},
		{"one that the proxy manages", "X-Forwarded-For", false},
		{"authorization", "Authorization", false},
		{"a checksum", "X-Checksum", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			trailers := make(chan http.Header, 1)
			addr := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				text(t, r.Body)
				trailers <- r.Trailer
			})
			b := start(t, addr, func(s *setup) {
				s.exchange = func(x *Exchange) {
					x.Header = &message.Overlay{}
					x.Header.RemoveSpellings("X-Userinfo")
				}
			})
			b.raw(t, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: "+tc.trailer+"\r\n\r\n"+
				"3\r\nabc\r\n0\r\n"+tc.trailer+": value\r\n\r\n")
			got := <-trailers
			if passes := got.Get(tc.trailer) == "value"; passes != tc.passes {
				t.Errorf("upstream got trailers %v", got)
			}
		})
	}
}

// The list of what must be refused, item 10.
func TestConnectionCannotDeleteWhatPluginsAdd(t *testing.T) {
	t.Parallel()
	for _, connection := range []string{"close", "close, authorization, x-userinfo, x-forwarded-for, x-kong-request-id, host"} {
		addr, head := capture(t)
		b := start(t, addr, func(s *setup) {
			s.exchange = func(x *Exchange) {
				x.Header = &message.Overlay{}
				x.Header.Set("Authorization", "Bearer ours")
				x.Header.Set("X-Userinfo", "alice")
			}
		})
		b.raw(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: "+connection+"\r\nAuthorization: Bearer theirs\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n")
		for name, want := range map[string]string{
			"Authorization": "Bearer ours", "X-Userinfo": "alice",
			"X-Forwarded-For": "1.2.3.4, 127.0.0.1", "X-Kong-Request-Id": "0123456789abcdef0123456789abcdef",
		} {
			if got := header(head(), name); len(got) != 1 || got[0] != want {
				t.Errorf("Connection: %s: %s is %q, want %q", connection, name, got, want)
			}
		}
	}
}

// The list of what must be refused, item 10.
func TestOverlayValuesCannotSplitTheHead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value string
		passes      bool
	}{
		{"plain", "alice", true},
		{"non-ASCII", "Zoë", true},
		{"CR LF", "alice\r\nX-Admin: yes", false},
		{"LF alone", "alice\nX-Admin: yes", false},
		{"CR alone", "alice\rX-Admin: yes", false},
		{"NUL", "alice\x00", false},
		{"escape", "alice\x1b[31m", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, head := capture(t)
			b := start(t, addr, func(s *setup) {
				s.exchange = func(x *Exchange) {
					x.Header = &message.Overlay{}
					x.Header.Set("X-Userinfo", tc.value)
				}
			})
			if res := b.get(t, "/", "X-Userinfo", "mallory"); res.StatusCode != http.StatusNoContent {
				t.Fatalf("status %d", res.StatusCode)
			}
			got := header(head(), "X-Userinfo")
			if tc.passes && (len(got) != 1 || got[0] != tc.value) || !tc.passes && got != nil {
				t.Errorf("upstream got %q", got)
			}
			if header(head(), "X-Admin") != nil {
				t.Error("the value made a header of its own")
			}
			if logged := strings.Contains(b.log.String(), "X-Userinfo"); logged == tc.passes {
				t.Errorf("logged: %v", logged)
			}
			if strings.Contains(b.log.String(), "alice") {
				t.Error("the value stands in the log")
			}
		})
	}
}

func TestHostOfTheUpstream(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, host string
		preserve   bool
		want       string
	}{
		{"the service's with its port", "service.test:8000", false, "127.0.0.1:"},
		{"preserved, with a port of its own", "Service.Test:8000", true, "service.test:8000"},
		{"preserved, without a port", "service.test", true, "service.test"},
		{"preserved, default port left out", "service.test:80", true, "service.test"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, head := capture(t)
			b := start(t, addr, func(s *setup) { s.route.PreserveHost = tc.preserve })
			b.raw(t, "GET / HTTP/1.1\r\nHost: "+tc.host+"\r\nConnection: close\r\n\r\n")
			got := header(head(), "Host")
			if len(got) != 1 || !strings.HasPrefix(got[0], tc.want) || tc.preserve && got[0] != tc.want {
				t.Errorf("Host %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRequestTargetIsSentAsGiven(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, path, query, want string }{
		{"reserved escapes stay", "/a%2Fb%3F", "", "/a%2Fb%3F"},
		{"characters that net/url would escape stay", "/a'b(c)!*|^", "", "/a'b(c)!*|^"},
		{"a query stays", "/a", "?x=%zz&y=+&;", "/a?x=%zz&y=+&;"},
		{"a bare question mark stays", "/a", "?", "/a?"},
		{"two slashes in front are a path", "//host/a%2F", "", "//host/a%2F"},
		{"bytes beyond ASCII stay", "/\xc3\xa9", "", "/\xc3\xa9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr, head := capture(t)
			b := start(t, addr, func(s *setup) { s.exchange = func(x *Exchange) { x.Path = tc.path } })
			b.raw(t, "GET /anything"+tc.query+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			if len(head()) == 0 || head()[0] != "GET "+tc.want+" HTTP/1.1" {
				t.Errorf("request line %q, want %q", head(), tc.want)
			}
		})
	}
	for _, path := range []string{"/a b", "/a\r\nX: y", "/a#b", "", "a", "/a\x00"} {
		addr, head := capture(t)
		b := start(t, addr, func(s *setup) { s.exchange = func(x *Exchange) { x.Path = path } })
		if res := b.get(t, "/"); res.StatusCode != http.StatusBadRequest || head() != nil {
			t.Errorf("path %q: status %d, upstream got %q", path, res.StatusCode, head())
		}
	}
}

func TestRewriteDropsTheBody(t *testing.T) {
	t.Parallel()
	addr, head := capture(t)
	b := start(t, addr, func(s *setup) {
		s.exchange = func(x *Exchange) { x.Rewrite = &Rewrite{Method: http.MethodGet, RawQuery: "hello=world"} }
	})
	b.raw(t, "POST /x?code=1&state=2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: 13\r\n\r\ncode=1&hello=")
	if head()[0] != "GET /x?hello=world HTTP/1.1" {
		t.Errorf("request line %q", head()[0])
	}
	if strings.Contains(strings.Join(head(), "\n"), "Content-") {
		t.Errorf("the head still describes a body: %q", head())
	}
}
