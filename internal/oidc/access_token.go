package oidc

import (
	"context"
	"errors"
	"strings"
	"time"

	"sallyport/internal/secret"
)

// AccessTokenCheck says what a JWT access token must prove (RFC 9068 §4, RFC
// 7519 §4.1). The zero value of each setting is the strict one. Who it is for
// is the caller's rule: an access token names resources, not clients.
type AccessTokenCheck struct {
	// Leeway is added on either side of every comparison of times.
	Leeway time.Duration
	// Algorithms, when set, are the only ones; else every asymmetric one.
	Algorithms []string
	// EnableHS permits HS256, HS384 and HS512 under ClientSecret.
	EnableHS     bool
	ClientSecret secret.String
	// SkipSignature leaves the signature unverified; none is refused
	// nevertheless.
	SkipSignature bool
	// SkipClaims leaves exp, nbf and iat unchecked, and iss too unless the
	// provider has IssuersAllowed.
	SkipClaims bool
}

// AccessToken is a verified JWT access token. It is immutable.
type AccessToken struct {
	*Claims
	// Generation is that of the keys that verified it; 0 where none of the
	// provider's keys did. See Provider.KeysHold.
	Generation uint64

	key *signingKey
}

// JWK is the public key that verified the token, as JSON; nil where the
// signature was not verified by a key of the provider.
func (t *AccessToken) JWK() []byte { return t.key.jwk() }

// logoutEvent marks a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// IsJWT reports whether token is a compact JWS: three parts whose first is a
// JSON object that names an algorithm. A JWE and everything else is opaque.
func IsJWT(token secret.String) bool {
	text := token.Reveal()
	if !compactShape(text) {
		return false
	}
	head, _, _ := strings.Cut(text, ".")
	if len(head) > maxHeaderPart {
		return false
	}
	header, err := decodePart(head)
	if err != nil {
		return false
	}
	_, ok := header["alg"].(string)
	return ok
}

// maxHeaderPart bounds the encoded header of a token that is to be told from an
// opaque one.
const maxHeaderPart = 16 << 10

// VerifyAccessToken verifies a JWT access token. It returns a token or an error,
// never both. Errors: a *Violation of ErrAccessToken, and those of Metadata
// where the document or the keys cannot be had.
func (p *Provider) VerifyAccessToken(ctx context.Context, raw secret.String, check AccessTokenCheck) (*AccessToken, error) {
	v, err := p.verification(ctx, raw, IDTokenCheck{
		Leeway: check.Leeway, Algorithms: check.Algorithms, EnableHS: check.EnableHS, ClientSecret: check.ClientSecret,
		SkipSignature: check.SkipSignature, SkipClaims: check.SkipClaims,
	})
	if err == nil {
		err = v.run(ctx, v.accessTokenType, v.issuer, v.anyPinned, v.signature, v.expiry, v.notBefore, v.issuedInThePast)
	}
	if err != nil {
		return nil, reclassified(err, ErrAccessToken)
	}
	return &AccessToken{Claims: v.claims, Generation: v.jws.generation, key: v.jws.key}, nil
}

// run applies rules in order.
func (v *idTokenVerification) run(ctx context.Context, rules ...func(context.Context) error) error {
	for _, rule := range rules {
		if err := rule(ctx); err != nil {
			return err
		}
	}
	return nil
}

// accessTokenType: JWT, at+jwt, or nothing (RFC 9068 §2.1). Tokens that are made
// for something else are refused: by their header, by what Keycloak calls them
// in the payload, and logout tokens by their events (RFC 8725 §3.11).
func (v *idTokenVerification) accessTokenType(context.Context) error {
	typ := strings.TrimPrefix(strings.ToLower(v.jws.typ), "application/")
	if typ != "" && typ != "jwt" && typ != "at+jwt" {
		return refuse(ErrType, "RFC 9068 4", "JWT or at+jwt", quoted(v.jws.typ))
	}
	switch kind := v.claims.str("typ"); kind {
	case "ID", "Refresh", "Offline", "Logout":
		return refuse(ErrType, "RFC 8725 3.11", "an access token", quoted(kind))
	}
	if _, logout := v.claims.Lookup("events", logoutEvent); logout {
		return refuse(ErrType, "RFC 8725 3.11", "an access token", "events")
	}
	return nil
}

// anyPinned is pinned without what the document announces, which speaks of ID
// tokens alone.
func (v *idTokenVerification) anyPinned(context.Context) error {
	if !v.SkipSignature && !pinnedAlgorithm(v.jws.algorithm, v.Algorithms, nil, v.EnableHS) {
		return refuse(ErrAlgorithm, "RFC 8725 3.1", "an agreed algorithm", string(v.jws.algorithm.name))
	}
	return nil
}

// issuedInThePast: iat, where present, is not in the future.
func (v *idTokenVerification) issuedInThePast(ctx context.Context) error {
	if _, present := v.claims.Lookup("iat"); !present {
		return nil
	}
	return v.issuedAt(ctx)
}

// reclassified makes the violation of a rule one of another class, so that its
// text names the token that broke it.
func reclassified(err, class error) error {
	var v *Violation
	if !errors.As(err, &v) {
		return err
	}
	other := *v
	other.class = class
	if clause, ok := strings.CutPrefix(other.Clause, "OpenID Connect Core 3.1.3"); ok && clause != "" {
		other.Clause = "RFC 7519 7.2"
	}
	return &other
}
