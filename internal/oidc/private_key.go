package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// PrivateKey is a private key that signs for a client. The zero value is a key
// that cannot be used. It is immutable, and no format shows what it holds.
type PrivateKey struct {
	id, algorithm string
	// thumbprints are x5t and x5t#S256 of the certificate that belongs to it.
	thumbprint, thumbprint256 string
	key                       any // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey; nil in the zero value
}

// ParsePrivateKey reads a private JWK (RFC 7517): RSA of 2048 bits or more, EC,
// or Ed25519. Errors say nothing of the key.
func ParsePrivateKey(members map[string]any) (*PrivateKey, error) {
	if use, _ := members["use"].(string); use != "" && use != "sig" {
		return nil, errors.New("use is not sig")
	}
	only := map[string]any{}
	for _, name := range []string{"kty", "crv", "n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y"} {
		if text, ok := members[name].(string); ok && text != "" {
			only[name] = text
		}
	}
	text, err := json.Marshal(only)
	if err != nil {
		return nil, errors.New("not a private key")
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(text); err != nil || !jwk.Valid() || jwk.IsPublic() {
		return nil, errors.New("not a private RSA, EC or Ed25519 key")
	}
	if !soundKey(jwk.Key) {
		return nil, fmt.Errorf("not a private RSA key of %d bits or more, EC or Ed25519 key, or its parts do not fit together", minRSABits)
	}
	k := &PrivateKey{key: jwk.Key}
	k.id, _ = members["kid"].(string)
	k.algorithm, _ = members["alg"].(string)
	k.thumbprint, _ = members["x5t"].(string)
	k.thumbprint256, _ = members["x5t#S256"].(string)
	if k.algorithm != "" && !k.Signs(k.algorithm) {
		return nil, fmt.Errorf("alg %s does not fit the key", quoted(k.algorithm))
	}
	return k, nil
}

// soundKey reports whether the halves of a key belong together: a signature by
// a key whose public half is another's verifies nowhere.
func soundKey(private any) bool {
	switch key := private.(type) {
	case *rsa.PrivateKey:
		return key.N.BitLen() >= minRSABits && key.Validate() == nil
	case *ecdsa.PrivateKey:
		raw, err := key.Bytes()
		if err != nil {
			return false
		}
		again, err := ecdsa.ParseRawPrivateKey(key.Curve, raw)
		return err == nil && again.PublicKey.Equal(&key.PublicKey)
	case ed25519.PrivateKey:
		return ed25519.NewKeyFromSeed(key.Seed()).Equal(key)
	}
	return false
}

// Signs reports whether the key can sign with the named JWS algorithm.
func (k *PrivateKey) Signs(name string) bool {
	a, known := knownAlgorithm(name)
	if !known || k.key == nil {
		return false
	}
	public := jose.JSONWebKey{Key: k.key}
	return a.fits(signingKey{algorithm: k.algorithm, public: public.Public().Key})
}

// fallback is the algorithm of a key for which none is configured.
func (k *PrivateKey) fallback() string {
	if k.algorithm != "" {
		return k.algorithm
	}
	for _, name := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA} {
		if k.Signs(string(name)) {
			return string(name)
		}
	}
	return string(jose.RS256)
}

// String hides the key.
func (k *PrivateKey) String() string { return "private key" }

// GoString hides the key.
func (k *PrivateKey) GoString() string { return "private key" }

// sign makes a compact JWS of claims.
func (k *PrivateKey) sign(name, typ string, claims any) (string, error) {
	if !k.Signs(name) {
		return "", fmt.Errorf("oidc: %w: the private key does not sign with %s", ErrClientKey, quoted(name))
	}
	options := &jose.SignerOptions{}
	for _, x := range []struct{ header, value string }{{"kid", k.id}, {"x5t", k.thumbprint}, {"x5t#S256", k.thumbprint256}} {
		if x.value != "" {
			options = options.WithHeader(jose.HeaderKey(x.header), x.value)
		}
	}
	return signJWT(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(name), Key: k.key}, options, typ, claims)
}

// signJWT makes a compact JWS of claims. Its errors say nothing of the key.
func signJWT(key jose.SigningKey, options *jose.SignerOptions, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("oidc: claims to sign: %w", err)
	}
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		return "", fmt.Errorf("oidc: %w: the key cannot sign with %s", ErrClientKey, key.Algorithm)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("oidc: %w: the key cannot sign with %s", ErrClientKey, key.Algorithm)
	}
	return signed.CompactSerialize()
}
