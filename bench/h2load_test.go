package main

import (
	"strings"
	"testing"
)

const h2loadReport = `Application protocol: h2

finished in 2.52s, 15135.50 req/s, 1.02MB/s
requests: 30271 total, 30290 started, 30271 done, 30271 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 30280 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 2.05MB (2149241) total, 1.72MB (1802784) headers (space savings 51.02%), 183.39KB (187790) data
`

func TestH2loadReport(t *testing.T) {
	t.Parallel()
	f, requests, err := parseH2load(h2loadReport)
	if err != nil || requests != 30271 || f != (figures{perSecond: 15135.50}) {
		t.Errorf("got %+v, %d, %v", f, requests, err)
	}
	for name, bad := range map[string]string{
		"failed requests": strings.Replace(h2loadReport, "0 failed", "7 failed", 1),
		"broken ones":     strings.Replace(h2loadReport, "0 errored", "1 errored", 1),
		"other statuses":  strings.Replace(h2loadReport, "30280 2xx, 0 3xx", "30280 2xx, 1 3xx", 1),
		"nothing":         "",
		"no requests":     strings.ReplaceAll(h2loadReport, "30271", "0"),
	} {
		if _, _, err := parseH2load(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
