package upstream

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Of a service for gRPC both protocols mean HTTP/2, and of no other.
func TestHTTP2IsSpokenWhereTheServiceIsForGRPC(t *testing.T) {
	t.Parallel()
	serve := func(t *testing.T, secured, http2 bool) string {
		t.Helper()
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, r.Proto, " ", r.RequestURI, " ", r.Header.Get("Te"))
		}))
		s.Config.ErrorLog = quiet()
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP1(true)
		s.Config.Protocols.SetUnencryptedHTTP2(http2 && !secured)
		s.EnableHTTP2 = http2
		if secured {
			s.Config.Protocols.SetHTTP2(http2)
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		_, addr, _ := strings.Cut(s.URL, "://")
		return addr
	}
	for _, tc := range []struct {
		protocol       string
		secured, http2 bool
		status         int
		text           string
	}{
		{"grpc", false, true, 200, "HTTP/2.0 /a.B/C?d trailers"},
		{"grpcs", true, true, 200, "HTTP/2.0 /a.B/C?d trailers"},
		{"grpc", false, false, 502, ""},
		{"grpcs", true, false, 502, ""},
		{"http", false, true, 200, "HTTP/1.1 /a.B/C?d trailers"},
		{"https", true, true, 200, "HTTP/1.1 /a.B/C?d trailers"},
	} {
		t.Run(fmt.Sprintf("%s, HTTP/2 %v", tc.protocol, tc.http2), func(t *testing.T) {
			t.Parallel()
			b := start(t, tc.protocol+"://"+serve(t, tc.secured, tc.http2), nil)
			for range 2 {
				res := b.do(t, http.MethodPost, "/a.B/C?d", strings.NewReader("x"), "Te", "trailers")
				got := text(t, res.Body)
				if res.StatusCode != tc.status || tc.text != "" && got != tc.text {
					t.Errorf("got %d %q, want %d %q", res.StatusCode, got, tc.status, tc.text)
				}
			}
			if r := b.lastRecord(); r.addr == "" != (tc.status == 502 && tc.secured) {
				t.Errorf("recorded address %q", r.addr)
			}
		})
	}
}
