package practiceidp

import (
	"net/url"
	"time"
)

const (
	modeJWT         = "jwt"
	modeQueryJWT    = "query.jwt"
	modeFormPostJWT = "form_post.jwt"
)

// responseTTL is how long a signed response is good for.
const responseTTL = 10 * time.Minute

// sealResponse puts the parameters of a response into a JWT where the mode asks
// for one (JARM §2.3.1); misbehaviours may keep it from that.
func (p *Provider) sealResponse(q *authRequest, v url.Values) url.Values {
	if !q.signed() {
		return v
	}
	keys := p.currentKeys()
	key := keys.forAlg(p.opts.SigningAlgs[0])
	m := &minting{
		keys: keys, client: q.client, key: key.private,
		header: map[string]any{"alg": key.alg, "kid": key.kid},
		claims: map[string]any{"aud": q.client.ID, "exp": p.opts.Now().Add(responseTTL).Unix()},
	}
	for name := range v {
		m.claims[name] = v.Get(name)
	}
	m.claims["iss"] = p.opts.Issuer
	for _, lie := range p.active() {
		if lie.signedResponse != nil {
			lie.signedResponse(m)
		}
	}
	if m.drop {
		return v
	}
	return url.Values{"response": {m.compact()}}
}

// signed reports whether the mode asks for a signed response.
func (q *authRequest) signed() bool {
	switch q.raw.Get("response_mode") {
	case modeJWT, modeQueryJWT, modeFormPostJWT:
		return true
	}
	return false
}

// signedRows misbehave in signed responses and in answers to pushed requests.
func signedRows() []*row {
	lie := func(name, about string, tell func(m *minting)) *row {
		return &row{name: name, about: about, signedResponse: tell}
	}
	return []*row{
		lie("jarm-without-iss", "a signed response without iss", drop("iss")),
		lie("jarm-invalid-iss", "iss has a 1 behind it", suffix("iss")),
		lie("jarm-without-aud", "a signed response without aud", drop("aud")),
		lie("jarm-invalid-aud", "aud has a 1 behind it", suffix("aud")),
		lie("jarm-without-exp", "a signed response without exp", drop("exp")),
		lie("jarm-expired-exp", "exp was six minutes ago", func(m *minting) {
			exp, _ := m.claims["exp"].(int64)
			m.claims["exp"] = exp - int64((responseTTL+6*time.Minute)/time.Second)
		}),
		lie("jarm-invalid-sig", "every byte of the signature is inverted", func(m *minting) { m.finish = breakSignature }),
		lie("jarm-other-key", "signed by a key that nobody announced", func(m *minting) { m.seal = rs256(m.keys.spare()) }),
		lie("jarm-alg-none", "alg none and no signature", unsigned("none")),
		lie("jarm-hs256-public-key", "HS256 with the public key as its secret", hmacWith(func(m *minting) []byte { return publicPEM(m.keys) })),
		lie("jarm-unsigned", "the parameters as they are, although a signed response was asked for", func(m *minting) { m.drop = true }),
		lie("jarm-without-state", "a signed response without state", drop("state")),
		lie("jarm-invalid-state", "the state has a 1 behind it", suffix("state")),
		lie("jarm-iss-twice", "iss stands there twice, as Keycloak does it (to be accepted)", func(m *minting) { m.twice = "iss" }),
		lie("jarm-code-number", "the code is a number", set("code", 7)),
		{name: "par-no-request-uri", about: "an answer without request_uri", pushed: func(answer map[string]any) { delete(answer, "request_uri") }},
		{name: "par-relative-request-uri", about: "a request_uri that is no URI", pushed: func(answer map[string]any) { answer["request_uri"] = "../x" }},
	}
}
