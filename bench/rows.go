package main

import (
	"context"
	"net/http"

	"sallyport/bench/report"
)

// plan is the whole table.
func (b *bench) plan() *plan {
	bare := b.nginxProbe("nginx, bare proxy", b.addresses.nginx, http.StatusOK)
	same := b.nginxProbe("nginx doing the same", b.addresses.nginxGateway, http.StatusOK)
	redirect := b.nginxProbe("nginx, bare `return 302`", b.addresses.nginxRedirect, http.StatusFound)
	return &plan{rows: []*row{
		{id: "nginx-bare", what: "nginx, bare proxy", group: report.Reference, unit: report.Microseconds, probe: bare},
		{
			id: "nginx-same", what: "nginx doing what a gateway does", group: report.Reference, unit: report.Microseconds, probe: same,
			comparisons: []comparison{{with: bare}},
		},
		{
			id: "bare", what: "route without a plugin", unit: report.Microseconds, probe: b.bareRoute(),
			comparisons: []comparison{{with: bare, must: 1.35, reach: 1.15}},
		},
		{
			id: "session-memory-1", what: "warm session, memory store", unit: report.Microseconds, probe: b.oneSession(memoryHost),
			comparisons: []comparison{{with: bare, must: 1.6, reach: 1.35}, {with: same, must: 1.3, reach: 1.05}},
		},
		{
			id: "session-redis", what: "session in Redis, read on every request", unit: report.Microseconds, probe: b.oneSession(redisHost),
			comparisons: []comparison{{with: bare, must: 2.2, reach: 1.8}},
		},
		{
			id: "session-cookie", what: "session in the cookie, 4 KB of tokens", unit: report.Microseconds, probe: b.oneSession(cookieHost),
			comparisons: []comparison{{with: bare, must: 2.4, reach: 2.0}},
		},
		{
			id: "redirect", what: "no session: redirect to the IdP, nothing stored", unit: report.Microseconds, probe: b.anonymous(),
			comparisons: []comparison{{with: redirect, must: 3, reach: 2.2}},
		},
	}}
}

// nginxProbe asks one of nginx's servers, by the request that a gateway gets.
func (b *bench) nginxProbe(name, address string, want int) *probe {
	return b.wrkProbe(name, want, func(ctx context.Context) (*process, load, error) {
		l := load{url: "http://" + address + "/", headers: []string{"Host: " + bareHost}}
		if address == b.addresses.nginxGateway {
			cookie, err := b.session(ctx, memoryHost)
			if err != nil {
				return nil, load{}, err
			}
			l.headers = []string{b.main.hostHeader(memoryHost), "Cookie: " + cookie}
		}
		return b.nginx, l, nil
	})
}

func (b *bench) bareRoute() *probe {
	return b.wrkProbe("bare route", http.StatusOK, func(context.Context) (*process, load, error) {
		return b.main.process, load{url: "http://" + b.main.plain + "/", headers: []string{b.main.hostHeader(bareHost)}}, nil
	})
}

// oneSession asks with one and the same cookie.
func (b *bench) oneSession(host string) *probe {
	return b.wrkProbe("session, "+host, http.StatusOK, func(ctx context.Context) (*process, load, error) {
		cookie, err := b.session(ctx, host)
		return b.main.process, load{url: "http://" + b.main.plain + "/", headers: []string{b.main.hostHeader(host), "Cookie: " + cookie}}, err
	})
}

// anonymous asks as a browser does that was never here.
func (b *bench) anonymous() *probe {
	return b.wrkProbe("anonymous", http.StatusFound, func(context.Context) (*process, load, error) {
		return b.main.process, load{url: "http://" + b.main.plain + "/", headers: []string{b.main.hostHeader(memoryHost), "Accept: text/html"}}, nil
	})
}
