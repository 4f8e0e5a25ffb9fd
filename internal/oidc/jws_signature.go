package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// hashes are the hash functions of signatures by their size in bytes.
var hashes = map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}

// signedWith reports whether key made the signature, under the one algorithm
// that the token was pinned to before (RFC 7518 §3, RFC 8037 §3.1). What was
// signed is the text of header and payload as it came: nothing is parsed for
// it again.
func (t *jws) signedWith(key any) bool {
	dot := strings.LastIndexByte(t.raw, '.')
	if dot < 0 {
		return false
	}
	signed := []byte(t.raw[:dot])
	signature, err := base64.RawURLEncoding.DecodeString(t.raw[dot+1:])
	if err != nil {
		return false
	}
	if public, ok := key.(ed25519.PublicKey); ok {
		return t.algorithm.family == familyEd25519 && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, signed, signature)
	}
	h := t.algorithm.hash()
	if secret, ok := key.([]byte); ok {
		if t.algorithm.family != familyHMAC || len(secret) < h.Size() {
			return false // RFC 7518 §3.2: a shorter key must not be used
		}
		mac := hmac.New(t.algorithm.hash, secret)
		mac.Write(signed)
		return hmac.Equal(mac.Sum(nil), signature)
	}
	h.Write(signed)
	sum := h.Sum(nil)
	switch public := key.(type) {
	case *rsa.PublicKey:
		switch t.algorithm.name {
		case jose.RS256, jose.RS384, jose.RS512:
			return rsa.VerifyPKCS1v15(public, hashes[len(sum)], sum, signature) == nil
		case jose.PS256, jose.PS384, jose.PS512:
			return rsa.VerifyPSS(public, hashes[len(sum)], sum, signature, nil) == nil
		}
	case *ecdsa.PublicKey:
		return t.algorithm.family == familyEC && signedOnCurve(public, t.algorithm.curve, sum, signature)
	}
	return false
}

// signedOnCurve verifies an ECDSA signature in the form of RFC 7518 §3.4: R and
// S, each as long as the order of the curve.
func signedOnCurve(public *ecdsa.PublicKey, curve string, sum, signature []byte) bool {
	params := public.Curve.Params()
	size := (params.BitSize + 7) / 8
	if params.Name != curve || len(signature) != 2*size {
		return false
	}
	r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
	return ecdsa.Verify(public, sum, r, s)
}
