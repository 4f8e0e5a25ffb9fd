package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys     = 100
	minRSABits  = 2048
	maxKeyIDLen = 1024
)

// signingKey is one public key of a provider that can verify signatures.
type signingKey struct {
	id        string // kid, may be empty
	algorithm string // alg, may be empty
	public    any    // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	print     [sha256.Size]byte
}

// keySet is an immutable set of keys, parsed once.
type keySet struct {
	keys []signingKey
	// generation differs between sets that differ; see Provider.KeysHold.
	generation uint64
}

// parseKeySet reads a JWK Set (RFC 7517 §5). Keys that cannot verify a
// signature here (for encryption, of unknown type or curve, malformed, or with
// private parts) are left out, and the rest of the set counts.
func parseKeySet(object map[string]any) ([]signingKey, error) {
	list, ok := object["keys"].([]any)
	if !ok {
		return nil, errors.New("no list of keys")
	}
	if len(list) > maxKeys {
		return nil, errors.New("too many keys")
	}
	var keys []signingKey
	for _, item := range list {
		if members, ok := item.(map[string]any); ok {
			if k, ok := parseKey(members); ok {
				keys = append(keys, k)
			}
		}
	}
	return keys, nil
}

// parseKey reads one JWK and reports whether it is a usable signing key.
func parseKey(members map[string]any) (signingKey, bool) {
	if !forSignatures(members) {
		return signingKey{}, false
	}
	// Only what makes up a public key is handed on: certificates are not used,
	// and a broken one must not cost the key.
	public := map[string]any{}
	for _, name := range []string{"kty", "kid", "alg", "crv", "x", "y", "n", "e"} {
		if v, ok := members[name]; ok {
			public[name] = v
		}
	}
	text, err := json.Marshal(public)
	if err != nil {
		return signingKey{}, false
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(text); err != nil || !jwk.Valid() {
		return signingKey{}, false
	}
	switch k := jwk.Key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return signingKey{}, false
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return signingKey{}, false
	}
	if len(jwk.KeyID) > maxKeyIDLen {
		return signingKey{}, false
	}
	return signingKey{id: jwk.KeyID, algorithm: jwk.Algorithm, public: jwk.Key, print: sha256.Sum256(text)}, true
}

// privateMembers are those of private and symmetric keys (RFC 7518 §6).
var privateMembers = []string{"k", "d", "p", "q", "dp", "dq", "qi", "oth"}

// forSignatures looks at use, key_ops and private members (RFC 7517 §4.2,
// §4.3). A symmetric or private key in a public set is nobody's signing key.
func forSignatures(members map[string]any) bool {
	if use, ok := members["use"]; ok && use != "sig" && use != nil {
		return false
	}
	if ops, ok := members["key_ops"].([]any); ok && !slices.Contains(ops, any("verify")) {
		return false
	}
	for _, private := range privateMembers {
		if members[private] != nil {
			return false
		}
	}
	return true
}

// candidates are the keys that may have made a signature of algorithm: those
// of this kid and those without one. Without a kid all fitting keys are.
func (s *keySet) candidates(kid string, a algorithm) []signingKey {
	var out []signingKey
	for _, k := range s.keys {
		if (kid == "" || k.id == "" || k.id == kid) && a.fits(k) {
			out = append(out, k)
		}
	}
	return out
}

// adds reports whether s has a key that old does not have.
func (s *keySet) adds(old *keySet) bool {
	if old == nil {
		return len(s.keys) > 0
	}
	return slices.ContainsFunc(s.keys, func(k signingKey) bool {
		return !slices.ContainsFunc(old.keys, func(o signingKey) bool { return o.print == k.print })
	})
}
