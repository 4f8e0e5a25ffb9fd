package oidc

import (
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is the issuer as configured.
func (p *Provider) Issuer() string { return p.opts.Issuer }

// Forget drops document and keys, so that the next need fetches them again.
// Fetches that are under way are not stopped.
func (p *Provider) Forget() {
	if d := p.document; d != nil {
		d.mu.Lock()
		d.good, d.err, d.triedAt = nil, nil, time.Time{}
		d.mu.Unlock()
	}
	k := p.keys
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set, k.extra, k.err = nil, nil, nil
	k.fetchedAt, k.triedAt, k.nothingNewAt = time.Time{}, time.Time{}, time.Time{}
	k.epoch.Store(nil)
}

// PublicKeys are the signing keys that are known at the moment, as members of a
// JWK Set (RFC 7517 §5). They hold no private parts.
func (p *Provider) PublicKeys() []json.RawMessage {
	k := p.keys
	k.mu.Lock()
	set := k.set
	k.mu.Unlock()
	out := []json.RawMessage{}
	if set == nil {
		return out
	}
	for i := range set.keys {
		if text := set.keys[i].jwk(); text != nil {
			out = append(out, text)
		}
	}
	return out
}

// jwk is the public key as JSON, nil for no key.
func (k *signingKey) jwk() []byte {
	if k == nil {
		return nil
	}
	public := jose.JSONWebKey{Key: k.public, KeyID: k.id, Algorithm: k.algorithm, Use: "sig"}
	text, err := public.MarshalJSON()
	if err != nil {
		return nil
	}
	return text
}
