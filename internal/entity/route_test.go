package entity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRouteIsFilledWithDefaults(t *testing.T) {
	t.Parallel()
	got, errs := testKinds(t)[Routes].Normalize(map[string]any{"paths": texter("/")})
	if errs != nil {
		t.Fatal(errs)
	}
	want := map[string]any{
		"id": nil, "created_at": nil, "updated_at": nil, "name": nil, "protocols": texter("http", "https"),
		"methods": nil, "hosts": nil, "paths": texter("/"), "headers": nil,
		"https_redirect_status_code": int64(426), "regex_priority": int64(0), "strip_path": true,
		"path_handling": "v0", "preserve_host": false, "request_buffering": true, "response_buffering": true,
		"snis": nil, "sources": nil, "destinations": nil, "tags": nil, "service": nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRouteRules(t *testing.T) {
	t.Parallel()
	with := func(pairs ...any) map[string]any {
		in := map[string]any{"paths": texter("/")}
		for i := 0; i < len(pairs); i += 2 {
			in[pairs[i].(string)] = pairs[i+1]
		}
		return in
	}
	const badLabel = "schema violation (hosts.1: invalid wildcard: must be placed at leftmost or rightmost label)"
	checkRules(t, testKinds(t)[Routes], []rule{
		{"a service is not needed", with(), ""},
		{"a service is a record", with("service", "x"), "schema violation (service: expected a record)"},
		{"a service has an id", with("service", map[string]any{}), "schema violation (service.id: missing primary key)"},
		{"a service's id is a UUID", with("service", ref("x")), "schema violation (service.id: expected a valid UUID)"},
		{"methods are upper-case letters", with("methods", texter("GET", "get")), "schema violation (methods.2: invalid value: get)"},
		{"hosts may have a port", with("hosts", texter("a.test:8443")), ""},
		{"hosts have a valid port", with("hosts", texter("a.test:65536")), "schema violation (hosts.1: invalid port number)"},
		{"hosts may be IPv4 addresses", with("hosts", texter("127.0.0.1")), ""},
		{"hosts may be IPv6 addresses", with("hosts", texter("[::1]:80")), ""},
		{"hosts may begin with a wildcard", with("hosts", texter("*.a.test", "*.a.test:80")), ""},
		{"hosts may end in a wildcard", with("hosts", texter("a.*", "a.*:80")), ""},
		{"wildcards are whole labels", with("hosts", texter("*a.test")), badLabel},
		{"wildcards are not in the middle", with("hosts", texter("a.*.test")), badLabel},
		{"wildcards are not alone", with("hosts", texter("*")), badLabel},
		{
			"one wildcard only", with("hosts", texter("*.a.*")),
			"schema violation (hosts.1: invalid wildcard: must have at most one wildcard)",
		},
		{"hosts have no slash", with("hosts", texter("ok.test", "a.test/x")), "schema violation (hosts.2: invalid hostname: a.test/x)"},
		{"hosts have no empty label", with("hosts", texter("a..test")), "schema violation (hosts.1: invalid hostname: a..test)"},
		{"hosts may end in a dot", with("hosts", texter("a.test.")), ""},
		{"labels do not end in a dash", with("hosts", texter("a-.test")), "schema violation (hosts.1: invalid hostname: a-.test)"},
		{"bad wildcard hosts are named as written", with("hosts", texter("*.a b")), "schema violation (hosts.1: invalid hostname: *.a b)"},
		{
			"paths begin with a slash", with("paths", texter("a")),
			"schema violation (paths.1: should start with: / (fixed path) or ~/ (regex path))",
		},
		{"paths have no empty segment", with("paths", texter("/a//b")), "schema violation (paths.1: must not have empty segments)"},
		{
			"paths are normal", with("paths", texter("/", "/a/../b")),
			"schema violation (paths.2: non-normalized path, consider use '/b' instead)",
		},
		{
			"paths have no escaped letters", with("paths", texter("/%61")),
			"schema violation (paths.1: non-normalized path, consider use '/a' instead)",
		},
		{
			"paths have no escaped dots", with("paths", texter("/a/%2e%2e/b")),
			"schema violation (paths.1: non-normalized path, consider use '/b' instead)",
		},
		{"paths may hold reserved escapes", with("paths", texter("/a%2Fb")), ""},
		{"paths have valid escapes", with("paths", texter("/a%")), "schema violation (paths.1: invalid url-encoded value: '%')"},
		{
			"paths have no control characters", with("paths", texter("/a\r\nb")),
			"schema violation (paths.1: invalid path: '/a\r\nb' (characters outside of the reserved list of RFC 3986 found))",
		},
		{"regex paths", with("paths", texter(`~/a/(?<id>\d+)$`)), ""},
		{
			"regex paths begin with a slash", with("paths", texter(`~a`)),
			"schema violation (paths.1: should start with: / (fixed path) or ~/ (regex path))",
		},
		{
			"regex paths compile", with("paths", texter("~/(a")),
			"schema violation (paths.1: invalid regex: '/(a' (missing closing ): `/(a`))",
		},
		{
			"header host is refused", with("headers", map[string]any{"Host": texter("a")}),
			"schema violation (headers.Host: cannot contain 'host' header, which must be specified in the 'hosts' attribute)",
		},
		{
			"header names are names", with("headers", map[string]any{"a b": texter("a")}),
			"schema violation (headers.a b: bad header name 'a b', allowed characters are A-Z, a-z, 0-9, '_', and '-')",
		},
		{"header values are lists", with("headers", map[string]any{"x-a": "a"}), "schema violation (headers.x-a: expected an array)"},
		{"headers", with("headers", map[string]any{"x-a": texter("a", "b")}), ""},
		{
			"redirect status is one of five", with("https_redirect_status_code", 303),
			"schema violation (https_redirect_status_code: expected one of: 426, 301, 302, 307, 308)",
		},
		{"path_handling", with("path_handling", "v2"), "schema violation (path_handling: expected one of: v0, v1)"},
		{"protocols cannot be empty", with("protocols", texter()), "schema violation (protocols: length must be at least 1)"},
		{"protocols cannot be null", with("protocols", nil), "schema violation (protocols: required field missing)"},
		{
			"protocol groups do not mix", with("protocols", texter("http", "grpc")),
			"schema violation (protocols: these sets are mutually exclusive: ('http', 'https'), ('grpc', 'grpcs'))",
		},
		{
			"snis need TLS", with("protocols", texter("http"), "snis", texter("a.test")),
			"2 schema violations ('snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'; snis: length must be 0)",
		},
		{"snis on https", with("protocols", texter("https"), "snis", texter("*.a.test")), ""},
		{"snis are names", with("snis", texter("127.0.0.1")), "schema violation (snis.1: must not be an IP)"},
		{"snis have no port", with("snis", texter("a.test:1")), "schema violation (snis.1: must not have a port)"},
		{
			"snis have a wildcard at an end", with("snis", texter("a.*.b")),
			"schema violation (snis.1: wildcard must be leftmost or rightmost character)",
		},
		{"snis have one wildcard", with("snis", texter("*.*")), "schema violation (snis.1: only one wildcard must be specified)"},
		{
			"http has no sources", with("sources", []any{map[string]any{"ip": "10.0.0.0/8"}}),
			"schema violation (sources: cannot set 'sources' when 'protocols' is 'http' or 'https')",
		},
		{
			"a field at fault is not judged twice",
			map[string]any{"paths": texter("x")},
			"schema violation (paths.1: should start with: / (fixed path) or ~/ (regex path))",
		},
	})
}

func TestRouteMustMatchSomething(t *testing.T) {
	t.Parallel()
	on := func(protocols ...string) map[string]any { return map[string]any{"protocols": texter(protocols...)} }
	and := func(in map[string]any, name string, v any) map[string]any { in[name] = v; return in }
	const https = "schema violation (must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https')"
	checkRules(t, testKinds(t)[Routes], []rule{
		{"default protocols", map[string]any{}, https},
		{"https", on("https"), https},
		{"http", on("http"), "schema violation (must set one of 'methods', 'hosts', 'headers', 'paths' when 'protocols' is 'http')"},
		{"grpc", on("grpc"), "schema violation (must set one of 'hosts', 'headers', 'paths' when 'protocols' is 'grpc')"},
		{"grpcs", on("grpc", "grpcs"), "schema violation (must set one of 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'grpcs')"},
		{"tcp", on("tcp"), "schema violation (must set one of 'sources', 'destinations', 'snis' when 'protocols' is 'tcp', 'tls' or 'udp')"},
		{"tls_passthrough", on("tls_passthrough"), "schema violation (must set snis when 'protocols' is 'tls_passthrough')"},
		{"empty lists count as unset", and(on("https"), "hosts", texter()), https},
		{"empty maps count as unset", and(on("https"), "headers", map[string]any{}), https},
		{"methods are enough", and(on("https"), "methods", texter("GET")), ""},
		{"snis are enough on https", and(on("https"), "snis", texter("a.test")), ""},
		{"sources are enough on tcp", and(on("tcp"), "sources", []any{map[string]any{"port": 1}}), ""},
		{
			"sources have an address or a port", and(on("tcp"), "sources", []any{map[string]any{}}),
			"schema violation (sources.1: at least one of these fields must be non-empty: 'ip', 'port')",
		},
		{
			"sources have real addresses", and(on("tcp"), "sources", []any{map[string]any{"ip": "x"}}),
			"schema violation (sources.1.ip: invalid ip or cidr range: 'x')",
		},
		{
			"tcp has no hosts", and(and(on("tcp"), "hosts", texter("a.test")), "sources", []any{map[string]any{"port": 1}}),
			"schema violation (hosts: cannot set 'hosts' when 'protocols' is 'tcp', 'tls', 'tls_passthrough' or 'udp')",
		},
	})
}

func TestGRPCRoutes(t *testing.T) {
	t.Parallel()
	k := testKinds(t)[Routes]
	got, errs := k.Normalize(map[string]any{"protocols": texter("grpc"), "paths": texter("/")})
	if errs != nil {
		t.Fatal(errs)
	}
	if got["strip_path"] != false {
		t.Error("strip_path is not false by default")
	}
	checkRules(t, k, []rule{
		{
			"strip_path is refused",
			map[string]any{"protocols": texter("grpc"), "paths": texter("/"), "strip_path": true},
			"schema violation (strip_path: cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs')",
		},
		{
			"methods are refused",
			map[string]any{"protocols": texter("grpcs"), "paths": texter("/"), "methods": texter("GET")},
			"schema violation (methods: cannot set 'methods' when 'protocols' is 'grpc' or 'grpcs')",
		},
	})
}

func TestNormalPathOfPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/":             "/",
		"/a/b":          "/a/b",
		"/a/":           "/a/",
		"/a/.":          "/a/",
		"/a/..":         "/",
		"/..":           "/",
		"/../../a":      "/a",
		"/a/./b":        "/a/b",
		"/a/%2E%2e/b":   "/b",
		"//a///b":       "/a/b",
		"/a//":          "/a/",
		"/%7euser":      "/~user",
		"/a%2fb":        "/a%2Fb",
		"/a%20b":        "/a b",
		"/a%25b":        "/a%25b",
		"/%c3%a9":       "/é",
		"/a%2":          "/a%2",
		"/...":          "/...",
		"/.hidden/..x/": "/.hidden/..x/",
	} {
		if got := normalizePath(in); got != want {
			t.Errorf("normalizePath(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzRoutePath(f *testing.F) {
	for _, seed := range []string{"/", "/a/../b", "~/a(b", "/%2e%2E/", "//", "/a%", "~/(?<x>a)*$", "/a\x00", "/\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if checkRoutePath(path) != nil || path[0] != '/' {
			return
		}
		if again := normalizePath(path); again != path {
			t.Errorf("accepted %q, which is %q in normal form", path, again)
		}
	})
}

func FuzzRouteHost(f *testing.F) {
	for _, seed := range []string{"a.test", "*.a", "a.*:80", "[::1]:1", "1.2.3.4", "a:b:c", "*", ":", "a."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if checkRouteHost(host) != nil {
			return
		}
		for _, c := range []byte(host) {
			if c <= ' ' || c >= 0x7f || c == '/' || c == '@' || c == '\\' {
				t.Errorf("accepted %q", host)
			}
		}
	})
}
