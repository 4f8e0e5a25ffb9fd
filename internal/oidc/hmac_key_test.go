package oidc

import (
	"crypto/hmac"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// RFC 7518 §3.2: a key shorter than the hash must not be used, however right
// the signature is.
func TestHMACKeyIsAsLongAsTheHash(t *testing.T) {
	t.Parallel()
	for name, size := range map[jose.SignatureAlgorithm]int{jose.HS256: 32, jose.HS384: 48, jose.HS512: 64} {
		a, known := knownAlgorithm(string(name))
		if !known {
			t.Fatal(name)
		}
		for length, want := range map[int]bool{0: false, size - 1: false, size: true, size + 100: true} {
			key := []byte(strings.Repeat("k", length))
			signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+string(name)+`"}`)) + ".e30"
			mac := hmac.New(a.hash, key)
			mac.Write([]byte(signed))
			token := &jws{raw: signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), algorithm: a}
			if got := token.signedWith(key); got != want {
				t.Errorf("%s under a key of %d bytes: verified %v", name, length, got)
			}
			if token.signedWith(append(key, 'x')) {
				t.Errorf("%s: verified under another key", name)
			}
		}
	}
}
