package practiceidp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// minting is an ID token on its way out: a misbehaviour may change every part
// of it.
type minting struct {
	keys   *Keys
	client *Client
	access string
	// header and claims of the token; key signs it.
	header, claims map[string]any
	key            any
	// seal makes the signature; nil means an honest one by key and header alg.
	seal func(signingInput string) []byte
	// finish changes the compact serialisation.
	finish func(compact string) string
	// twice names a claim that is written a second time, with the same value.
	twice string
	// drop leaves the ID token out of the answer.
	drop bool
}

// mintIDToken makes the ID token (OIDC Core §2, §12.2); false means none.
func (p *Provider) mintIDToken(g *grant, access string, now time.Time, refreshed bool) (string, bool) {
	for _, lie := range p.active() {
		if lie.beforeSigning != nil {
			lie.beforeSigning(p)
		}
	}
	keys := p.currentKeys()
	key := keys.forAlg(p.opts.SigningAlgs[0])
	m := &minting{
		keys: keys, client: g.client, access: access, key: key.private,
		header: map[string]any{"alg": key.alg, "kid": key.kid},
		claims: map[string]any{
			"iss": p.opts.Issuer, "sub": g.user.Subject, "aud": g.client.ID, "azp": g.client.ID,
			"iat": now.Unix(), "exp": now.Add(p.opts.IDTokenTTL).Unix(),
			"auth_time": g.authTime.Unix(), "sid": g.sid, "at_hash": leftHalf(access),
		},
	}
	if g.acr != "" {
		m.claims["acr"] = g.acr
	}
	addClaims(m.claims, g.user, g.scope)
	if g.nonce != "" && !refreshed {
		m.claims["nonce"] = g.nonce
	}
	for _, lie := range p.active() {
		if lie.idToken != nil && lie.onRefresh == refreshed {
			lie.idToken(m)
		}
	}
	return m.compact(), !m.drop
}

// mintAccessToken makes a JWT access token (RFC 9068).
func (p *Provider) mintAccessToken(g *grant, scope []string, now time.Time) string {
	key := p.currentKeys().forAlg(p.opts.SigningAlgs[0])
	m := &minting{
		key: key.private, header: map[string]any{"alg": key.alg, "kid": key.kid, "typ": "at+jwt"},
		claims: map[string]any{
			"iss": p.opts.Issuer, "sub": g.user.Subject, "aud": "account", "azp": g.client.ID, "client_id": g.client.ID,
			"iat": now.Unix(), "exp": now.Add(p.opts.AccessTokenTTL).Unix(), "jti": p.newID(),
			"sid": g.sid, "scope": strings.Join(scope, " "),
		},
	}
	for name, value := range g.user.AccessTokenClaims {
		if _, taken := m.claims[name]; !taken {
			m.claims[name] = value
		}
	}
	return m.compact()
}

// compact serialises and signs.
func (m *minting) compact() string {
	payload, err := json.Marshal(m.claims)
	if err != nil {
		panic("practiceidp: " + err.Error()) // a value of ours that JSON cannot hold
	}
	if again, err := json.Marshal(map[string]any{m.twice: m.claims[m.twice]}); err == nil && m.twice != "" {
		payload = append(append(payload[:len(payload)-1], ','), again[1:]...)
	}
	var token string
	if m.seal == nil {
		token = signHonestly(m.header, m.key, payload)
	} else {
		header, err := json.Marshal(m.header)
		if err != nil {
			panic("practiceidp: " + err.Error())
		}
		input := encode(header) + "." + encode(payload)
		token = input + "." + encode(m.seal(input))
	}
	if m.finish != nil {
		token = m.finish(token)
	}
	return token
}

// signHonestly signs with go-jose; header holds alg and what else is wanted.
func signHonestly(header map[string]any, key any, payload []byte) string {
	opts := (&jose.SignerOptions{})
	for name, value := range header {
		if name != "alg" {
			opts = opts.WithHeader(jose.HeaderKey(name), value)
		}
	}
	alg, _ := header["alg"].(string)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: key}, opts)
	if err == nil {
		var signed *jose.JSONWebSignature
		if signed, err = signer.Sign(payload); err == nil {
			var token string
			if token, err = signed.CompactSerialize(); err == nil {
				return token
			}
		}
	}
	panic("practiceidp: sign with " + alg + ": " + err.Error()) // a key of ours that does not fit its algorithm
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// leftHalf is at_hash and c_hash for algorithms with SHA-256 (OIDC Core
// §3.1.3.6).
func leftHalf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return encode(sum[:len(sum)/2])
}

// scopeClaims are the claims that a scope asks for (OIDC Core §5.4, without
// those that nobody here has).
var scopeClaims = map[string][]string{
	"profile": {"name", "given_name", "family_name", "nickname", "preferred_username", "picture", "locale", "zoneinfo", "updated_at"},
	"email":   {"email", "email_verified"},
	"phone":   {"phone_number", "phone_number_verified"},
	"address": {"address"},
	"groups":  {"groups"},
}

// addClaims adds what scope asks for of what is known of the user. Claims that
// no scope asks for are always added.
func addClaims(claims map[string]any, u *User, scope []string) {
	hidden := map[string]bool{}
	for name, of := range scopeClaims {
		if !slices.Contains(scope, name) {
			for _, claim := range of {
				hidden[claim] = true
			}
		}
	}
	if !hidden["preferred_username"] {
		claims["preferred_username"] = u.Name
	}
	for name, value := range u.Claims {
		if _, taken := claims[name]; !taken && !hidden[name] {
			claims[name] = value
		}
	}
}
