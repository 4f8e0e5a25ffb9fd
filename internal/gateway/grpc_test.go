package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sallyport/internal/entity"
)

func TestARouteForGRPCServesNothingElse(t *testing.T) {
	t.Parallel()
	overGRPC := route("r1", "s1", "grpc.test")
	overGRPC.Protocols = []string{"grpc", "grpcs"}
	f := newFront(t)
	f.install(t, &entity.Set{
		Services: []*entity.Service{upstreamAt(t, hello)},
		Routes:   []*entity.Route{overGRPC, route("r2", "s1", "http.test")},
	})
	for _, tc := range []struct {
		name, host, contentType string
		major, status           int
		text                    string
	}{
		{"a plain request", "grpc.test", "", 1, 415, "Non-gRPC request matched gRPC route"},
		{"another type", "grpc.test", "application/json", 2, 415, "Non-gRPC request matched gRPC route"},
		{"gRPC over HTTP/1.1", "grpc.test", "application/grpc", 1, 426, "Please use HTTP2 protocol"},
		{"control: gRPC over HTTP/2", "grpc.test", "application/grpc+proto", 2, 200, "hello"},
		{"control: a route for http", "http.test", "application/grpc", 1, 200, "hello"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Host, r.ProtoMajor = tc.host, tc.major
		r.Header.Set("Content-Type", tc.contentType)
		w := httptest.NewRecorder()
		f.serve(w, r)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.text) {
			t.Errorf("%s: got %d %q", tc.name, w.Code, w.Body)
		}
		if tc.status == 426 && w.Header().Get("Upgrade") != "HTTP/2" {
			t.Errorf("%s: head %v", tc.name, w.Header())
		}
	}
}
