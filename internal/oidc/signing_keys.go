package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// previousKeys is how long the public keys from before a rotation are still
// shown: longer than anything lives that was signed with them.
const previousKeys = time.Hour

// SigningKeys are key pairs of the relying party itself, one for each
// asymmetric algorithm, made when they are first needed. Providers fetch the
// public halves. They live as long as the value. It is safe for concurrent use.
type SigningKeys struct {
	now    func() time.Time
	random io.Reader

	mu                sync.Mutex // guards the rest
	current, previous *keyPairs
	rotatedAt         time.Time
}

// NewSigningKeys returns a set. nil means time.Now, and crypto/rand.
func NewSigningKeys(now func() time.Time, random io.Reader) *SigningKeys {
	if now == nil {
		now = time.Now
	}
	if random == nil {
		random = rand.Reader
	}
	return &SigningKeys{now: now, random: random, current: newKeyPairs()}
}

// ownAlgorithms are the algorithms for which there is a key pair.
var ownAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// keyPairs is one generation.
type keyPairs struct {
	mu    sync.Mutex // guards pairs; held while a key is made
	pairs map[string]*PrivateKey
}

func newKeyPairs() *keyPairs { return &keyPairs{pairs: map[string]*PrivateKey{}} }

// get returns the key pair for an algorithm and makes it where it is missing.
func (g *keyPairs) get(name string, random io.Reader) (*PrivateKey, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if k := g.pairs[name]; k != nil {
		return k, nil
	}
	key, err := newPrivateKey(jose.SignatureAlgorithm(name), random)
	if err != nil {
		return nil, fmt.Errorf("oidc: own key for %s: %w", quoted(name), err)
	}
	id := make([]byte, 18)
	if _, err := io.ReadFull(random, id); err != nil {
		return nil, fmt.Errorf("oidc: key id: %w", err)
	}
	k := &PrivateKey{id: base64.RawURLEncoding.EncodeToString(id), algorithm: name, key: key}
	g.pairs[name] = k
	return k, nil
}

func newPrivateKey(name jose.SignatureAlgorithm, random io.Reader) (any, error) {
	switch name {
	case jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512:
		return rsa.GenerateKey(random, minRSABits)
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), random)
	case jose.ES384:
		return ecdsa.GenerateKey(elliptic.P384(), random)
	case jose.ES512:
		return ecdsa.GenerateKey(elliptic.P521(), random)
	case jose.EdDSA:
		_, key, err := ed25519.GenerateKey(random)
		return key, err
	default:
		return nil, fmt.Errorf("%w: not an asymmetric algorithm", ErrClientKey)
	}
}

// key is the current key pair for an algorithm.
func (s *SigningKeys) key(name string) (*PrivateKey, error) {
	s.mu.Lock()
	g := s.current
	s.mu.Unlock()
	return g.get(name, s.random)
}

// Public lists the public keys as members of a JWK Set: the current ones, made
// if need be, and for an hour after a rotation those that were in use before.
func (s *SigningKeys) Public() ([]json.RawMessage, error) {
	s.mu.Lock()
	current, previous := s.current, s.previous
	if previous != nil && s.now().Sub(s.rotatedAt) >= previousKeys {
		previous, s.previous = nil, nil
	}
	s.mu.Unlock()
	var out []json.RawMessage
	for _, name := range ownAlgorithms {
		k, err := current.get(string(name), s.random)
		if err != nil {
			return nil, err
		}
		if out, err = k.appendPublic(out); err != nil {
			return nil, err
		}
	}
	if previous == nil {
		return out, nil
	}
	previous.mu.Lock()
	defer previous.mu.Unlock()
	for _, name := range ownAlgorithms {
		if k := previous.pairs[string(name)]; k != nil {
			var err error
			if out, err = k.appendPublic(out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// appendPublic adds the public half of a key to a list of JWKs.
func (k *PrivateKey) appendPublic(list []json.RawMessage) ([]json.RawMessage, error) {
	jwk := jose.JSONWebKey{Key: k.key, KeyID: k.id, Algorithm: k.algorithm, Use: "sig"}
	public := jwk.Public()
	if !public.IsPublic() {
		return nil, fmt.Errorf("oidc: key %s has no public half", quoted(k.id))
	}
	text, err := public.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("oidc: public key: %w", err)
	}
	return append(list, text), nil
}

// Rotate replaces all key pairs: the next signature is by a new one.
func (s *SigningKeys) Rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.previous, s.current, s.rotatedAt = s.current, newKeyPairs(), s.now()
}
