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
	"golang.org/x/sync/errgroup"
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
	current, previous keyPairs
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

// keyPairs is one generation: a place for each algorithm.
type keyPairs map[string]*keyPair

type keyPair struct {
	mu  sync.Mutex  // held while the key is made
	key *PrivateKey // nil before it was needed
}

func newKeyPairs() keyPairs {
	g := make(keyPairs, len(ownAlgorithms))
	for _, name := range ownAlgorithms {
		g[string(name)] = &keyPair{}
	}
	return g
}

// get returns the key pair for an algorithm and makes it where it is missing.
func (g keyPairs) get(name string, random io.Reader) (*PrivateKey, error) {
	place := g[name]
	if place == nil {
		return nil, fmt.Errorf("oidc: %w: there is no own key for %s", ErrClientKey, quoted(name))
	}
	place.mu.Lock()
	defer place.mu.Unlock()
	if place.key != nil {
		return place.key, nil
	}
	key, err := newPrivateKey(jose.SignatureAlgorithm(name), random)
	if err != nil {
		return nil, fmt.Errorf("oidc: own key for %s: %w", name, err)
	}
	id := make([]byte, 18)
	if _, err := io.ReadFull(random, id); err != nil {
		return nil, fmt.Errorf("oidc: key id: %w", err)
	}
	place.key = &PrivateKey{id: base64.RawURLEncoding.EncodeToString(id), algorithm: name, key: key}
	return place.key, nil
}

// made returns the key pair for an algorithm, nil where it was never needed.
func (g keyPairs) made(name string) *PrivateKey {
	place := g[name]
	if place == nil {
		return nil
	}
	place.mu.Lock()
	defer place.mu.Unlock()
	return place.key
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
	// RSA keys take a while to make, and whoever fetches them waits.
	var making errgroup.Group
	for _, name := range ownAlgorithms {
		making.Go(func() error {
			_, err := current.get(string(name), s.random)
			return err
		})
	}
	if err := making.Wait(); err != nil {
		return nil, err
	}
	var out []json.RawMessage
	for _, g := range []keyPairs{current, previous} {
		for _, name := range ownAlgorithms {
			k := g.made(string(name))
			if k == nil {
				continue
			}
			text, err := k.publicJWK()
			if err != nil {
				return nil, err
			}
			out = append(out, text)
		}
	}
	return out, nil
}

// publicJWK is the public half of a key as a JWK.
func (k *PrivateKey) publicJWK() (json.RawMessage, error) {
	jwk := jose.JSONWebKey{Key: k.key, KeyID: k.id, Algorithm: k.algorithm, Use: "sig"}
	public := jwk.Public()
	if !public.IsPublic() {
		return nil, fmt.Errorf("oidc: key %s has no public half", quoted(k.id))
	}
	text, err := public.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("oidc: public key: %w", err)
	}
	return text, nil
}

// Rotate replaces all key pairs: the next signature is by a new one.
func (s *SigningKeys) Rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.previous, s.current, s.rotatedAt = s.current, newKeyPairs(), s.now()
}
