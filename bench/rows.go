package main

import (
	"context"
	"fmt"
	"net/http"

	"sallyport/bench/report"
)

// counts are how often things are done that are not loaded for a while.
type counts struct{ sessions, logins, peerLogins, connections int }

func (b *bench) counts() counts {
	if b.quick {
		return counts{sessions: 1000, logins: 1000, peerLogins: 100, connections: 1000}
	}
	return counts{sessions: 10_000, logins: 2000, peerLogins: 500, connections: 5000}
}

// plan is the whole table.
func (b *bench) plan() *plan {
	bare := b.nginxProbe("nginx, bare proxy", b.addresses.nginx, http.StatusOK)
	same := b.nginxProbe("nginx doing the same", b.addresses.nginxGateway, http.StatusOK)
	redirect := b.nginxProbe("nginx, bare return 302", b.addresses.nginxRedirect, http.StatusFound)
	return &plan{rows: join(
		[]*row{
			{id: "nginx-bare", what: "nginx, bare proxy", group: report.Reference, probe: bare},
			{
				id: "nginx-same", what: "nginx doing what a gateway does", group: report.Reference, probe: same,
				comparisons: []comparison{{with: bare}},
			},
		},
		b.sessionRows(bare, same),
		b.apiRows(bare),
		[]*row{{
			id: "redirect", what: "no session: redirect to the IdP, nothing stored", probe: b.anonymous(),
			comparisons: []comparison{{with: redirect, must: 3, reach: 2.2}},
		}},
		b.loginRows(), b.tlsRows(), b.scalingRows(), b.idleRows(), b.latencyRows(), b.peerRows(bare, redirect),
	)}
}

func join(groups ...[]*row) []*row {
	var all []*row
	for _, group := range groups {
		all = append(all, group...)
	}
	return all
}

func (b *bench) sessionRows(bare, same *probe) []*row {
	sessions := b.counts().sessions
	warm := []comparison{{with: bare, must: 1.6, reach: 1.35}, {with: same, must: 1.3, reach: 1.05}}
	return []*row{
		{
			id: "bare", what: "route without a plugin", probe: b.bareRoute(),
			comparisons: []comparison{{with: bare, must: 1.35, reach: 1.15}},
		},
		{id: "session-memory-1", what: "warm session, memory store, 1 session", probe: b.oneSession(memoryHost), comparisons: warm},
		{
			id: "session-memory-many", what: fmt.Sprintf("warm session, memory store, %d distinct", sessions),
			probe: b.manySessions(sessions), comparisons: warm,
		},
		{
			id: "session-redis", what: "session in Redis, read on every request", probe: b.oneSession(redisHost),
			comparisons: []comparison{{with: bare, must: 2.2, reach: 1.8}},
		},
		{
			id: "session-cookie", what: "session in the cookie, 4 KB of tokens", probe: b.oneSession(cookieHost),
			comparisons: []comparison{{with: bare, must: 2.4, reach: 2.0}},
		},
	}
}

func (b *bench) loginRows() []*row {
	logins := b.logins(b.counts().logins)
	return []*row{
		{
			id: "login", what: "one whole login", probe: logins, unit: report.Milliseconds, figure: cpuMilliseconds,
			comparisons: []comparison{{must: 0.6, reach: 0.4}},
		},
		{
			id: "session-memory-size", what: "a session in the memory store, beyond its tokens", probe: logins, unit: report.Bytes, figure: amount,
			comparisons: []comparison{{must: 1024}},
		},
	}
}

func (b *bench) tlsRows() []*row {
	nginx1, sallyport1 := b.tlsProbes("TLS, HTTP/1.1", http1)
	nginx2, sallyport2 := b.tlsProbes("TLS, HTTP/2", http2)
	return []*row{
		{
			id: "tls-http1", what: "TLS in front, HTTP/1.1, warm session", probe: sallyport1,
			comparisons: []comparison{{with: nginx1, must: 1.4, reach: 1.15}},
		},
		{
			id: "tls-http2", what: "TLS in front, HTTP/2, warm session", probe: sallyport2,
			comparisons: []comparison{{with: nginx2, must: 2.5, reach: 1.8}},
		},
	}
}

func (b *bench) scalingRows() []*row {
	one, two := b.scaling(1, b.gateways[gatewayOneCore]), b.scaling(2, b.gateways[gatewayTwoCores])
	return []*row{
		{
			id: "two-cores", what: "two cores against one, by CPU time", probe: two.proxy, unit: report.PerSecond, figure: amount,
			comparisons: []comparison{{with: one.proxy, must: 1.7, reach: 1.9, atLeast: true}},
		},
		{
			id: "two-cores-rig", what: "two cores against one, requests/s of the whole rig", probe: two.proxy, unit: report.PerSecond, figure: perSecond,
			comparisons: []comparison{{with: one.proxy, atLeast: true}},
		},
		{
			id: "two-cores-nginx", what: "nginx: two cores against one, by CPU time", group: report.Reference,
			probe: two.nginx, unit: report.PerSecond, figure: amount, comparisons: []comparison{{with: one.nginx, atLeast: true}},
		},
	}
}

func (b *bench) idleRows() []*row {
	nginx, sallyport := b.idleProbes(b.counts().connections)
	return []*row{
		{
			id: "idle", what: "idle keep-alive connection", probe: sallyport, unit: report.Kilobytes, figure: amount,
			comparisons: []comparison{{must: 12, reach: 6}},
		},
		{id: "idle-nginx", what: "nginx: idle keep-alive connection", group: report.Reference, probe: nginx, unit: report.Kilobytes, figure: amount},
	}
}

func (b *bench) latencyRows() []*row {
	nginx := b.latencyProbe("nginx, p99 at 70 %", func(context.Context) (*process, load, error) {
		return b.nginx, load{url: "http://" + b.addresses.nginx + "/", headers: []string{"Host: " + bareHost}}, nil
	})
	sallyport := b.latencyProbe("session, p99 at 70 %", func(ctx context.Context) (*process, load, error) {
		cookie, err := b.session(ctx, memoryHost)
		return b.main.process, load{url: "http://" + b.main.plain + "/", headers: []string{b.main.hostHeader(memoryHost), "Cookie: " + cookie}}, err
	})
	return []*row{{
		id: "p99", what: "p99 at 70 % of its own throughput, warm session", probe: sallyport, unit: report.Milliseconds, figure: amount,
		comparisons: []comparison{{with: nginx, must: 1.5, reach: 1.2}},
	}}
}

func (b *bench) peerRows(bare, redirect *probe) []*row {
	var rows []*row
	for _, p := range []*peer{b.apache, b.oauth2Proxy} {
		id := p.id
		rows = append(rows,
			&row{id: id + "-session", what: p.name + ": warm session", group: report.Peer, probe: b.peerSession(p), comparisons: []comparison{{with: bare}}},
			&row{id: id + "-redirect", what: p.name + ": no session", group: report.Peer, probe: b.peerAnonymous(p), comparisons: []comparison{{with: redirect}}},
			&row{
				id: id + "-login", what: p.name + ": one whole login", group: report.Peer, probe: b.peerLogins(p, b.counts().peerLogins),
				unit: report.Milliseconds, figure: cpuMilliseconds,
			})
	}
	return rows
}
