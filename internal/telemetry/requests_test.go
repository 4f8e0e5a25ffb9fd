package telemetry

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRequestsByRoute(t *testing.T) {
	t.Parallel()
	const total = "sallyport_http_requests_total"
	for name, tc := range map[string]struct {
		route   Route
		request Request
		series  string
	}{
		"names": {shop, Request{RouteID: "r1", Status: 204}, total + `{class="2xx",route="shop",service="backend"}`},
		"ids without names": {
			Route{ID: "r1", ServiceID: "s1"}, Request{RouteID: "r1", Status: 302}, total + `{class="3xx",route="r1",service="s1"}`,
		},
		"no service":        {Route{ID: "r1", Name: "a"}, Request{RouteID: "r1", Status: 101}, total + `{class="1xx",route="a",service=""}`},
		"a route called so": {Route{ID: "r1", Name: "other"}, Request{RouteID: "r1", Status: 499}, total + `{class="4xx",route="r1",service=""}`},
		"no route":          {shop, Request{Status: 404}, total + `{class="4xx",route="other",service="other"}`},
		"unknown route":     {shop, Request{RouteID: "r2", Status: 599}, total + `{class="5xx",route="other",service="other"}`},
		"no status":         {shop, Request{RouteID: "r1"}, total + `{class="other",route="shop",service="backend"}`},
		"odd status":        {shop, Request{RouteID: "r1", Status: 999}, total + `{class="other",route="shop",service="backend"}`},
		"duration": {
			shop,
			Request{RouteID: "r1", Status: 200, Took: 2 * time.Millisecond},
			`sallyport_http_request_duration_seconds_bucket{route="shop",service="backend",le="0.0025"}`,
		},
		"timeout": {
			shop,
			Request{RouteID: "r1", Status: 504, Failure: Timeout},
			`sallyport_upstream_failures_total{reason="timeout",route="shop",service="backend"}`,
		},
		"cut": {
			shop,
			Request{RouteID: "r1", Status: 200, Failure: Cut},
			`sallyport_upstream_failures_total{reason="cut",route="shop",service="backend"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode()
			n.Requests.Configure([]Route{tc.route})
			for i, want := range []string{"1", "2"} { // the first makes the series
				n.Requests.Observe(tc.request)
				if got := n.value(t, tc.series); got != want {
					t.Fatalf("after %d: %s = %q in\n%s", i+1, tc.series, got, n.exposition(t))
				}
			}
			if failed := strings.Contains(n.exposition(t), "sallyport_upstream_failures_total{"); failed != (tc.request.Failure != NoFailure) {
				t.Errorf("a failure was counted: %v", failed)
			}
		})
	}
}

func TestFailureOfAStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Failure{
		502: BadGateway, 503: NameResolution, 504: Timeout, 400: NoFailure, 413: NoFailure, 499: NoFailure, 500: NoFailure, 0: NoFailure,
	} {
		if got := FailureOf(status); got != want {
			t.Errorf("FailureOf(%d) = %d, want %d", status, got, want)
		}
	}
}

func TestSeriesFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	n := newNode()
	blog := Route{ID: "r2", Name: "blog"}
	n.Requests.Configure([]Route{shop, blog})
	for _, id := range []string{"r1", "r2"} {
		n.Requests.Observe(Request{RouteID: id, Status: 502, Failure: BadGateway})
	}
	n.Requests.Configure([]Route{shop, {ID: "r3", Name: "new"}})
	got := n.exposition(t)
	if strings.Contains(got, "blog") {
		t.Errorf("series of a route that is gone:\n%s", got)
	}
	n.Requests.Observe(Request{RouteID: "r1", Status: 502})
	if v := n.value(t, `sallyport_http_requests_total{class="5xx",route="shop",service="backend"}`); v != "2" {
		t.Errorf("a route that stayed starts anew: %s", v)
	}
	// A request that began before the change.
	n.Requests.Observe(Request{RouteID: "r2", Status: 200})
	if v := n.value(t, `sallyport_http_requests_total{class="2xx",route="other",service="other"}`); v != "1" {
		t.Errorf("a late request: %q", v)
	}
	// A thousand configurations leave nothing behind.
	before := n.series(t)
	for i := range 1000 {
		id := fmt.Sprint("x", i)
		n.Requests.Configure([]Route{shop, {ID: id, Name: id}})
		n.Requests.Observe(Request{RouteID: id, Status: 200})
	}
	n.Requests.Configure([]Route{shop})
	if after := n.series(t); after != before {
		t.Errorf("%d series became %d", before, after)
	}
}

// TestALateFirstRequestMakesNoSeries: it found its route before the change, and
// counts after it.
func TestALateFirstRequestMakesNoSeries(t *testing.T) {
	t.Parallel()
	n := newNode()
	n.Requests.Configure([]Route{shop})
	old := n.Requests.routes.Load()
	n.Requests.Configure(nil)
	n.Requests.routes.Store(old)
	n.Requests.Observe(Request{RouteID: "r1", Status: 200, Failure: Timeout})
	if got := n.exposition(t); strings.Contains(got, "shop") || !strings.Contains(got, `reason="timeout",route="other"`) {
		t.Errorf("a removed route has series again:\n%s", got)
	}
}

func TestRequestsWhileTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	n := newNode()
	kept := Route{ID: "r0", Name: "kept"}
	n.Requests.Configure([]Route{kept})
	const workers, each = 4, 3000
	var counting sync.WaitGroup
	for range workers {
		counting.Go(func() {
			for i := range each {
				n.Requests.Observe(Request{RouteID: fmt.Sprint("r", i%3), Status: 200, Failure: Failure(i % int(failures))})
			}
		})
	}
	for i := range 200 {
		n.Requests.Configure([]Route{kept, {ID: fmt.Sprint("r", 1+i%2), Name: fmt.Sprint("n", i)}})
	}
	n.Requests.Configure([]Route{kept})
	counting.Wait()
	want := fmt.Sprint(workers * each / 3)
	if got := n.value(t, `sallyport_http_requests_total{class="2xx",route="kept",service=""}`); got != want {
		t.Errorf("the route that stayed: %s, want %s", got, want)
	}
	if got := n.exposition(t); strings.Contains(got, `route="n`) {
		t.Errorf("series of routes that are gone:\n%s", got)
	}
}

func TestCountingARequestCostsNoAllocation(t *testing.T) {
	n := newNode()
	n.Requests.Configure([]Route{shop})
	q := Request{RouteID: "r1", Status: 502, Took: time.Millisecond, Failure: BadGateway}
	n.Requests.Observe(q)
	if got := testing.AllocsPerRun(500, func() {
		n.Requests.Observe(q)
		n.Calls.SessionLoad("found")
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkRequest(b *testing.B) {
	n := newNode()
	routes := make([]Route, 1000)
	for i := range routes {
		id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)
		routes[i] = Route{ID: id, Name: id[:8]}
	}
	n.Requests.Configure(routes)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		n.Requests.Observe(Request{RouteID: routes[i%len(routes)].ID, Status: 200, Took: 800 * time.Microsecond})
		i++
	}
}
