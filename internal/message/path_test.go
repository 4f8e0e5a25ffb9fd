package message

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestNormalizePath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"root stays", "/", "/"},
		{"plain path stays", "/a/b.c/~d_-e", "/a/b.c/~d_-e"},
		{"trailing slash stays", "/a/", "/a/"},
		{"unreserved escapes are decoded", "/%61%2D%2e%5f%7E", "/a-._~"},
		{"reserved escapes stay, in upper case", "/a%2fb%3a%40", "/a%2Fb%3A%40"},
		{"an escaped percent sign is not decoded twice", "/%252e%252e/a", "/%252e%252e/a"},
		{"blank and non-ASCII stay escaped", "/a%20b/caf%c3%a9", "/a%20b/caf%C3%A9"},
		{"raw non-ASCII is escaped", "/café", "/caf%C3%A9"},
		{"raw bytes that no URL holds are escaped", "/a\"<>\\^`{|}", "/a%22%3C%3E%5C%5E%60%7B%7C%7D"},
		{"sub-delimiters stay raw", "/a!$&'()*+,;=:@[]", "/a!$&'()*+,;=:@[]"},
		{"dot segments are removed", "/a/./b/../c", "/a/c"},
		{"escaped dot segments are removed", "/a/%2e/b/%2E%2e/c", "/a/c"},
		{"dot dot does not leave the root", "/../../a", "/a"},
		{"final dot segments leave a slash", "/a/b/..", "/a/"},
		{"final dot leaves a slash", "/a/.", "/a/"},
		{"slashes are merged", "//a///b//", "/a/b/"},
		{"dot dot after merged slashes takes one segment", "/a//../b", "/b"},
		{"three dots are a name", "/.../a", "/.../a"},
		{"hidden files are names", "/.well-known/x", "/.well-known/x"},
		{"matrix parameters are kept", "/a;v=1/b", "/a;v=1/b"},
		{"an encoded slash between names is kept", "/a%2Fb", "/a%2Fb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := NormalizePath(tc.in)
			if err != nil || got != tc.want {
				t.Errorf("NormalizePath(%q) = %q, %v; want %q", tc.in, got, err, tc.want)
			}
		})
	}
}

func TestNormalizePathRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in string }{
		{"empty", ""},
		{"relative", "a/b"},
		{"broken escape", "/a%zz"},
		{"cut escape", "/a%2"},
		{"lone percent sign", "/a%"},
		{"raw NUL", "/a\x00b"},
		{"escaped NUL", "/a%00b"},
		{"dot dot behind an encoded slash", "/public%2F..%2Fsecret"},
		{"dot dot behind an encoded slash at the end", "/public%2f.."},
		{"escaped dots behind an encoded slash", "/public%2f%2e%2e%2fsecret"},
		{"dot dot behind an encoded backslash", `/public%5C..%5Csecret`},
		{"dot dot behind a raw backslash", `/public\..\secret`},
		{"dot dot before an encoded slash", "/public/..%2Fsecret"},
		{"dot dot with parameters", "/public/..;/secret"},
		{"dot with parameters", "/.;x=1/secret"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := NormalizePath(tc.in)
			var refused *Error
			if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest {
				t.Errorf("NormalizePath(%q) = %q, %v; want a 400", tc.in, got, err)
			}
		})
	}
}

func TestDecodePath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "/a/b", "/a/b"},
		{"blank and non-ASCII are decoded", "/a%20b/caf%C3%A9", "/a b/café"},
		{"reserved escapes stay", "/a%2Fb%25c%20", "/a%2Fb%25c "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := DecodePath(tc.in); got != tc.want {
				t.Errorf("DecodePath(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestEncodedLengthCountsEscapesAsOneByte(t *testing.T) {
	t.Parallel()
	const path = "/a%20b%2Fc"
	decoded := DecodePath(path) // "/a b%2Fc"
	for n, want := range map[int]int{0: 0, 2: 2, 3: 5, 4: 6, len(decoded): len(path)} {
		if got := EncodedLength(path, n); got != want {
			t.Errorf("EncodedLength(%q, %d) = %d, want %d", path, n, got, want)
		}
	}
}

func FuzzNormalizePath(f *testing.F) {
	for _, seed := range []string{
		"/", "/a/../b", "/%2e%2e/a", "//x//", `/\x`, "/a%2F..", "/..;/", "/%41%zz", "/caf\xc3\xa9", "/a%5c%2e.", "/.../;..",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		normal, err := NormalizePath(raw)
		if err != nil {
			return
		}
		again, err := NormalizePath(normal)
		if err != nil || again != normal {
			t.Fatalf("not idempotent: %q -> %q -> %q, %v", raw, normal, again, err)
		}
		for segment := range strings.SplitSeq(normal[1:], "/") {
			if segment == "." || segment == ".." {
				t.Fatalf("%q -> %q holds a dot segment", raw, normal)
			}
		}
		if strings.Contains(normal, "//") || !strings.HasPrefix(normal, "/") {
			t.Fatalf("%q -> %q has an empty segment or is relative", raw, normal)
		}
		u, err := url.ParseRequestURI(normal)
		if err != nil || u.Host != "" || u.EscapedPath() != normal {
			t.Fatalf("%q -> %q does not survive a URL: %+v, %v", raw, normal, u, err)
		}
		decoded := DecodePath(normal)
		if EncodedLength(normal, len(decoded)) != len(normal) {
			t.Fatalf("%q: lengths of %q do not add up", normal, decoded)
		}
		if back, err := NormalizePath(decoded); err != nil || back != normal {
			t.Fatalf("decoding is not reversible: %q -> %q -> %q, %v", normal, decoded, back, err)
		}
	})
}

func BenchmarkNormalizePath(b *testing.B) {
	for name, path := range map[string]string{
		"plain":   "/api/v1/customers/8f14e45f-ceea-467f/orders",
		"escapes": "/api/v1/caf%c3%a9/a%20b",
		"dots":    "/api/./v1/../v2",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NormalizePath(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestLiteralBytes(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		want := unreserved(byte(c)) || c != 0 && strings.ContainsRune("!*'();:@&=+$,/[]", rune(c))
		if got := literal(byte(c)); got != want {
			t.Errorf("literal(%#x) = %v", c, got)
		}
	}
}
