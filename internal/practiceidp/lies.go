package practiceidp

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// tokenLie is something wrong, or unusual, with an ID token.
type tokenLie struct {
	name, about string
	tell        func(m *minting)
	jwks        func(keys *Keys, set []map[string]any) []map[string]any
}

// tokenRows are the lies about ID tokens, each once for the token of a login
// and once, as refresh-<name>, for the token of a refresh. Lies that need
// another key set are for logins only.
func tokenRows() []*row {
	var table []*row
	for _, group := range [][]tokenLie{claimLies(), headerLies(), shapeLies()} {
		for _, l := range group {
			table = append(table, &row{name: l.name, about: l.about, idToken: l.tell, jwks: l.jwks})
			if l.jwks == nil {
				table = append(table, &row{name: "refresh-" + l.name, about: "refreshed ID token: " + l.about, idToken: l.tell, onRefresh: true})
			}
		}
	}
	return table
}

func set(name string, value any) func(*minting) {
	return func(m *minting) { m.claims[name] = value }
}

func drop(name string) func(*minting) {
	return func(m *minting) { delete(m.claims, name) }
}

func suffix(name string) func(*minting) {
	return func(m *minting) {
		text, _ := m.claims[name].(string)
		if text == "" {
			text = "null" // what the conformance suite sends when there is none
		}
		m.claims[name] = text + "1"
	}
}

// later moves a time claim by seconds, counted from iat.
func later(name string, seconds int64) func(*minting) {
	return func(m *minting) {
		iat, _ := m.claims["iat"].(int64)
		m.claims[name] = iat + seconds
	}
}

func claimLies() []tokenLie {
	return []tokenLie{
		{name: "invalid-iss", about: "iss is the issuer with a 1 behind it", tell: suffix("iss")},
		{name: "missing-iss", about: "no iss", tell: drop("iss")},
		{name: "invalid-aud", about: "aud is the client id with a 1 behind it", tell: suffix("aud")},
		{name: "missing-aud", about: "no aud", tell: drop("aud")},
		{name: "aud-empty", about: "aud is an empty array", tell: set("aud", []string{})},
		{name: "aud-number", about: "aud is a number", tell: set("aud", 7)},
		{name: "aud-array", about: "aud is an array of the client id alone (to be accepted)", tell: audiences(false, "=")},
		{name: "aud-several-no-azp", about: "two audiences and no azp", tell: audiences(true, "")},
		{name: "aud-several-azp", about: "two audiences and the right azp (to be accepted)", tell: audiences(true, "=")},
		{name: "aud-several-invalid-azp", about: "two audiences and a wrong azp", tell: audiences(true, "other")},
		{name: "invalid-azp", about: "azp is another client", tell: suffix("azp")},
		{name: "missing-azp", about: "no azp beside one audience (to be accepted)", tell: drop("azp")},
		{name: "missing-sub", about: "no sub", tell: drop("sub")},
		{name: "empty-sub", about: "sub is empty", tell: set("sub", "")},
		{name: "sub-number", about: "sub is a number", tell: set("sub", 7)},
		{name: "invalid-sub", about: "sub is the user's with a 1 behind it", tell: suffix("sub")},
		{name: "missing-exp", about: "no exp", tell: drop("exp")},
		{name: "expired", about: "exp was six minutes ago", tell: later("exp", -360)},
		{name: "exp-string", about: "exp is text", tell: set("exp", "2999-01-01")},
		{name: "exp-huge", about: "exp is 1e300", tell: set("exp", 1e300)},
		{name: "exp-negative", about: "exp is -1", tell: set("exp", -1)},
		{name: "missing-iat", about: "no iat", tell: drop("iat")},
		{name: "iat-string", about: "iat is text", tell: set("iat", "now")},
		{name: "iat-future", about: "iat is in an hour", tell: later("iat", 3600)},
		{name: "nbf-future", about: "nbf is in an hour", tell: later("nbf", 3600)},
		{name: "nonce-invalid", about: "nonce has a 1 behind it", tell: suffix("nonce")},
		{name: "missing-nonce", about: "no nonce", tell: drop("nonce")},
		{name: "at-hash-wrong", about: "at_hash belongs to another access token", tell: set("at_hash", leftHalf("another"))},
		{name: "at-hash-missing", about: "no at_hash (to be accepted)", tell: drop("at_hash")},
		{name: "c-hash-wrong", about: "c_hash belongs to another code", tell: set("c_hash", leftHalf("another"))},
	}
}

// audiences makes aud an array, of the client alone or with a second member;
// azp "" means none, "=" the client.
func audiences(several bool, azp string) func(*minting) {
	return func(m *minting) {
		aud := []string{m.client.ID}
		if several {
			aud = append(aud, m.client.ID+"1")
		}
		m.claims["aud"] = aud
		switch azp {
		case "":
			delete(m.claims, "azp")
		case "=":
			m.claims["azp"] = m.client.ID
		default:
			m.claims["azp"] = azp
		}
	}
}

// unsigned sets alg and leaves the signature empty.
func unsigned(alg any) func(*minting) {
	return func(m *minting) {
		m.header = map[string]any{"alg": alg}
		if alg == nil {
			delete(m.header, "alg")
		}
		m.seal = func(string) []byte { return nil }
	}
}

// hmacWith signs with HS256 and whatever key picks.
func hmacWith(pick func(m *minting) []byte) func(*minting) {
	return func(m *minting) {
		key := pick(m)
		m.header["alg"] = "HS256"
		m.seal = func(input string) []byte {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(input))
			return mac.Sum(nil)
		}
	}
}

func publicDER(k *Keys) []byte {
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		panic("practiceidp: " + err.Error())
	}
	return der
}

func publicPEM(k *Keys) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(k)})
}

// rs256 signs with any RSA key, whatever the header says.
func rs256(key *rsa.PrivateKey) func(string) []byte {
	return func(input string) []byte {
		sum := sha256.Sum256([]byte(input))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			panic("practiceidp: " + err.Error())
		}
		return signature
	}
}

// breakSignature inverts every byte of the signature.
func breakSignature(compact string) string {
	input, signature := compact[:strings.LastIndexByte(compact, '.')+1], compact[strings.LastIndexByte(compact, '.')+1:]
	raw := decode(signature)
	for i := range raw {
		raw[i] ^= 0xff
	}
	return input + encode(raw)
}
