package oidc

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// assertionLifetime is how long a client assertion is good for.
const assertionLifetime = time.Minute

// assertion is the JWT by which a client authenticates itself (RFC 7523 §2.2,
// OpenID Connect Core 1.0 §9). Each is used once.
func (p *Provider) assertion(c Client, method AuthMethod, md *Metadata) (string, error) {
	id, err := p.unique()
	if err != nil {
		return "", err
	}
	audience := md.TokenEndpoint
	if c.IssuerAudience {
		audience = md.Issuer
	}
	if audience == "" {
		return "", fmt.Errorf("oidc: token endpoint: %w", ErrNoEndpoint)
	}
	now := p.opts.Now()
	return p.sign(c, method == AuthSecretJWT, "JWT", map[string]any{
		"iss": c.ID, "sub": c.ID, "aud": audience, "jti": id,
		"iat": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
}

// sign makes a JWT of claims as a client, with its secret or with a private
// key.
func (p *Provider) sign(c Client, bySecret bool, typ string, claims map[string]any) (string, error) {
	symmetric := strings.HasPrefix(c.SigningAlg, "HS")
	if bySecret {
		alg := jose.HS256
		if symmetric {
			alg = jose.SignatureAlgorithm(c.SigningAlg)
		}
		if c.Secret.Empty() {
			return "", fmt.Errorf("oidc: %w: %s without a client secret", ErrClientKey, alg)
		}
		// go-jose refuses a secret shorter than the hash (RFC 7518 §3.2).
		return signJWT(jose.SigningKey{Algorithm: alg, Key: []byte(c.Secret.Reveal())}, &jose.SignerOptions{}, typ, claims)
	}
	alg := c.SigningAlg
	if symmetric {
		alg = ""
	}
	key := c.Key
	switch {
	case key != nil && alg == "":
		alg = key.fallback()
	case alg == "":
		alg = string(jose.RS256)
	}
	if key == nil {
		if p.opts.OwnKeys == nil {
			return "", fmt.Errorf("oidc: %w: no private key", ErrClientKey)
		}
		var err error
		if key, err = p.opts.OwnKeys.key(alg); err != nil {
			return "", err
		}
	}
	return key.sign(alg, typ, claims)
}

// unique is a fresh identifier: 128 random bits.
func (p *Provider) unique() (string, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(p.opts.Rand, raw); err != nil {
		return "", fmt.Errorf("oidc: random bytes: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}
