package oidc

import (
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func BenchmarkVerifyIDToken(b *testing.B) {
	tp := newTestProvider(b)
	p := tp.relyingParty(b)
	for _, bc := range []struct {
		alg jose.SignatureAlgorithm
		key any
		kid string
	}{
		{jose.RS256, rsaKey(), "rsa"},
		{jose.ES256, ecKey(), "ec"},
	} {
		token, check := sign(b, bc.alg, bc.key, bc.kid, tp.claims(), nil), tp.check()
		b.Run(string(bc.alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.VerifyIDToken(b.Context(), token, check); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
