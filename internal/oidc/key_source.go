package oidc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxKeyRounds bounds how often one token is tried against ever newer sets.
const maxKeyRounds = 3

// keySource keeps the provider's signing keys. They are fetched when first
// needed, again after the cache's time, and at once when a token cannot be
// verified with them. The last good keys stay while fetching fails.
type keySource struct {
	provider *Provider
	flights  flights[*keySet]

	mu    sync.Mutex // guards the rest
	set   *keySet
	extra map[string][]signingKey // last good keys of the extra sets
	// fetchedAt is when set came, triedAt when the last attempt ended, and
	// nothingNewAt when a fetch that a token caused last brought nothing new.
	fetchedAt, triedAt, nothingNewAt time.Time
	err                              error // of the last attempt
	generation                       uint64

	epoch atomic.Pointer[keyEpoch]
}

// get gives the keys. started says that they were fetched for this call: no
// later ones can be had.
func (s *keySource) get(ctx context.Context) (set *keySet, started bool, err error) {
	opts := &s.provider.opts
	s.mu.Lock()
	now := opts.Now()
	good, failed := s.set, s.err
	fresh := good != nil && now.Sub(s.fetchedAt) < opts.CacheTTL
	waiting := failed != nil && now.Sub(s.triedAt) < retryAfterFailure
	s.mu.Unlock()
	switch {
	case fresh, waiting && good != nil:
		return good, false, nil
	case waiting:
		return nil, false, failed
	}
	set, started, err = s.flights.join(ctx, func(ctx context.Context) (*keySet, error) { return s.fetch(ctx, false) })
	if err != nil && good != nil && ctx.Err() == nil {
		return good, false, nil
	}
	return set, started, s.classify(err)
}

// refetch looks for newer keys than seen, with which a token could not be
// verified. It returns seen itself where a fetch is not due: one within the
// rediscovery lifetime brought nothing new.
func (s *keySource) refetch(ctx context.Context, seen *keySet) (set *keySet, started bool, err error) {
	opts := &s.provider.opts
	s.mu.Lock()
	now := opts.Now()
	set, err = s.set, s.err
	limited := !s.nothingNewAt.IsZero() && now.Sub(s.nothingNewAt) < opts.RediscoveryLifetime
	waiting := err != nil && now.Sub(s.triedAt) < retryAfterFailure
	s.mu.Unlock()
	switch {
	case set != nil && set != seen: // nil after Forget: there is nothing to take
		return set, false, nil
	case limited:
		return seen, false, nil
	case waiting:
		return nil, false, err
	}
	set, started, err = s.flights.join(ctx, func(ctx context.Context) (*keySet, error) { return s.fetch(ctx, true) })
	return set, started, s.classify(err)
}

// classify makes an error of waiting or of a closed provider one of the class
// that callers know.
func (s *keySource) classify(err error) error {
	if err == nil || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrIssuerMismatch) {
		return err
	}
	return fmt.Errorf("oidc: signing keys: %w: %w", ErrUnreachable, err)
}

// fetch makes an attempt and records it. needed says that a token is waiting
// for a key that is not there: then a moved key set is looked for as well.
func (s *keySource) fetch(ctx context.Context, needed bool) (*keySet, error) {
	p := s.provider
	s.mu.Lock()
	old := s.set
	s.mu.Unlock()
	set, uri, err := s.request(ctx)
	if needed && (err != nil || !set.adds(old)) && p.document != nil && p.opts.Endpoints.JWKS == "" {
		if md, mdErr := p.document.rediscover(ctx); mdErr == nil && md.JWKSURI != uri {
			set, _, err = s.request(ctx)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.triedAt, s.err = p.opts.Now(), err
	if err != nil {
		s.prolong(s.triedAt.Add(retryAfterFailure))
		return nil, err
	}
	s.number(set)
	if needed {
		s.nothingNewAt = time.Time{}
		if !set.adds(old) {
			s.nothingNewAt = s.triedAt
		}
	}
	s.set, s.fetchedAt = set, s.triedAt
	s.epoch.Store(&keyEpoch{generation: set.generation, until: s.triedAt.Add(p.opts.CacheTTL)})
	return set, nil
}

// request fetches the provider's key set, whose failure is an error, and the
// extra ones, whose last good keys stand in for a failure.
func (s *keySource) request(ctx context.Context) (set *keySet, uri string, err error) {
	p := s.provider
	md, err := p.Metadata(ctx)
	if err != nil {
		return nil, "", err
	}
	set = &keySet{}
	switch {
	case md.JWKSURI != "":
		if set.keys, err = s.requestKeys(ctx, md.JWKSURI); err != nil {
			return nil, md.JWKSURI, err
		}
	case len(p.opts.ExtraJWKSURIs) == 0:
		return nil, "", fmt.Errorf("oidc: signing keys: %w: no jwks uri is known", ErrUnreachable)
	}
	s.mu.Lock()
	last := s.extra
	s.mu.Unlock()
	extra := make(map[string][]signingKey, len(p.opts.ExtraJWKSURIs))
	for _, u := range p.opts.ExtraJWKSURIs {
		keys, err := s.requestKeys(ctx, u)
		if err != nil {
			keys = last[u]
		}
		extra[u] = keys
		set.keys = append(set.keys, keys...)
	}
	s.mu.Lock()
	s.extra = extra
	s.mu.Unlock()
	return set, md.JWKSURI, nil
}

func (s *keySource) requestKeys(ctx context.Context, uri string) ([]signingKey, error) {
	object, _, err := s.provider.http.getObject(ctx, EndpointJWKS, uri, nil)
	if err != nil {
		return nil, fmt.Errorf("oidc: signing keys: %w: %w", ErrUnreachable, err)
	}
	keys, err := parseKeySet(object)
	if err != nil {
		return nil, fmt.Errorf("oidc: signing keys: %w: %w", ErrUnreachable, err)
	}
	return slices.Clip(keys), nil
}

// verify checks a signature with the provider's keys, and with newer ones
// where these do not do. Keys that cannot be asked for are ErrUnreachable,
// unless the keys at hand already show that the signature is wrong.
func (s *keySource) verify(ctx context.Context, t *jws) error {
	set, started, err := s.get(ctx)
	if err != nil {
		return err
	}
	var refusal error
	for range maxKeyRounds {
		if refusal = set.verify(t); refusal == nil || started {
			return refusal
		}
		newer, begun, err := s.refetch(ctx, set)
		if err != nil {
			if errors.Is(refusal, ErrUnknownKey) {
				return err
			}
			return refusal
		}
		if newer == set {
			return refusal
		}
		set, started = newer, begun
	}
	return refusal
}

// verify tries every key that may have made the signature.
func (s *keySet) verify(t *jws) error {
	candidates := s.candidates(t.kid, t.algorithm)
	for i, k := range candidates {
		if t.signedWith(k.public) {
			t.key, t.generation = &candidates[i], s.generation
			return nil
		}
	}
	if len(candidates) == 0 {
		return refuse(ErrUnknownKey, "OpenID Connect Core 10.1", "a key of the provider", "kid "+quoted(t.kid))
	}
	return refuse(ErrSignature, "OpenID Connect Core 3.1.3.7 item 6", "", "")
}
