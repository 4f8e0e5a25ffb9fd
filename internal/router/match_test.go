package router

import (
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// request is a canonical request written as "METHOD scheme://host:port/path",
// where the port is that of the listener.
func request(t testing.TB, s string) *message.Request {
	t.Helper()
	method, rest, _ := strings.Cut(s, " ")
	scheme, rest, _ := strings.Cut(rest, "://")
	slash := strings.IndexByte(rest, '/')
	host, port, ok := message.ParseAuthority(rest[:slash])
	path, err := message.NormalizePath(rest[slash:])
	if !ok || err != nil {
		t.Fatalf("bad request %q: %v", s, err)
	}
	return &message.Request{
		Method: method, Scheme: scheme, Host: host, ListenPort: port, Path: path, RawPath: rest[slash:],
		TLS: scheme == "https", SNI: host,
	}
}

func mustNew(t testing.TB, routes ...*entity.Route) *Router {
	t.Helper()
	r, err := New(routes, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClasses(t *testing.T) {
	t.Parallel()
	type route = entity.Route
	for _, tc := range []struct {
		name    string
		route   route
		request string
		header  http.Header
		want    bool
	}{
		{"path is a string prefix without segment boundary", route{Paths: []string{"/foo"}}, "GET http://a:80/foobar", nil, true},
		{"path shorter than the prefix", route{Paths: []string{"/foo"}}, "GET http://a:80/fo", nil, false},
		{"any of several paths", route{Paths: []string{"/x", "/foo"}}, "GET http://a:80/foo", nil, true},
		{"path with escapes in the route", route{Paths: []string{"/caf%c3%a9"}}, "GET http://a:80/caf%C3%A9", nil, true},
		{"path with raw non-ASCII in the route", route{Paths: []string{"/café"}}, "GET http://a:80/caf%c3%a9/x", nil, true},
		{"regex is anchored at the start", route{Paths: []string{"~/foo"}}, "GET http://a:80/x/foo", nil, false},
		{"regex is not anchored at the end", route{Paths: []string{"~/fo+"}}, "GET http://a:80/foobar", nil, true},
		{"regex with an end", route{Paths: []string{"~/fo+$"}}, "GET http://a:80/foobar", nil, false},
		{"every alternative of a regex is anchored", route{Paths: []string{"~/foo|/bar"}}, "GET http://a:80/x/bar", nil, false},
		{"regex sees decoded text", route{Paths: []string{"~/caf. x$"}}, "GET http://a:80/caf%C3%A9%20x", nil, true},
		{"regex sees reserved escapes", route{Paths: []string{"~/a%2Fb$"}}, "GET http://a:80/a%2fb", nil, true},
		{"regex is case-sensitive", route{Paths: []string{"~/foo"}}, "GET http://a:80/FOO", nil, false},
		{"method matches", route{Methods: []string{"GET", "POST"}}, "POST http://a:80/", nil, true},
		{"method is exact", route{Methods: []string{"GET"}}, "HEAD http://a:80/", nil, false},
		{"exact host", route{Hosts: []string{"a.test"}}, "GET http://a.test:80/", nil, true},
		{"host in other case", route{Hosts: []string{"A.Test"}}, "GET http://a.test:80/", nil, true},
		{"other host", route{Hosts: []string{"a.test"}}, "GET http://b.test:80/", nil, false},
		{"longer host", route{Hosts: []string{"a.test"}}, "GET http://x.a.test:80/", nil, false},
		{"leading wildcard at any depth", route{Hosts: []string{"*.a.test"}}, "GET http://x.y.a.test:80/", nil, true},
		{"leading wildcard is no bare domain", route{Hosts: []string{"*.a.test"}}, "GET http://a.test:80/", nil, false},
		{"leading wildcard needs the dot", route{Hosts: []string{"*.a.test"}}, "GET http://xa.test:80/", nil, false},
		{"trailing wildcard", route{Hosts: []string{"a.*"}}, "GET http://a.example.org:80/", nil, true},
		{"trailing wildcard needs the dot", route{Hosts: []string{"a.*"}}, "GET http://ab.test:80/", nil, false},
		{"host with the listener's port", route{Hosts: []string{"a.test:8000"}}, "GET http://a.test:8000/", nil, true},
		{"host with another port", route{Hosts: []string{"a.test:8000"}}, "GET http://a.test:8443/", nil, false},
		{"wildcard with the listener's port", route{Hosts: []string{"a.*:8000"}}, "GET http://a.x:8000/", nil, true},
		{"wildcard with another port", route{Hosts: []string{"*.test:8000"}}, "GET http://a.test:81/", nil, false},
		{"sni on TLS", route{SNIs: []string{"a.test."}}, "GET https://a.test:443/", nil, true},
		{"other sni on TLS", route{SNIs: []string{"a.test"}}, "GET https://b.test:443/", nil, false},
		{"wildcard sni", route{SNIs: []string{"*.test"}}, "GET https://b.test:443/", nil, true},
		{"sni is not asked on plain http", route{SNIs: []string{"a.test"}}, "GET http://b.test:80/", nil, true},
		{"header value in other case", route{Headers: map[string][]string{"x-kind": {"a", "B"}}}, "GET http://a:80/", http.Header{"X-Kind": {"b"}}, true},
		{"one of several sent values", route{Headers: map[string][]string{"x-kind": {"a"}}}, "GET http://a:80/", http.Header{"X-Kind": {"z", "a"}}, true},
		{"other header value", route{Headers: map[string][]string{"x-kind": {"a"}}}, "GET http://a:80/", http.Header{"X-Kind": {"ab"}}, false},
		{"header absent", route{Headers: map[string][]string{"x-kind": {"a"}}}, "GET http://a:80/", http.Header{}, false},
		{"one of two headers absent", route{Headers: map[string][]string{"x-a": {"1"}, "x-b": {"1"}}}, "GET http://a:80/", http.Header{"X-A": {"1"}}, false},
		{"header regex matches anywhere and in any case", route{Headers: map[string][]string{"x-kind": {"~*B+c"}}}, "GET http://a:80/", http.Header{"X-Kind": {"aBBCd"}}, true},
		{"header regex that does not match", route{Headers: map[string][]string{"x-kind": {"~*^b"}}}, "GET http://a:80/", http.Header{"X-Kind": {"ab"}}, false},
		{"all classes must match", route{Methods: []string{"GET"}, Paths: []string{"/x"}}, "POST http://a:80/x", nil, false},
		{"http route takes https", route{Protocols: []string{"http"}, Paths: []string{"/"}}, "GET https://a:443/", nil, true},
		{"a stream route takes nothing", route{Protocols: []string{"tcp", "tls"}}, "GET http://a:80/", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, got := mustNew(t, &tc.route).Match(request(t, tc.request), tc.header)
			if got != tc.want {
				t.Errorf("matched = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	type route = entity.Route
	for _, tc := range []struct {
		name    string
		winner  route
		loser   route
		request string
	}{
		{
			"more classes beat a longer path",
			route{Hosts: []string{"*.test"}, Methods: []string{"GET"}},
			route{Paths: []string{"/very/long/path"}},
			"GET http://a.test:80/very/long/path",
		},
		{
			"a class is a class: host and method beat path",
			route{Hosts: []string{"a.test"}, Paths: []string{"/"}},
			route{Paths: []string{"/a"}},
			"GET http://a.test:80/a",
		},
		{
			"hosts without wildcard beat a wildcard",
			route{Hosts: []string{"a.test"}},
			route{Hosts: []string{"*.test"}},
			"GET http://a.test:80/",
		},
		{
			"one wildcard among the hosts counts as wildcard",
			route{Hosts: []string{"a.test"}, Paths: []string{"/a"}},
			route{Hosts: []string{"a.test", "*.b"}, Paths: []string{"/a/long"}},
			"GET http://a.test:80/a/long",
		},
		{
			"plain hosts beat another class in their place",
			route{Hosts: []string{"a.test"}, Paths: []string{"/"}},
			route{Methods: []string{"GET"}, Paths: []string{"/a"}},
			"GET http://a.test:80/a",
		},
		{
			"plain hosts beat headers",
			route{Hosts: []string{"a.test"}},
			route{Headers: map[string][]string{"x-a": {"1"}, "x-b": {"1"}}},
			"GET http://a.test:80/",
		},
		{
			"more header names beat fewer",
			route{Headers: map[string][]string{"x-a": {"1"}, "x-b": {"1"}}},
			route{Headers: map[string][]string{"x-a": {"1", "2", "3"}}},
			"GET http://a.test:80/",
		},
		{
			"more header names beat a regex path",
			route{Headers: map[string][]string{"x-a": {"1"}, "x-b": {"1"}}, Paths: []string{"/"}},
			route{Headers: map[string][]string{"x-a": {"1"}}, Paths: []string{"~/a"}},
			"GET http://a.test:80/a",
		},
		{
			"a regex path beats a longer plain one",
			route{Paths: []string{"~/a"}},
			route{Paths: []string{"/a/long/path"}},
			"GET http://a.test:80/a/long/path",
		},
		{
			"higher regex_priority beats",
			route{Paths: []string{"~/a"}, RegexPriority: 2},
			route{Paths: []string{"~/a/l"}, RegexPriority: 1},
			"GET http://a.test:80/a/l",
		},
		{
			"negative regex_priority loses to the default",
			route{Paths: []string{"~/a"}},
			route{Paths: []string{"~/a"}, RegexPriority: -1},
			"GET http://a.test:80/a",
		},
		{
			"regex_priority of a plain path is ignored",
			route{Paths: []string{"/a/b"}},
			route{Paths: []string{"/a"}, RegexPriority: 9},
			"GET http://a.test:80/a/b",
		},
		{
			"the longest plain path beats",
			route{Paths: []string{"/a/b"}},
			route{Paths: []string{"/a"}},
			"GET http://a.test:80/a/b/c",
		},
		{
			"only the path that matches counts",
			route{Paths: []string{"/a/b"}},
			route{Paths: []string{"/a", "/another/very/long/one", "~/zzz"}},
			"GET http://a.test:80/a/b",
		},
		{
			"older created_at beats",
			route{Paths: []string{"/a"}, CreatedAt: 1},
			route{Paths: []string{"/a"}, CreatedAt: 2},
			"GET http://a.test:80/a",
		},
		{
			"the smaller id decides the rest",
			route{ID: "1", Paths: []string{"/a"}},
			route{ID: "2", Paths: []string{"/a"}},
			"GET http://a.test:80/a",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"X-A": {"1"}, "X-B": {"1"}}
			if _, ok := mustNew(t, &tc.loser).Match(request(t, tc.request), header); !ok {
				t.Fatal("control: the loser does not match alone")
			}
			for _, r := range []*Router{mustNew(t, &tc.winner, &tc.loser), mustNew(t, &tc.loser, &tc.winner)} {
				if m, ok := r.Match(request(t, tc.request), header); !ok || m.Route != &tc.winner {
					t.Errorf("the other route won: %+v", m.Route)
				}
			}
		})
	}
}

func TestUpgradeRequired(t *testing.T) {
	t.Parallel()
	secure := mustNew(t, &entity.Route{Protocols: []string{"https"}, Paths: []string{"/"}})
	both := mustNew(t, &entity.Route{Protocols: []string{"http", "https"}, Paths: []string{"/"}})
	forwarded := request(t, "GET http://a:80/")
	forwarded.Scheme = "https" // a trusted peer says so
	for _, tc := range []struct {
		name    string
		router  *Router
		request *message.Request
		want    bool
	}{
		{"https-only over http", secure, request(t, "GET http://a:80/"), true},
		{"https-only over https", secure, request(t, "GET https://a:443/"), false},
		{"https-only behind a TLS proxy", secure, forwarded, false},
		{"http and https over http", both, request(t, "GET http://a:80/"), false},
	} {
		m, ok := tc.router.Match(tc.request, nil)
		if !ok || m.UpgradeRequired != tc.want {
			t.Errorf("%s: UpgradeRequired = %v (matched %v), want %v", tc.name, m.UpgradeRequired, ok, tc.want)
		}
	}
}

func TestPrefixAndCaptures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path, request, prefix string
		groups                      []string
		named                       map[string]string
	}{
		{"plain path", "/a", "/a/b", "/a", nil, nil},
		{"regex without groups", "~/a/.", "/a/bc", "/a/b", nil, nil},
		{"numbered groups", "~/(.)/(.)?", "/a/", "/a/", []string{"a", ""}, nil},
		{"Rust's named groups", "~/(?<first>[a-z]+)/(?P<second>.*)", "/ab/c/d", "/ab/c/d", []string{"ab", "c/d"}, map[string]string{"first": "ab", "second": "c/d"}},
		{"the prefix is cut from the encoded path", "~/(caf.)/", "/caf%C3%A9/x", "/caf%C3%A9/", []string{"café"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m, ok := mustNew(t, &entity.Route{Paths: []string{tc.path}}).Match(request(t, "GET http://a:80"+tc.request), nil)
			if !ok || m.Prefix != tc.prefix {
				t.Fatalf("prefix %q (matched %v), want %q", m.Prefix, ok, tc.prefix)
			}
			if m.Captures.Len() != len(tc.groups) {
				t.Fatalf("%d groups, want %d", m.Captures.Len(), len(tc.groups))
			}
			for i, want := range tc.groups {
				if got := m.Captures.Group(i + 1); got != want {
					t.Errorf("group %d = %q, want %q", i+1, got, want)
				}
			}
			for name, want := range tc.named {
				if got, ok := m.Captures.Named(name); !ok || got != want {
					t.Errorf("group %s = %q, %v; want %q", name, got, ok, want)
				}
			}
			if _, ok := m.Captures.Named("absent"); ok {
				t.Error("a group that is not there")
			}
		})
	}
}

func TestStrippingNeverLeavesADotSegment(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/a", "~/a", "~/a|/zzz"} {
		stripping := &entity.Route{ID: "strip", Paths: []string{path}, StripPath: true}
		keeping := &entity.Route{ID: "keep", Paths: []string{path}}
		fallback := &entity.Route{ID: "fallback", Paths: []string{"/"}}
		for _, target := range []string{"/a../secret", "/a..", "/a.", "/a./x", "/a..%2Fsecret", "/a..;x/secret"} {
			r := request(t, "GET http://h:80"+target)
			if m, _ := mustNew(t, stripping, fallback).Match(r, nil); m.Route != fallback {
				t.Errorf("%s strips %s", path, target)
			}
			if m, _ := mustNew(t, keeping, fallback).Match(r, nil); m.Route != keeping {
				t.Errorf("control: %s without strip_path does not match %s", path, target)
			}
		}
		for _, target := range []string{"/a", "/a/.x", "/a.x", "/a...", "/ab"} {
			if m, _ := mustNew(t, stripping, fallback).Match(request(t, "GET http://h:80"+target), nil); m.Route != stripping {
				t.Errorf("control: %s does not match %s", path, target)
			}
		}
	}
}
