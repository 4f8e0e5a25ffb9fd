package practiceidp

import (
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

func headerLies() []tokenLie {
	return []tokenLie{
		{name: "alg-none", about: "alg none, no signature", tell: unsigned("none")},
		{name: "alg-None", about: "alg None, no signature", tell: unsigned("None")},
		{name: "alg-NONE", about: "alg NONE, no signature", tell: unsigned("NONE")},
		{name: "alg-nOnE", about: "alg nOnE, no signature", tell: unsigned("nOnE")},
		{name: "alg-empty", about: "alg is empty, no signature", tell: unsigned("")},
		{name: "alg-missing", about: "no alg, no signature", tell: unsigned(nil)},
		{name: "alg-number", about: "alg is a number, no signature", tell: unsigned(0)},
		{name: "alg-none-signed", about: "alg none above a good signature", tell: func(m *minting) {
			m.header["alg"], m.seal = "none", rs256(m.keys.rsa)
		}},
		{name: "alg-hs256-public-pem", about: "HS256 with the RSA public key in PEM", tell: hmacWith(func(m *minting) []byte { return publicPEM(m.keys) })},
		{name: "alg-hs256-public-der", about: "HS256 with the RSA public key in DER", tell: hmacWith(func(m *minting) []byte { return publicDER(m.keys) })},
		{name: "alg-hs256-secret", about: "HS256 with the client secret", tell: hmacWith(func(m *minting) []byte { return []byte(m.client.Secret) })},
		{name: "alg-of-another-key", about: "alg ES256, kid and signature of the RSA key", tell: func(m *minting) {
			m.header["alg"], m.seal = "ES256", rs256(m.keys.rsa)
		}},
		{name: "idtoken-sig-es256", about: "signed with ES256 (to be accepted)", tell: signWith("ES256")},
		{name: "idtoken-sig-eddsa", about: "signed with EdDSA (not announced)", tell: signWith("EdDSA")},
		{name: "invalid-sig-rs256", about: "every byte of the signature inverted", tell: func(m *minting) { m.finish = breakSignature }},
		{name: "invalid-sig-es256", about: "ES256, every byte of the signature inverted", tell: func(m *minting) {
			signWith("ES256")(m)
			m.finish = breakSignature
		}},
		{name: "invalid-sig-hs256", about: "HS256 with the client secret, every byte of the signature inverted", tell: func(m *minting) {
			hmacWith(func(m *minting) []byte { return []byte(m.client.Secret) })(m)
			m.finish = breakSignature
		}},
		{name: "sig-empty", about: "alg RS256 and an empty signature", tell: func(m *minting) {
			m.seal = func(string) []byte { return nil }
		}},
		{name: "unknown-kid", about: "a kid that the key set does not have", tell: func(m *minting) { m.header["kid"] = "nobody" }},
		{name: "kid-of-another-key", about: "the kid of the EC key above an RSA signature", tell: func(m *minting) {
			m.header["kid"] = m.keys.kidBase + "-ec"
		}},
		{name: "kid-absent", about: "no kid in the token; the key set has them (to be accepted)", tell: noKid},
		{
			name: "kid-absent-single-jwks", about: "no kid in the token, one signing key of each type without kid (to be accepted)",
			tell: noKid, jwks: withoutKids,
		},
		{
			name: "kid-absent-multiple-jwks", about: "no kid, several signing keys of each type without kid, one RSA key of them signed (to be accepted)",
			tell: func(m *minting) { noKid(m); m.key = m.keys.spare() }, jwks: severalWithoutKids,
		},
		{name: "own-key-in-header", about: "signed with a foreign key that the jwk header brings along", tell: ownKey},
		{name: "own-key-by-url", about: "signed with a foreign key that jku and x5u point to", tell: func(m *minting) {
			m.key = m.keys.spare()
			m.header["kid"], m.header["jku"], m.header["x5u"] = "own", "http://127.0.0.1:1/jwks", "http://127.0.0.1:1/cert"
			m.seal = rs256(m.keys.spare())
		}},
		{name: "foreign-key", about: "signed with a foreign key under the right kid", tell: func(m *minting) { m.key = m.keys.spare() }},
		{name: "unknown-crit", about: "crit names an extension that nobody knows", tell: func(m *minting) {
			m.header["crit"], m.header["practice"] = []string{"practice"}, true
			m.seal = rs256(m.keys.rsa)
		}},
		{name: "crit-empty", about: "crit is an empty list", tell: func(m *minting) {
			m.header["crit"] = []string{}
			m.seal = rs256(m.keys.rsa)
		}},
		{name: "enc-key-signs", about: "signed by the key of use enc, with its kid", tell: func(m *minting) {
			m.header["kid"] = m.keys.encryption().kid
			m.seal = rs256(m.keys.enc)
		}},
	}
}

func noKid(m *minting) { delete(m.header, "kid") }

func signWith(alg string) func(*minting) {
	return func(m *minting) {
		key := m.keys.forAlg(alg)
		m.header["alg"], m.header["kid"], m.key = alg, key.kid, key.private
	}
}

func ownKey(m *minting) {
	key := m.keys.spare()
	m.header["kid"] = "own"
	m.header["jwk"] = asMap(jose.JSONWebKey{Key: key.Public(), KeyID: "own", Algorithm: "RS256", Use: "sig"})
	m.seal = rs256(key)
}

// withoutKids drops kid and alg of the signing keys and adds a key on a curve
// that few libraries know.
func withoutKids(_ *Keys, set []map[string]any) []map[string]any {
	for _, key := range set {
		if key["use"] == "sig" {
			delete(key, "kid")
			delete(key, "alg")
		}
	}
	return append(set, oddCurve())
}

func severalWithoutKids(keys *Keys, set []map[string]any) []map[string]any {
	second := asMap(jose.JSONWebKey{Key: keys.spare().Public(), Use: "sig"})
	foreign := asMap(jose.JSONWebKey{Key: keys.enc.Public(), Use: "sig"})
	return append(withoutKids(keys, set), foreign, second)
}

// oddCurve is the base point of secp256k1 as a public key.
func oddCurve() map[string]any {
	return map[string]any{
		"kty": "EC", "crv": "secp256k1", "use": "sig",
		"x": "eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g", "y": "SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg",
	}
}

// shapeLies break the form of the token.
func shapeLies() []tokenLie {
	payload := func(open string, times int, rest string) func(*minting) {
		return func(m *minting) {
			m.finish = func(compact string) string {
				header, _, _ := strings.Cut(compact, ".")
				input := header + "." + encode([]byte(strings.Repeat(open, times)+strings.Repeat(rest, times)))
				return input + "." + encode(rs256(m.keys.rsa)(input))
			}
		}
	}
	finish := func(change func(string) string) func(*minting) {
		return func(m *minting) { m.finish = change }
	}
	return []tokenLie{
		{name: "idtoken-broken-json", about: "the payload is cut JSON, well signed", tell: payload(`{"iss":`, 1, "")},
		{name: "idtoken-null", about: "the payload is null, well signed", tell: payload("null", 1, "")},
		{name: "idtoken-array", about: "the payload is an array, well signed", tell: payload("[]", 1, "")},
		{name: "idtoken-deep", about: "the payload is 100,000 arrays deep, well signed", tell: payload("[", depth, "]")},
		{name: "idtoken-huge", about: "an additional claim of two megabytes", tell: func(m *minting) {
			m.claims["padding"] = strings.Repeat("x", 2<<20)
		}},
		{name: "idtoken-two-parts", about: "no signature part", tell: finish(func(s string) string { return s[:strings.LastIndexByte(s, '.')] })},
		{name: "idtoken-five-parts", about: "five parts, as an encrypted token has", tell: finish(func(s string) string { return s + ".AAAA.AAAA" })},
		{name: "idtoken-dots", about: "a hundred thousand dots", tell: finish(func(string) string { return strings.Repeat(".", depth) })},
		{name: "idtoken-garbage", about: "not a token at all", tell: finish(func(string) string { return "<p>hello</p>" })},
		{name: "idtoken-empty", about: "an empty string", tell: finish(func(string) string { return "" })},
		{name: "idtoken-absent", about: "no ID token", tell: func(m *minting) { m.drop = true }},
	}
}

// depth is how deep, or long, exaggerated answers are.
const depth = 100_000

func decode(s string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		panic("practiceidp: " + err.Error()) // a signature of ours
	}
	return raw
}
