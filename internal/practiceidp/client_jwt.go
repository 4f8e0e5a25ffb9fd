package practiceidp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Everything a client may sign with.
var (
	secretAlgs = []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512}
	keyAlgs    = []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertedClient authenticates a client by a JWT that it signed (RFC 7523 §3,
// OIDC Core §9).
func (p *Provider) assertedClient(r *http.Request) (*Client, *tokenError) {
	if r.PostForm.Get("client_assertion_type") != assertionType {
		return nil, invalidClient()
	}
	text := r.PostForm.Get("client_assertion")
	id, _ := unverified(text)["sub"].(string)
	client := p.clients[id]
	if client == nil || r.PostForm.Has("client_id") && r.PostForm.Get("client_id") != id {
		return nil, invalidClient()
	}
	claims, bySecret, err := p.openClientJWT(client, text)
	method := methodPrivateKeyJWT
	if bySecret {
		method = methodSecretJWT
	}
	if err != nil || !slices.Contains(client.AuthMethods, method) || claims["iss"] != id || claims["sub"] != id ||
		!p.addressed(claims["aud"]) || !p.once(claims) {
		return nil, invalidClient()
	}
	return client, nil
}

// addressed reports whether one audience, as plain text, is us: issuer or token
// endpoint.
func (p *Provider) addressed(aud any) bool {
	text, _ := aud.(string)
	return text == p.opts.Issuer || text == p.URL(endpointToken)
}

// once accepts each assertion for a day at most and a single time.
func (p *Provider) once(claims map[string]any) bool {
	id, _ := claims["jti"].(string)
	exp, ok := claims["exp"].(float64)
	_, issued := claims["iat"].(float64)
	now, until := p.opts.Now(), time.Unix(int64(exp), 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	_, used := p.jtis[id]
	if id == "" || !ok || !issued || used || !now.Before(until) || until.Sub(now) > 24*time.Hour {
		return false
	}
	p.jtis[id] = until
	return true
}

// unverified are the claims of a JWT of which nothing is known yet.
func unverified(text string) map[string]any {
	parts := strings.Split(text, ".")
	var claims map[string]any
	if len(parts) == 3 {
		if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(payload, &claims) // nil for garbage
		}
	}
	return claims
}

// openClientJWT verifies what a client signed, with its secret or with one of
// its keys.
func (p *Provider) openClientJWT(c *Client, text string) (claims map[string]any, bySecret bool, err error) {
	if object, err := jose.ParseSignedCompact(text, secretAlgs); err == nil {
		payload, err := object.Verify([]byte(c.Secret))
		if err != nil || c.Secret == "" {
			return nil, true, errors.New("bad signature")
		}
		return claims, true, json.Unmarshal(payload, &claims)
	}
	object, err := jose.ParseSignedCompact(text, keyAlgs)
	if err != nil {
		return nil, false, err
	}
	keys, err := clientKeys(c)
	if err != nil {
		return nil, false, err
	}
	header := object.Signatures[0].Protected
	for _, k := range keys.Keys {
		if header.KeyID != k.KeyID || k.Algorithm != "" && k.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := object.Verify(k.Key); err == nil {
			return claims, false, json.Unmarshal(payload, &claims)
		}
	}
	return nil, false, errors.New("no key of the client verifies the signature")
}

func clientKeys(c *Client) (jose.JSONWebKeySet, error) {
	if c.KeysURI == "" {
		return c.Keys, nil
	}
	var set jose.JSONWebKeySet
	client := http.Client{Timeout: time.Minute, // RSA keys may have to be made first
		Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(c.KeysURI) //nolint:noctx,gosec // bounded by the client's time-out; the URI is of the configuration
	if err != nil {
		return set, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return set, errors.New("no key set")
	}
	return set, json.NewDecoder(io.LimitReader(response.Body, maxForm)).Decode(&set)
}
