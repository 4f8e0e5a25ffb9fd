package admin

import (
	"net/http"
	"strings"
	"testing"
)

func newNodeWithMetrics(t *testing.T) *node {
	t.Helper()
	return newNode(t, func(o *Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = w.Write([]byte("some_metric 1\n"))
		})
	})
}

func TestMetricsAreServedBehindTheGuard(t *testing.T) {
	t.Parallel()
	n := newNodeWithMetrics(t)
	a := n.get("/metrics")
	if a.status != 200 || a.raw != "some_metric 1\n" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("GET /metrics = %d %q", a.status, a.raw)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", a.header)
	}
	for name, tc := range map[string]struct {
		method, path string
		header       []string
		want         int
	}{
		"head":             {"HEAD", "/metrics", nil, 200},
		"options":          {"OPTIONS", "/metrics", nil, 204},
		"a slash":          {"GET", "/metrics/", nil, 200},
		"below":            {"GET", "/metrics/x", nil, 404},
		"writing":          {"POST", "/metrics", nil, 405},
		"rebound name":     {"GET", "/metrics", []string{"Host", "evil.example"}, 421},
		"foreign writing":  {"POST", "/metrics", []string{"Origin", "https://evil.example"}, 403},
		"in the endpoints": {"GET", "/endpoints", nil, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := n.ask(tc.method, tc.path, "", "", tc.header...)
			if a.status != tc.want {
				t.Errorf("%d %s", a.status, a.raw)
			}
			if tc.want != 200 && strings.Contains(a.raw, "some_metric") {
				t.Error("a refused request got the metrics")
			}
			if tc.path == "/endpoints" && !strings.Contains(a.raw, `"/metrics"`) {
				t.Errorf("/metrics is not listed: %s", a.raw)
			}
		})
	}
}

func TestWithoutMetricsThereIsNoSuchPath(t *testing.T) {
	t.Parallel()
	if a := newNode(t).get("/metrics"); a.status != 404 {
		t.Errorf("GET /metrics = %d", a.status)
	}
}
