package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// probe measures one thing, once a round.
type probe struct {
	name string
	// prepare starts what is needed and tries it; nil: nothing is. An error
	// that is an absence leaves the probe out.
	prepare func(ctx context.Context) error
	measure func(ctx context.Context) (figures, error)
	// results are those of the rounds, in order.
	results []figures
	missing string
}

// absence is the error of a probe whose program is not installed.
type absence string

// Error implements error.
func (a absence) Error() string { return string(a) }

// ready prepares a probe.
func (p *probe) ready(ctx context.Context) error {
	if p.prepare == nil {
		return nil
	}
	err := p.prepare(ctx)
	if missing, ok := errors.AsType[absence](err); ok {
		p.missing = string(missing)
		return nil
	}
	return err
}

// wrkProbe loads a proxy by wrk. What is asked for is told by prepare, when
// the proxy runs; want is the status that says it is answered.
func (b *bench) wrkProbe(name string, want int, prepare func(ctx context.Context) (*process, load, error)) *probe {
	var proxy *process
	var l load
	return &probe{
		name: name,
		prepare: func(ctx context.Context) error {
			var err error
			if proxy, l, err = prepare(ctx); err != nil {
				return err
			}
			if l.cores == nil {
				l.cores = b.loadCores
			}
			if err := check(ctx, l, want); err != nil {
				return err
			}
			_, err = b.wrk(ctx, proxy, l, time.Second) // warms caches and pools
			return err
		},
		measure: func(ctx context.Context) (figures, error) { return b.wrk(ctx, proxy, l, b.duration) },
	}
}

// check asks once what wrk will ask.
func check(ctx context.Context, l load, want int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return err
	}
	for _, h := range l.headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != want || (want == http.StatusOK && !strings.Contains(string(body), filler)) {
		return fmt.Errorf("%s answers with status %d, not %d: %s", l.url, res.StatusCode, want, body)
	}
	return nil
}

// fetch reads a page of our own.
func fetch(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers with status %d", address, res.StatusCode)
	}
	return io.ReadAll(io.LimitReader(res.Body, 16<<20))
}
