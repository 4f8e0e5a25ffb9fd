package openidconnect

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"sync"

	"sallyport/internal/secret"
)

// pool holds values that outlive a configuration (C3): each is keyed by every
// setting that shapes it and lives as long as somebody holds it. A new
// configuration acquires before the old one releases, so an unchanged setting
// keeps its value. It is safe for concurrent use.
type pool[V any] struct {
	// close is called when the last holder released a value; nil for none.
	close func(V)

	mu      sync.Mutex // guards entries and the counts in them
	entries map[string]*pooled[V]
}

type pooled[V any] struct {
	value   V
	holders int
}

// acquire returns the value of key, made by create if it is not there yet, and
// the function that gives it back. create must do no I/O.
func (p *pool[V]) acquire(key string, create func() (V, error)) (value V, release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[key]
	if e == nil {
		v, err := create()
		if err != nil {
			return value, nil, err
		}
		if p.entries == nil {
			p.entries = make(map[string]*pooled[V])
		}
		e = &pooled[V]{value: v}
		p.entries[key] = e
	}
	e.holders++
	return e.value, sync.OnceFunc(func() { p.release(key) }), nil
}

func (p *pool[V]) release(key string) {
	p.mu.Lock()
	e := p.entries[key]
	e.holders--
	last := e.holders == 0
	if last {
		delete(p.entries, key)
	}
	p.mu.Unlock()
	if last && p.close != nil {
		p.close(e.value)
	}
}

// values lists what is held at the moment.
func (p *pool[V]) values() []V {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]V, 0, len(p.entries))
	for _, e := range p.entries {
		out = append(out, e.value)
	}
	return out
}

// generatedSecrets holds the session secrets that nobody configured: one per
// issuer, made once and kept as long as the process (decision 19).
type generatedSecrets struct {
	random io.Reader
	logger *slog.Logger

	mu       sync.Mutex // guards byIssuer
	byIssuer map[string]secret.String
}

// secret returns the secret of issuer.
func (g *generatedSecrets) secret(issuer string) (secret.String, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s, ok := g.byIssuer[issuer]; ok {
		return s, nil
	}
	random := g.random
	if random == nil {
		random = rand.Reader
	}
	raw := make([]byte, 32)
	if _, err := io.ReadFull(random, raw); err != nil {
		return secret.String{}, err
	}
	s := secret.New(base64.RawURLEncoding.EncodeToString(raw))
	if g.byIssuer == nil {
		g.byIssuer = make(map[string]secret.String)
	}
	g.byIssuer[issuer] = s
	g.logger.Warn("session_secret is not set: generated one for this process; "+
		"sessions end when it stops and other nodes cannot open them", "issuer", issuer)
	return s, nil
}
