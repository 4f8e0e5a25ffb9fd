package main

import (
	"strings"
	"testing"
	"time"
)

const wrkReport = `Running 1s test @ http://127.0.0.1:8000/
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

func TestWrkReport(t *testing.T) {
	t.Parallel()
	f, requests, err := parseWrk(wrkReport)
	if err != nil || requests != 30611 || f != (figures{perSecond: 30478.43, p99: 2270 * time.Microsecond}) {
		t.Errorf("got %+v, %d, %v", f, requests, err)
	}
	for name, bad := range map[string]string{
		"failed requests": wrkReport + "  Non-2xx or 3xx responses: 7\n",
		"broken ones":     wrkReport + "  Socket errors: connect 0, read 1, write 0, timeout 0\n",
		"nothing":         "",
		"no requests":     strings.Replace(wrkReport, "30611", "0", 1),
	} {
		if _, _, err := parseWrk(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
