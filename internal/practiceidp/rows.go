package practiceidp

import (
	"encoding/base64"
	"net/url"
	"strings"
	"sync/atomic"
)

// markup stands in texts that a relying party must escape.
const markup = `<script>alert("practice")</script><img src=x onerror=alert(1)>`

// protocolRows misbehave in discovery, keys, token answers and user info.
func protocolRows() []*row {
	return []*row{
		{name: "discovery-issuer-mismatch", about: "the document's issuer has INVALID behind it", document: func(p *Provider, doc map[string]any) {
			doc["issuer"] = p.opts.Issuer + "INVALID"
		}},
		{name: "discovery-no-endpoints", about: "the document names no endpoints", document: func(_ *Provider, doc map[string]any) {
			for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri"} {
				delete(doc, name)
			}
		}},
		{name: "idtoken-sig-rs256", about: "the document lists RS256 alone (to be accepted)", document: func(_ *Provider, doc map[string]any) {
			doc["id_token_signing_alg_values_supported"] = []string{"RS256"}
		}},
		{name: "discovery-lists-none", about: "the document lists none and HS256 as well", document: func(_ *Provider, doc map[string]any) {
			doc["id_token_signing_alg_values_supported"] = []string{"none", "HS256", "RS256", "ES256"}
		}},
		{name: "pkce-plain-only", about: "the document lists plain alone", document: func(_ *Provider, doc map[string]any) {
			doc["code_challenge_methods_supported"] = []string{"plain"}
		}},
		{name: "token-slow", about: "the token endpoint takes a second (to be accepted)", before: slow(endpointToken)},
		{name: "jwks-no-keys", about: "an empty key set", jwks: func(*Keys, []map[string]any) []map[string]any {
			return []map[string]any{}
		}},
		{name: "jwks-odd-keys", about: "keys of unknown types and curves and without type among good ones (to be accepted)", jwks: oddKeys},
		{name: "signing-key-rotation-just-before-signing", about: "new keys just before an ID token is signed, once (to be accepted)", beforeSigning: once(rotate)},
		{name: "signing-key-rotation", about: "new keys at the second authorization request (to be accepted)", onAuthorize: at(2, rotate)},

		{name: "no-expires-in", about: "token answers without expires_in (to be accepted)", tokens: without("expires_in")},
		{name: "expires-in-string", about: "expires_in is text", tokens: with("expires_in", "3600")},
		{name: "expires-in-zero", about: "expires_in is 0", tokens: with("expires_in", 0)},
		{name: "expires-in-negative", about: "expires_in is -1", tokens: with("expires_in", -1)},
		{name: "expires-in-huge", about: "expires_in is 1e300", tokens: with("expires_in", 1e300)},
		{name: "token-type-case", about: "token_type is bEARER (to be accepted)", tokens: with("token_type", "bEARER")},
		{name: "token-type-unknown", about: "token_type is mac", tokens: with("token_type", "mac")},
		{name: "token-type-missing", about: "no token_type", tokens: without("token_type")},
		{name: "no-access-token", about: "no access token", tokens: without("access_token")},
		{name: "no-refresh-token", about: "no refresh token (to be accepted)", tokens: without("refresh_token")},
		{name: "access-token-with-newline", about: "the access token holds CR and LF", accessToken: func(token string) string {
			return token + "\r\nX-Evil: 1"
		}},
		{name: "access-token-opaque", about: "the access token is no JWT (to be accepted)", accessToken: func(string) string {
			return "opaque-access-token"
		}},
		{name: "access-token-duplicate-member", about: "the access token names a claim twice (to be accepted)", accessToken: duplicateMember},
		{name: "refresh-no-rotation", about: "a refresh brings no new refresh token, the old one stays good (to be accepted)", keepRefreshToken: true},

		{name: "userinfo-invalid-sub", about: "sub has invalid behind it", userInfo: func(claims map[string]any) {
			sub, _ := claims["sub"].(string)
			claims["sub"] = sub + "invalid"
		}},
		{name: "userinfo-no-sub", about: "no sub", userInfo: func(claims map[string]any) { delete(claims, "sub") }},
		{name: "userinfo-invalid-iss", about: "iss is another, in user info that is a JWT", userInfo: func(claims map[string]any) { claims["iss"] = "https://other.test" }},
		{name: "userinfo-invalid-aud", about: "aud is another, in user info that is a JWT", userInfo: func(claims map[string]any) { claims["aud"] = "other" }},
		{name: "aggregated-claims", about: "user info holds claims of another source as a JWT (to be accepted)", userInfo: func(claims map[string]any) {
			elsewhereClaims(claims, map[string]any{"JWT": "eyJhbGciOiJub25lIn0.eyJncm91cHMiOlsiYWRtaW4iXX0."})
		}},
		{name: "distributed-claims", about: "user info says where else claims are to be fetched (to be accepted)", userInfo: func(claims map[string]any) {
			elsewhereClaims(claims, map[string]any{"endpoint": "http://127.0.0.1:1/claims", "access_token": "practice"})
		}},
		{name: "claims-with-newline", about: "a claim with CR, LF and NUL, in ID token and user info", userInfo: injectNewline, idToken: func(m *minting) {
			injectNewline(m.claims)
		}},
	}
}

// callbackRows misbehave in the authorization response.
func callbackRows() []*row {
	table := []*row{
		{name: "response-iss-wrong", about: "the response's iss has a 1 behind it", response: func(v url.Values) { v.Set("iss", v.Get("iss")+"1") }},
		{name: "response-iss-missing", about: "the response has no iss although it is announced", response: func(v url.Values) { v.Del("iss") }},
		{name: "state-invalid", about: "the state has a 1 behind it", response: func(v url.Values) { v.Set("state", v.Get("state")+"1") }},
		{name: "state-missing", about: "no state", response: func(v url.Values) { v.Del("state") }},
		{name: "code-missing", about: "no code and no error", response: func(v url.Values) { v.Del("code") }},
		{name: "code-and-error", about: "a code and an error", response: func(v url.Values) { v.Set("error", "server_error") }},
		{name: "code-twice", about: "two codes", response: func(v url.Values) { v.Add("code", "another") }},
		{name: "callback-extra", about: "fields that nobody knows (to be accepted)", response: func(v url.Values) { v.Set("continue", "CONTINUE") }},
		{name: "form-post-error", about: "login_required", deny: &oauthError{"login_required", "no session"}},
		{name: "callback-error-markup", about: "access_denied with mark-up", deny: &oauthError{"access_denied", markup}},
		{name: "callback-error-code-markup", about: "mark-up as the error itself", deny: &oauthError{markup, markup}},
		{name: "callback-error-newline", about: "an error text with CR and LF", deny: &oauthError{"access_denied", "a\r\nSet-Cookie: x=1"}},
	}
	for _, code := range []string{
		"access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required",
		"invalid_request", "unauthorized_client", "invalid_scope", "unsupported_response_type",
		"temporarily_unavailable", "server_error", "x_unheard_of",
	} {
		table = append(table, &row{name: "callback-" + code, about: "the authorization endpoint answers " + code, deny: &oauthError{code, "practice <b>error</b>"}})
	}
	return table
}

func injectNewline(claims map[string]any) { claims["name"] = "a\r\nX-Evil: 1\x00" }

func with(name string, value any) func(string, map[string]any) {
	return func(_ string, answer map[string]any) { answer[name] = value }
}

func without(name string) func(string, map[string]any) {
	return func(_ string, answer map[string]any) { delete(answer, name) }
}

func rotate(p *Provider) {
	if err := p.RotateKeys(); err != nil {
		panic(err)
	}
}

func once(do func(*Provider)) func(*Provider) { return at(1, do) }

// at does something at the nth call only.
func at(n int64, do func(*Provider)) func(*Provider) {
	var calls atomic.Int64
	return func(p *Provider) {
		if calls.Add(1) == n {
			do(p)
		}
	}
}

func oddKeys(_ *Keys, set []map[string]any) []map[string]any {
	odd := []map[string]any{
		oddCurve(),
		{"kty": "QUANTUM", "kid": "q", "use": "sig"},
		{"kid": "no type"},
		{"kty": "RSA", "kid": "no modulus", "use": "sig"},
		{"kty": "oct", "kid": "symmetric", "k": "AAAA", "use": "sig", "alg": "HS256"},
		{"kty": "EC", "crv": "P-256", "kid": "off curve", "x": "AQ", "y": "AQ"},
		{"kty": "RSA", "kid": "encryption only", "n": "AQAB", "e": "AQAB", "key_ops": []string{"encrypt"}},
	}
	return append(odd, set...)
}

// duplicateMember names a claim of an access token twice. Its signature does not
// fit any more; nobody verifies it.
func duplicateMember(token string) string {
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return token
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(string(payload[:len(payload)-1]) + `,"x":1,"x":2}`))
	return strings.Join(parts, ".")
}

// elsewhereClaims says that the claim groups is another source's (OIDC Core
// §5.6.2).
func elsewhereClaims(claims, source map[string]any) {
	delete(claims, "groups")
	claims["_claim_names"] = map[string]any{"groups": "src1"}
	claims["_claim_sources"] = map[string]any{"src1": source}
}
