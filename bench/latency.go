package main

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"sallyport/bench/openloop"
	"sallyport/bench/report"
)

// share of its own throughput at which a proxy's latency is looked at.
const share = 0.7

// latencyProbe measures the 99th percentile at a constant rate, 70 % of what
// the same proxy served shortly before as fast as it could.
func (b *bench) latencyProbe(name string, prepare func(ctx context.Context) (*process, load, error)) *probe {
	var proxy *process
	var l load
	var fastest []float64
	burst := func(ctx context.Context) error {
		f, err := b.wrk(ctx, proxy, l, max(time.Second, b.duration/3))
		fastest = append(fastest, f.perSecond)
		return err
	}
	return &probe{
		name: name,
		prepare: func(ctx context.Context) error {
			var err error
			if proxy, l, err = prepare(ctx); err != nil {
				return err
			}
			l.cores = b.loadCores
			if err := check(ctx, l, http.StatusOK); err != nil {
				return err
			}
			return burst(ctx)
		},
		measure: func(ctx context.Context) (figures, error) {
			if err := burst(ctx); err != nil {
				return figures{}, err
			}
			at, err := url.Parse(l.url)
			if err != nil {
				return figures{}, err
			}
			address, err := netip.ParseAddrPort(at.Host)
			if err != nil {
				return figures{}, err
			}
			rate := share * report.SpreadOf(fastest).Median
			result, err := openloop.Run(ctx, openloop.Options{
				Address: address, Request: []byte("GET / HTTP/1.1\r\n" + strings.Join(l.headers, "\r\n") + "\r\n\r\n"),
				Connections: 2 * b.connections, Rate: rate, Duration: b.duration,
			})
			if err != nil {
				return figures{}, fmt.Errorf("at %.0f requests a second: %w", rate, err)
			}
			p99 := result.Percentile(99)
			return figures{p99: p99, perSecond: rate, amount: p99.Seconds() * 1e3}, nil
		},
	}
}
