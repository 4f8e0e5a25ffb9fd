package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport/internal/httperror"
	"sallyport/internal/plugin"
	"sallyport/internal/server"
	"sallyport/internal/telemetry"
)

// runningNode is a node that runs until the test ends.
type runningNode struct {
	proxy, admin string // base URLs
	stop         func()
}

func runNode(t testing.TB, access io.Writer, change func(*settings)) *runningNode {
	t.Helper()
	var s settings
	s.flags("start")
	s.proxyListen, s.adminListen = []server.Listen{{Addr: "127.0.0.1:0"}}, []server.Listen{{Addr: "127.0.0.1:0"}}
	change(&s)
	n, err := newNode(s, slog.New(slog.DiscardHandler), access)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := n.listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- n.run(ctx, nil) }()
	stopped := false
	r := &runningNode{proxy: "http://" + n.proxy.Addrs()[0].String(), admin: "http://" + n.admin.Addrs()[0].String()}
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		n.close()
	}
	t.Cleanup(r.stop)
	return r
}

// scrape reads the metrics.
func (r *runningNode) scrape(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return string(text)
}

// names are the series of a scrape, without their values; those of Go's runtime
// are left out.
func names(scrape string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "sallyport_") {
			out[line[:strings.LastIndexByte(line, ' ')]] = true
		}
	}
	return out
}

// configure makes a route for a.test to an upstream.
func (r *runningNode) configure(t *testing.T) {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(upstream.Close)
	for _, body := range []map[string]any{
		{"path": "/services", "name": "backend", "url": upstream.URL},
		{"path": "/services/backend/routes", "name": "shop", "hosts": []string{"a.test"}},
	} {
		path, _ := body["path"].(string)
		delete(body, "path")
		if status, answer := ask(t, http.MethodPost, r.admin+path, body); status != http.StatusCreated {
			t.Fatalf("%d %v", status, answer)
		}
	}
}

// TestTenThousandRandomRequestsMakeNoNewSeries sends what a scanner sends:
// hosts, paths, methods and cookies that nobody configured.
func TestTenThousandRandomRequestsMakeNoNewSeries(t *testing.T) {
	t.Parallel()
	r := runNode(t, nil, func(*settings) {})
	r.configure(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.proxy, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	send := func(from, to int) {
		var batch bytes.Buffer
		for i := from; i < to; i++ {
			host := fmt.Sprintf("h%d.test", i)
			if i%2 == 0 {
				host = "a.test"
			}
			method := []string{"GET", "DELETE", fmt.Sprintf("M%d", i)}[i%3]
			fmt.Fprintf(&batch, "%s /p%d/%d?q=%d HTTP/1.1\r\nHost: %s\r\nUser-Agent: u%d\r\nCookie: session=%d\r\n\r\n", method, i, i, i, host, i, i)
		}
		if _, err := conn.Write(batch.Bytes()); err != nil {
			t.Error(err)
		}
	}
	answers := make(chan error, 1)
	const total = 10_000
	read := func(n int) {
		buf, seen := make([]byte, 64<<10), 0
		var rest []byte
		for seen < n {
			k, err := conn.Read(buf)
			if err != nil {
				answers <- err
				return
			}
			rest = append(rest, buf[:k]...)
			seen += bytes.Count(rest, []byte("HTTP/1.1 "))
			rest = append([]byte(nil), rest[max(0, len(rest)-len("HTTP/1.1 ")+1):]...)
		}
		answers <- nil
	}
	round := func(from, to int) {
		go read(to - from)
		send(from, to)
		if err := <-answers; err != nil {
			t.Fatal(err)
		}
	}
	round(0, 100)
	before := names(r.scrape(t))
	round(100, total)
	scrape := r.scrape(t)
	after := names(scrape)
	for name := range after {
		if !before[name] {
			t.Errorf("new series %s", name)
		}
	}
	for _, want := range []string{
		`sallyport_http_requests_total{class="2xx",route="shop",service="backend"} 5000`,
		`sallyport_http_requests_total{class="4xx",route="other",service="other"} 5000`,
		`sallyport_config_changes_total{result="applied"} 2`,
	} {
		if !strings.Contains(scrape, want+"\n") {
			t.Errorf("%s is missing in\n%s", want, scrape)
		}
	}
	_ = conn.Close()
}

func TestMetricsAreOnTheAdminListenerAlone(t *testing.T) {
	t.Parallel()
	r := runNode(t, nil, func(*settings) {})
	if status, _ := ask(t, http.MethodGet, r.proxy+"/metrics", nil); status != http.StatusNotFound {
		t.Errorf("the proxy answers %d", status)
	}
	scrape := r.scrape(t)
	for _, want := range []string{"sallyport_build_info{version=\"" + version + "\"} 1", "go_goroutines ", "sallyport_http_connections "} {
		if !strings.Contains(scrape, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestAccessRecordsAreCompleteWhenTheNodeHasStopped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer // written by one goroutine, read after the end
	r := runNode(t, &out, func(s *settings) { s.accessStyle = "combined" })
	r.configure(t)
	for i := range 20 {
		ask(t, http.MethodGet, fmt.Sprintf("%s/p%d?secret=planted", r.proxy, i), nil)
	}
	if scrape := r.scrape(t); !strings.Contains(scrape, "sallyport_access_records_dropped_total 0\n") {
		t.Error("dropped records are not served")
	}
	r.stop()
	if n := strings.Count(out.String(), "\" 404 "); n != 20 || strings.Contains(out.String(), "planted") {
		t.Errorf("%d records:\n%s", n, out.String())
	}
}

func TestUpstreamFailures(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		access plugin.Access
		want   telemetry.Failure
	}{
		"bad gateway":      {plugin.Access{Err: httperror.New(502, "x")}, telemetry.BadGateway},
		"timeout":          {plugin.Access{Err: httperror.New(504, "x")}, telemetry.Timeout},
		"no such host":     {plugin.Access{Err: httperror.New(503, "x")}, telemetry.NameResolution},
		"cut":              {plugin.Access{Status: 200, UpstreamStatus: 200, Err: httperror.New(502, "x")}, telemetry.Cut},
		"client gone":      {plugin.Access{Err: httperror.New(499, "x")}, telemetry.NoFailure},
		"client gone late": {plugin.Access{Status: 200, UpstreamStatus: 200, Err: httperror.New(499, "x")}, telemetry.NoFailure},
		"bad body":         {plugin.Access{Err: httperror.New(400, "x")}, telemetry.NoFailure},
		"something else":   {plugin.Access{Err: errors.New("x")}, telemetry.NoFailure},
	} {
		tc.access.UpstreamStart = time.Unix(1, 0)
		if got := failureOf(&tc.access); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}
