package practiceidp

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// Keys is one generation of key pairs: an RSA, a P-256 and an Ed25519 key that
// sign, and an RSA key for encryption. It is immutable and may be shared by
// several providers.
type Keys struct {
	rsa, enc *rsa.PrivateKey
	ec       *ecdsa.PrivateKey
	ed       ed25519.PrivateKey
	kidBase  string
	// spare is a second RSA key, made when a misbehaviour first needs it.
	spare func() *rsa.PrivateKey
}

// NewKeys makes a fresh generation from random bytes.
func NewKeys(random io.Reader) (*Keys, error) {
	k := &Keys{}
	var err error
	if k.rsa, err = rsa.GenerateKey(random, rsaBits); err != nil {
		return nil, fmt.Errorf("practiceidp: RSA key: %w", err)
	}
	if k.enc, err = rsa.GenerateKey(random, rsaBits); err != nil {
		return nil, fmt.Errorf("practiceidp: RSA key: %w", err)
	}
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), random); err != nil {
		return nil, fmt.Errorf("practiceidp: EC key: %w", err)
	}
	if _, k.ed, err = ed25519.GenerateKey(random); err != nil {
		return nil, fmt.Errorf("practiceidp: Ed25519 key: %w", err)
	}
	kid := make([]byte, 9)
	if _, err := io.ReadFull(random, kid); err != nil {
		return nil, fmt.Errorf("practiceidp: key id: %w", err)
	}
	k.kidBase = base64.RawURLEncoding.EncodeToString(kid)
	k.spare = sync.OnceValue(func() *rsa.PrivateKey {
		spare, err := rsa.GenerateKey(random, rsaBits)
		if err != nil {
			panic("practiceidp: RSA key: " + err.Error())
		}
		return spare
	})
	return k, nil
}

const rsaBits = 2048

// signingKey is a key pair together with how it is announced.
type signingKey struct {
	kid, alg string
	private  any
}

// signing lists the keys that sign.
func (k *Keys) signing() []signingKey {
	return []signingKey{
		{k.kidBase + "-rsa", "RS256", k.rsa},
		{k.kidBase + "-ec", "ES256", k.ec},
		{k.kidBase + "-ed", "EdDSA", k.ed},
	}
}

func (k *Keys) encryption() signingKey {
	return signingKey{k.kidBase + "-enc", "RSA-OAEP", k.enc}
}

// forAlg is the key that signs with alg, one of RS256, ES256, EdDSA.
func (k *Keys) forAlg(alg string) signingKey {
	signing := k.signing()
	return signing[slices.IndexFunc(signing, func(s signingKey) bool { return s.alg == alg })]
}

func (s signingKey) public() jose.JSONWebKey {
	use := "sig"
	if s.alg == "RSA-OAEP" {
		use = "enc"
	}
	jwk := jose.JSONWebKey{Key: s.private, KeyID: s.kid, Algorithm: s.alg, Use: use}
	return jwk.Public()
}

// jwks is the key set as it is published: as Keycloak does it, with a key of
// use enc at its end.
func (k *Keys) jwks() []map[string]any {
	var set []map[string]any
	for _, s := range append(k.signing(), k.encryption()) {
		set = append(set, asMap(s.public()))
	}
	return set
}

// asMap is v as the JSON object that encoding gives.
func asMap(v any) map[string]any {
	var m map[string]any
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		panic("practiceidp: " + err.Error()) // a value of ours that JSON cannot hold
	}
	return m
}
