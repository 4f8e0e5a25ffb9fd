package server

import (
	"testing"
)

func TestParseListen(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Listen{
		"0.0.0.0:8000":                         {Addr: "0.0.0.0:8000"},
		"0.0.0.0:8443 ssl":                     {Addr: "0.0.0.0:8443", TLS: true},
		" [::]:8443  http2 ssl ":               {Addr: "[::]:8443", TLS: true, HTTP2: true},
		"localhost:0 reuseport backlog=1 bind": {Addr: "localhost:0"},
		":8000":                                {Addr: ":8000"},
		"0.0.0.0:8443 ssl proxy_protocol":      {Addr: "0.0.0.0:8443", TLS: true, ProxyProtocol: true},
	} {
		got, err := ParseListen(in)
		if err != nil || got != want {
			t.Errorf("ParseListen(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "8000", "0.0.0.0", "0.0.0.0:http", "0.0.0.0:65536", "0.0.0.0:-1", "::1:8000x", "0.0.0.0:8000 http2",
		"0.0.0.0:8000 tls", "http://0.0.0.0:8000", "*:8000",
	} {
		if got, err := ParseListen(in); err == nil {
			t.Errorf("ParseListen(%q) = %+v, want an error", in, got)
		}
	}
}

func FuzzParseListen(f *testing.F) {
	f.Add("0.0.0.0:8443 ssl http2")
	f.Add("[::1]:1 backlog=5")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseListen(s)
		if err != nil {
			return
		}
		if again, err := ParseListen(l.String()); err != nil || again != l {
			t.Fatalf("%q -> %+v -> %q -> %+v, %v", s, l, l.String(), again, err)
		}
	})
}
