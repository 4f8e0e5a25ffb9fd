package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// script makes wrk choose another value of a header for each request, from a
// file. The requests are made before the first one is sent.
const script = `local requests, last = {}, 0
function init(args)
  for value in io.lines(%q) do
    requests[#requests + 1] = wrk.format("GET", "/", {["Host"] = %q, [%q] = value})
  end
end
function request()
  last = last %% #requests + 1
  return requests[last]
end
`

// manySessions asks with the cookies of many sessions in turn, on a gateway
// of their own.
func (b *bench) manySessions(n int) *probe {
	g := b.gateways[gatewayMany]
	return b.wrkProbe(fmt.Sprintf("%d sessions", n), http.StatusOK, func(ctx context.Context) (*process, load, error) {
		if err := b.startGateway(ctx, g, b.proxyCores); err != nil {
			return nil, load{}, err
		}
		cookies, err := b.crowd.logInMany(ctx, g.site(memoryHost), n)
		if err != nil {
			return nil, load{}, err
		}
		_, host, _ := strings.Cut(g.hostHeader(memoryHost), ": ")
		program, err := b.turns("cookies", host, "Cookie", cookies)
		return g.process, load{
			url: "http://" + g.plain + "/", script: program,
			headers: []string{g.hostHeader(memoryHost), "Cookie: " + cookies[0]}, // for the check; the script has its own
		}, err
	})
}

// logins tells what a login costs, and what its session takes in the memory
// store beyond its tokens. Each round adds n sessions to those before.
func (b *bench) logins(n int) *probe {
	g := b.gateways[gatewayMemory]
	start := func() string { return g.site(memoryHost) }
	return &probe{
		name: "logins",
		prepare: func(ctx context.Context) error {
			if err := b.startGateway(ctx, g, b.proxyCores); err != nil {
				return err
			}
			// The first one fetches discovery and keys, and the heap must be larger
			// than what Go never goes below (see liveHeap).
			_, err := b.crowd.logInMany(ctx, start(), 1000)
			return err
		},
		measure: func(ctx context.Context) (figures, error) {
			before, err := b.liveHeap(ctx, g)
			if err != nil {
				return figures{}, err
			}
			f, err := b.crowd.measureLogins(ctx, g.process, start(), n)
			if err != nil {
				return figures{}, err
			}
			after, err := b.liveHeap(ctx, g)
			f.amount = (after-before)/float64(n) - float64(b.idp.issued().all)
			return f, err
		},
	}
}

// liveHeap is what the garbage collector of a gateway finds alive, in bytes.
// Go tells no such figure, but the size at which the heap is collected next,
// which at GOGC=100 is twice that (and a constant), but 4 MiB at least.
// Requests without a session, which leave nothing behind, bring collections
// about. What is allocated while one goes on counts as alive, so the lowest of
// several is taken.
func (b *bench) liveHeap(ctx context.Context, g *gateway) (float64, error) {
	const collections, smallestHeap = 6, 4 << 20
	first, err := b.metric(ctx, g, "go_gc_duration_seconds_count")
	if err != nil {
		return 0, err
	}
	lowest, seen := 0.0, first
	for range 60 {
		l := load{url: "http://" + g.plain + "/", headers: []string{g.hostHeader(memoryHost)}, cores: b.loadCores}
		if _, err := b.wrk(ctx, g.process, l, time.Second); err != nil {
			return 0, err
		}
		now, err := b.metric(ctx, g, "go_gc_duration_seconds_count")
		if err != nil {
			return 0, err
		}
		next, err := b.metric(ctx, g, "go_memstats_next_gc_bytes")
		if err != nil {
			return 0, err
		}
		if now > seen && (lowest == 0 || next < lowest) {
			lowest = next
		}
		if seen = now; seen >= first+collections {
			if lowest <= smallestHeap {
				return 0, errors.New("the heap is too small for its size to be told")
			}
			return lowest / 2, nil
		}
	}
	return 0, errors.New("the garbage collector did not run")
}

// metric reads one series of a gateway that has no labels.
func (b *bench) metric(ctx context.Context, g *gateway, name string) (float64, error) {
	body, err := fetch(ctx, "http://"+g.api+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(body) {
		if value, ok := strings.CutPrefix(string(line), name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}
