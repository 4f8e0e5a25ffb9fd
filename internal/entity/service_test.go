package entity

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServiceIsFilledWithDefaults(t *testing.T) {
	t.Parallel()
	got, errs := testKinds(t)[Services].Normalize(map[string]any{"host": "upstream.test"})
	if errs != nil {
		t.Fatal(errs)
	}
	want := map[string]any{
		"id": nil, "created_at": nil, "updated_at": nil, "name": nil, "retries": int64(5), "protocol": "http",
		"host": "upstream.test", "port": int64(80), "path": nil, "connect_timeout": int64(60000),
		"write_timeout": int64(60000), "read_timeout": int64(60000), "tags": nil, "client_certificate": nil,
		"tls_verify": nil, "tls_verify_depth": nil, "ca_certificates": nil, "enabled": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestServiceRules(t *testing.T) {
	t.Parallel()
	with := func(pairs ...any) map[string]any {
		in := map[string]any{"host": "upstream.test"}
		for i := 0; i < len(pairs); i += 2 {
			in[pairs[i].(string)] = pairs[i+1]
		}
		return in
	}
	const conditional = "2 schema violations (failed conditional validation given value of field 'protocol'; "
	checkRules(t, testKinds(t)[Services], []rule{
		{"host alone is enough", with(), ""},
		{"host is required", map[string]any{}, "schema violation (host: required field missing)"},
		{"host may be an IPv4 address", with("host", "10.0.0.1"), ""},
		{"host may be an IPv6 address", with("host", "::1"), ""},
		{"host may be a bracketed IPv6 address", with("host", "[::1]"), ""},
		{"host has no port", with("host", "a.test:80"), "schema violation (host: must not have a port)"},
		{"host has no bad port", with("host", "a.test:99999"), "schema violation (host: must not have a port)"},
		{"IPv6 host has no port", with("host", "[::1]:80"), "schema violation (host: must not have a port)"},
		{"host has no path", with("host", "a.test/x"), "schema violation (host: invalid value: a.test/x)"},
		{"host has no userinfo", with("host", "me@a.test"), "schema violation (host: invalid value: me@a.test)"},
		{"host has no line break", with("host", "a\nb"), "schema violation (host: invalid value: a\nb)"},
		{"host that looks like IPv4 must be one", with("host", "1.2.3.400"), "schema violation (host: invalid value: 1.2.3.400)"},
		{"host has no zone", with("host", "fe80::1%eth0"), "schema violation (host: invalid value: fe80::1%eth0)"},
		{
			"protocol is known", with("protocol", "ftp"),
			"schema violation (protocol: expected one of: grpc, grpcs, http, https, tcp, tls, tls_passthrough, udp)",
		},
		{"port is at most 65535", with("port", 65536), "schema violation (port: value should be between 0 and 65535)"},
		{"port may be 0", with("port", 0), ""},
		{"numbers are not read from texts", with("port", "80"), "schema violation (port: expected an integer)"},
		{"retries are at most 32767", with("retries", 32768), "schema violation (retries: value should be between 0 and 32767)"},
		{
			"time-outs are at least 1", with("read_timeout", 0),
			"schema violation (read_timeout: value should be between 1 and 2147483646)",
		},
		{"path begins with a slash", with("path", "x"), "schema violation (path: should start with: /)"},
		{"path has no empty segment", with("path", "/a//b"), "schema violation (path: must not have empty segments)"},
		{
			"path has URL characters", with("path", "/a b"),
			"schema violation (path: invalid path: '/a b' (characters outside of the reserved list of RFC 3986 found))",
		},
		{"path has valid escapes", with("path", "/a%2x"), "schema violation (path: invalid url-encoded value: '%2x')"},
		{"path may hold escapes", with("path", "/a%20b"), ""},
		{
			"name has no spaces", with("name", "a b"),
			"schema violation (name: invalid value 'a b': the only accepted ascii characters are alphanumerics or ., -, _, and ~)",
		},
		{"name may be Unicode", with("name", "größe-1"), ""},
		{"name is UTF-8", with("name", "a\xff"), "schema violation (name: invalid utf-8 character sequence detected at position 2)"},
		{"name is not empty", with("name", ""), "schema violation (name: length must be at least 1)"},
		{"tags may hold spaces", with("tags", texter("two words")), ""},
		{
			"tags have no comma", with("tags", texter("ok", "a,b")),
			"schema violation (tags.2: invalid tag 'a,b': expected printable ascii (except `,` and `/`) or valid utf-8 sequences)",
		},
		{
			"tags have no slash", with("tags", texter("a/b")),
			"schema violation (tags.1: invalid tag 'a/b': expected printable ascii (except `,` and `/`) or valid utf-8 sequences)",
		},
		{"streams have no path", with("protocol", "tcp", "path", "/a"), conditional + "path: value must be null)"},
		{"http has no tls_verify", with("tls_verify", true), conditional + "tls_verify: value must be null)"},
		{"https may have tls_verify", with("protocol", "https", "tls_verify", true), ""},
		{
			"tls_verify_depth is at most 64", with("protocol", "https", "tls_verify_depth", 65),
			"schema violation (tls_verify_depth: value should be between 0 and 64)",
		},
		{
			"authorities are ids", with("protocol", "https", "ca_certificates", texter("x")),
			"schema violation (ca_certificates.1: expected a valid UUID)",
		},
		{"https may name authorities", with("protocol", "https", "ca_certificates", texter(uuid1)), ""},
		{
			"http has no authorities", with("ca_certificates", texter(uuid1)),
			conditional + "ca_certificates: value must be null)",
		},
		{"enabled cannot be cleared", with("enabled", nil), "schema violation (enabled: required field missing)"},
		{"id is a UUID", with("id", "x"), "schema violation (id: expected a valid UUID)"},
		{"id cannot be null", with("id", nil), "schema violation (id: required field missing)"},
		{"created_at is a time", with("created_at", 0), "schema violation (created_at: expected a valid timestamp)"},
		{"unknown fields are refused", with("hots", 1), "schema violation (hots: unknown field)"},
		{
			"all faults are listed",
			map[string]any{"port": -1, "path": "x"},
			"3 schema violations (host: required field missing; path: should start with: /; port: value should be between 0 and 65535)",
		},
	})
}

func TestServiceURLSetsItsParts(t *testing.T) {
	t.Parallel()
	parts := func(protocol string, port int64, path any) map[string]any {
		return map[string]any{"protocol": protocol, "host": "a.test", "port": port, "path": path}
	}
	for name, c := range map[string]struct {
		url  string
		want map[string]any
	}{
		"port of http":          {"http://a.test", parts("http", 80, nil)},
		"port of https":         {"https://a.test", parts("https", 443, nil)},
		"port as given":         {"https://a.test:8443/x", parts("https", 8443, "/x")},
		"path slash":            {"http://a.test/", parts("http", 80, "/")},
		"path with escapes":     {"http://a.test/a%20b", parts("http", 80, "/a%20b")},
		"query is left out":     {"http://a.test/a?b=c#d", parts("http", 80, "/a")},
		"scheme from port":      {"//a.test:443", parts("https", 443, nil)},
		"other schemes have 80": {"grpc://a.test", parts("grpc", 80, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := map[string]any{"url": c.url, "host": "other.test", "port": 1, "path": "/other"}
			got, errs := testKinds(t)[Services].Normalize(in)
			if errs != nil {
				t.Fatal(errs)
			}
			if _, returned := got["url"]; returned {
				t.Error("url is returned")
			}
			maps.DeleteFunc(got, func(name string, _ any) bool { _, asked := c.want[name]; return !asked })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	checkRules(t, testKinds(t)[Services], []rule{
		{
			"url needs a host",
			map[string]any{"url": "nonsense"},
			"2 schema violations (host: required field missing; path: should start with: /)",
		},
		{"url must be a URL", map[string]any{"url": "http://a b/"}, "schema violation (host: required field missing)"},
		{
			"url has a known scheme",
			map[string]any{"url": "ftp://a.test"},
			"schema violation (protocol: expected one of: grpc, grpcs, http, https, tcp, tls, tls_passthrough, udp)",
		},
		{
			"url has a port in range",
			map[string]any{"url": "http://a.test:99999"},
			"schema violation (port: value should be between 0 and 65535)",
		},
		{"url is a text", map[string]any{"url": 1}, "2 schema violations (host: required field missing; url: expected a string)"},
	})
}
