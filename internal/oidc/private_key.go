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

// PrivateKey is a private key of a client: it signs, or opens what is encrypted
// for the client, or both where neither its use nor its algorithm says which
// (RFC 7517 §4.2, §4.4). The zero value is a key
// that cannot be used. It is immutable, and no format shows what it holds.
type PrivateKey struct {
	id, algorithm, use string
	// thumbprints are x5t and x5t#S256 of the certificate that belongs to it.
	thumbprint, thumbprint256 string
	key                       any // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey; nil in the zero value
}

// The uses of a key (RFC 7517 §4.2).
const (
	useSignature  = "sig"
	useEncryption = "enc"
)

// ParsePrivateKey reads a private JWK (RFC 7517): RSA of 2048 bits or more, EC,
// or Ed25519. Errors say nothing of the key.
func ParsePrivateKey(members map[string]any) (*PrivateKey, error) {
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
	k.use, _ = members["use"].(string)
	k.id, _ = members["kid"].(string)
	k.algorithm, _ = members["alg"].(string)
	k.thumbprint, _ = members["x5t"].(string)
	k.thumbprint256, _ = members["x5t#S256"].(string)
	if err := k.usable(); err != nil {
		return nil, err
	}
	return k, nil
}

// usable refuses a key whose use or algorithm is not for keys of its type.
func (k *PrivateKey) usable() error {
	if k.use != "" && k.use != useSignature && k.use != useEncryption {
		return errors.New("use is neither sig nor enc")
	}
	if k.algorithm != "" && !k.Signs(k.algorithm) && !k.opens(k.algorithm) {
		return fmt.Errorf("alg %s does not fit the key", quoted(k.algorithm))
	}
	if _, only := k.key.(ed25519.PrivateKey); only && !k.ForSigning() {
		return errors.New("an Ed25519 key does not decrypt")
	}
	return nil
}

// ForSigning reports whether the key may sign: it is not meant to decrypt.
func (k *PrivateKey) ForSigning() bool {
	_, signs := knownAlgorithm(k.algorithm)
	return k.use != useEncryption && (k.algorithm == "" || signs)
}

// opens reports whether the key opens what is encrypted with the named JWE
// algorithm.
func (k *PrivateKey) opens(name string) bool {
	if k.use == useSignature || k.algorithm != "" && k.algorithm != name {
		return false
	}
	switch k.key.(type) {
	case *rsa.PrivateKey:
		return name == string(jose.RSA_OAEP) || name == string(jose.RSA_OAEP_256)
	case *ecdsa.PrivateKey:
		return name == string(jose.ECDH_ES) || name == string(jose.ECDH_ES_A128KW) ||
			name == string(jose.ECDH_ES_A192KW) || name == string(jose.ECDH_ES_A256KW)
	}
	return false
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
	if !known || k.key == nil || !k.ForSigning() {
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
