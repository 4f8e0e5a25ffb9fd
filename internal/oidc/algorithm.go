package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// family is the kind of key that an algorithm needs.
type family int

const (
	familyRSA family = iota
	familyEC
	familyEd25519
	familyHMAC
)

// algorithm is a JWS algorithm that can be verified here (RFC 7518 §3.1, RFC
// 8037 §3.1). none is not among them and never will be.
type algorithm struct {
	name   jose.SignatureAlgorithm
	family family
	curve  string // of familyEC
	hash   func() hash.Hash
}

// knownAlgorithm finds an algorithm by its exact name.
func knownAlgorithm(name string) (algorithm, bool) {
	switch jose.SignatureAlgorithm(name) {
	case jose.RS256, jose.PS256:
		return algorithm{jose.SignatureAlgorithm(name), familyRSA, "", sha256.New}, true
	case jose.RS384, jose.PS384:
		return algorithm{jose.SignatureAlgorithm(name), familyRSA, "", sha512.New384}, true
	case jose.RS512, jose.PS512:
		return algorithm{jose.SignatureAlgorithm(name), familyRSA, "", sha512.New}, true
	case jose.ES256:
		return algorithm{jose.ES256, familyEC, "P-256", sha256.New}, true
	case jose.ES384:
		return algorithm{jose.ES384, familyEC, "P-384", sha512.New384}, true
	case jose.ES512:
		return algorithm{jose.ES512, familyEC, "P-521", sha512.New}, true
	case jose.EdDSA:
		return algorithm{jose.EdDSA, familyEd25519, "", sha512.New}, true
	case jose.HS256:
		return algorithm{jose.HS256, familyHMAC, "", sha256.New}, true
	case jose.HS384:
		return algorithm{jose.HS384, familyHMAC, "", sha512.New384}, true
	case jose.HS512:
		return algorithm{jose.HS512, familyHMAC, "", sha512.New}, true
	default:
		return algorithm{}, false
	}
}

// fits reports whether k can verify signatures of a: by its type and curve,
// and by its own alg where it has one.
func (a algorithm) fits(k signingKey) bool {
	if k.algorithm != "" && k.algorithm != string(a.name) {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return a.family == familyRSA
	case *ecdsa.PublicKey:
		return a.family == familyEC && public.Curve.Params().Name == a.curve
	case ed25519.PublicKey:
		return a.family == familyEd25519
	}
	return false
}

// pinnedAlgorithm reports whether a token may be signed with a: a must be in
// configured, else in what the provider announces, else asymmetric; HMAC only
// where it is enabled, whatever the lists say.
func pinnedAlgorithm(a algorithm, configured, announced []string, enableHS bool) bool {
	if a.family == familyHMAC && !enableHS {
		return false
	}
	switch {
	case len(configured) > 0:
		return slices.Contains(configured, string(a.name))
	case len(announced) > 0:
		return slices.Contains(announced, string(a.name))
	}
	return true
}
