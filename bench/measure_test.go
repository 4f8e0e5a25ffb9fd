package main

import (
	"strings"
	"testing"
	"time"
)

const report = `Running 1s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.05ms  331.62us   7.10ms   86.36%
    Req/Sec    30.63k     1.50k   33.02k    70.00%
  Latency Distribution
     50%    1.00ms
     99%    2.27ms
  30611 requests in 1.00s, 17.69MB read
Requests/sec:  30478.43
Transfer/sec:     17.61MB
`

func TestParseReport(t *testing.T) {
	t.Parallel()
	r, requests, err := parseReport(report)
	if err != nil || requests != 30611 || r.perSecond != 30478.43 || r.p99 != 2270*time.Microsecond {
		t.Errorf("got %+v, %d, %v", r, requests, err)
	}
	for name, bad := range map[string]string{
		"failed requests": report + "  Non-2xx or 3xx responses: 7\n",
		"broken ones":     report + "  Socket errors: connect 0, read 1, write 0, timeout 0\n",
		"nothing":         "",
		"no requests":     strings.Replace(report, "30611", "0", 1),
	} {
		if _, _, err := parseReport(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTableComparesMedians(t *testing.T) {
	t.Parallel()
	targets := []*target{
		{name: "nginx", results: []result{{100, time.Millisecond, 10 * time.Microsecond}, {300, time.Second, time.Second}, {200, time.Millisecond, 10 * time.Microsecond}}},
		{name: "other", results: []result{{100, 2 * time.Millisecond, 25 * time.Microsecond}}},
	}
	var out strings.Builder
	if err := table(&out, targets); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nginx", "10.0 µs", "1.00", "200", "other", "25.0 µs", "2.50", "0.50", "2.00 ms", "2.00"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
