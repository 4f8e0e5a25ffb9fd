package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// documentSource keeps the discovery document: fetched when first needed, again
// after the cache's time, and the last good one for as long as no better comes.
type documentSource struct {
	provider *Provider
	flights  flights[*Metadata]

	mu      sync.Mutex // guards the rest
	good    *Metadata
	triedAt time.Time
	err     error // of the last attempt
}

// Metadata is what is known about the provider. Errors are ErrUnreachable or
// ErrIssuerMismatch; a failed attempt is remembered for 5 s. While fetching
// fails, the last good document serves, and without one the configured
// endpoints do if they suffice for a login.
func (p *Provider) Metadata(ctx context.Context) (*Metadata, error) {
	if p.document == nil {
		return p.fallback, nil
	}
	md, err := p.document.get(ctx)
	if errors.Is(err, ErrUnreachable) && p.opts.Endpoints.complete() {
		return p.fallback, nil
	}
	return md, err
}

// Known is what is known without a call: the last good document or, before
// there was one, the configured endpoints. Never nil.
func (p *Provider) Known() *Metadata {
	if p.document == nil {
		return p.fallback
	}
	d := p.document
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.good == nil {
		return p.fallback
	}
	return d.good
}

func (d *documentSource) get(ctx context.Context) (*Metadata, error) {
	p := d.provider
	d.mu.Lock()
	good, err, now := d.good, d.err, p.opts.Now()
	fresh := good != nil && now.Sub(good.FetchedAt) < p.opts.CacheTTL
	waiting := err != nil && now.Sub(d.triedAt) < retryAfterFailure
	d.mu.Unlock()
	if fresh || (waiting && good != nil) {
		return good, nil
	}
	if waiting {
		return nil, err
	}
	return d.renew(ctx, good)
}

// renew fetches, sharing the call with others, and falls back on good. A call
// that ended since the caller saw good is shared as well.
func (d *documentSource) renew(ctx context.Context, good *Metadata) (*Metadata, error) {
	md, _, err := d.flights.join(ctx, func(ctx context.Context) (*Metadata, error) {
		d.mu.Lock()
		newer := d.good
		d.mu.Unlock()
		if newer != nil && newer != good {
			return newer, nil
		}
		return d.fetch(ctx)
	})
	if err == nil {
		return md, nil
	}
	if good != nil && ctx.Err() == nil {
		return good, nil
	}
	if !errors.Is(err, ErrIssuerMismatch) && !errors.Is(err, ErrUnreachable) {
		err = fmt.Errorf("oidc: discovery: %w: %w", ErrUnreachable, err)
	}
	return nil, err
}

// rediscover fetches again on need, unless there was an attempt within the
// rediscovery lifetime (5 s after a failed one).
func (d *documentSource) rediscover(ctx context.Context) (*Metadata, error) {
	p := d.provider
	d.mu.Lock()
	good, err := d.good, d.err
	wait := p.opts.RediscoveryLifetime
	if err != nil {
		wait = min(wait, retryAfterFailure)
	}
	limited := p.opts.Now().Sub(d.triedAt) < wait
	d.mu.Unlock()
	if !limited {
		return d.renew(ctx, good)
	}
	if good != nil {
		return good, nil
	}
	return nil, err
}

// fetch makes the attempt and records it.
func (d *documentSource) fetch(ctx context.Context) (*Metadata, error) {
	md, err := d.request(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.triedAt, d.err = d.provider.opts.Now(), err
	if err != nil {
		return nil, err
	}
	md.FetchedAt = d.triedAt
	d.good = md
	return md, nil
}

// request tries the places of the document; only one that says "not found"
// sends on to the next.
func (d *documentSource) request(ctx context.Context) (*Metadata, error) {
	p := d.provider
	var first error
	for _, place := range p.issuer.documents {
		object, raw, err := p.http.getObject(ctx, EndpointDiscovery, place, p.opts.DiscoveryHeaders)
		if err != nil {
			if first == nil {
				first = err
			}
			var status *statusError
			if errors.As(err, &status) && status.status == http.StatusNotFound {
				continue
			}
			break
		}
		md, err := parseMetadata(raw, object, place, p.opts.Endpoints)
		if err != nil {
			return nil, fmt.Errorf("oidc: discovery: %w: %w", ErrUnreachable, err)
		}
		if !documentIssuer(md.Issuer, p.issuer.identifier, p.opts.IssuersAllowed) {
			return nil, fmt.Errorf("oidc: discovery: %w: expected %s, found %s",
				ErrIssuerMismatch, quoted(p.issuer.identifier), quoted(md.Issuer))
		}
		return md, nil
	}
	return nil, fmt.Errorf("oidc: discovery: %w: %w", ErrUnreachable, first)
}
