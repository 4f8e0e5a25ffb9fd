package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"maps"
	"testing"
)

// TestEveryMemberOfAClientKeyCounts: a private key with a member of another key
// is refused, whichever member it is.
func TestEveryMemberOfAClientKeyCounts(t *testing.T) {
	t.Parallel()
	makeRSA := func() object {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return jwk(t, key, err, nil)
	}
	makeEC := func() object {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return jwk(t, key, err, nil)
	}
	for kind, c := range map[string]struct {
		key, other object
		members    []string
	}{
		"RSA": {makeRSA(), makeRSA(), []string{"kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"}},
		"EC":  {makeEC(), makeEC(), []string{"kty", "crv", "x", "y", "d"}},
	} {
		if got := compiled(t, object{"client_id": list("a"), "client_jwk": list(c.key)}).Clients[0].Key; got == nil {
			t.Fatalf("%s: the key is not taken", kind)
		}
		for _, member := range c.members {
			t.Run(kind+"/"+member, func(t *testing.T) {
				t.Parallel()
				wrong := maps.Clone(c.key)
				wrong[member] = c.other[member]
				switch member {
				case "kty":
					wrong[member] = map[string]string{"RSA": "EC", "EC": "RSA"}[kind]
				case "crv":
					wrong[member] = "P-384"
				case "e":
					wrong[member] = "Aw"
				}
				if _, err := compile(t, object{"client_jwk": list(wrong)}); err == nil {
					t.Errorf("accepted with another %s", member)
				}
			})
		}
	}
}
