package oidc

import (
	"context"
	"errors"
	"time"

	"sallyport/internal/secret"
)

// The rules that an ID token is held to. Each error is a *Violation that wraps
// ErrIDToken and one of these.
var (
	ErrMissing    = errors.New("no id token")
	ErrMalformed  = errors.New("malformed token")
	ErrCritical   = errors.New("critical header")
	ErrType       = errors.New("token type")
	ErrIssuer     = errors.New("iss")
	ErrAudience   = errors.New("aud")
	ErrAuthorized = errors.New("azp")
	ErrAlgorithm  = errors.New("algorithm")
	ErrUnknownKey = errors.New("signing key")
	ErrSignature  = errors.New("signature")
	ErrExpired    = errors.New("exp")
	ErrNotBefore  = errors.New("nbf")
	ErrIssuedAt   = errors.New("iat")
	ErrNonce      = errors.New("nonce")
	ErrSubject    = errors.New("sub")
	ErrAuthTime   = errors.New("auth_time")
	ErrAtHash     = errors.New("at_hash")
	ErrCHash      = errors.New("c_hash")
)

// IDTokenCheck says what an ID token must prove. The zero value of each
// setting is the strict one.
type IDTokenCheck struct {
	// ClientID must be in aud.
	ClientID string
	// Nonce is what the authorization request sent; empty means that none was
	// sent, and then the token must have none. Not looked at with Previous.
	Nonce secret.String
	// AccessToken and Code came beside the token: at_hash and c_hash, where
	// present, must fit them.
	AccessToken, Code secret.String
	// Leeway is added on either side of every comparison of times.
	Leeway time.Duration
	// MaxAge, when set, demands auth_time no longer ago than that.
	MaxAge *time.Duration
	// Algorithms, when set, replaces the list that the provider announces.
	Algorithms []string
	// EnableHS permits HS256, HS384 and HS512 under ClientSecret.
	EnableHS     bool
	ClientSecret secret.String
	// Previous is set for the token of a refresh.
	Previous *PreviousIDToken

	// SkipSignature leaves the signature unverified; none is refused
	// nevertheless.
	SkipSignature bool
	// SkipClaims leaves aud, azp, exp, nbf, iat and auth_time unchecked, and
	// iss too unless the provider has IssuersAllowed.
	SkipClaims bool
	// SkipNonce leaves the nonce unchecked.
	SkipNonce bool
}

// PreviousIDToken is what a refreshed ID token must agree with (OpenID Connect
// Core 1.0 §12.2).
type PreviousIDToken struct {
	Issuer, Subject string
	// Nonce is the login's, where it is still known; a refreshed token need not
	// have one.
	Nonce secret.String
}

// IDToken is a verified ID token.
type IDToken struct {
	*Claims
	// Algorithm is the JWS algorithm of its signature.
	Algorithm string

	key *signingKey
}

// JWK is the public key that verified the token, as JSON; nil where the
// signature was not verified by a key of the provider.
func (t *IDToken) JWK() []byte { return t.key.jwk() }

// VerifyIDToken verifies an ID token (OpenID Connect Core 1.0 §3.1.3.7, §12.2).
// It returns claims or an error, never both. Errors: a *Violation of ErrIDToken,
// and those of Metadata where the document or the keys cannot be had.
func (p *Provider) VerifyIDToken(ctx context.Context, raw secret.String, check IDTokenCheck) (*IDToken, error) {
	v, err := p.verification(ctx, raw, check)
	if err != nil {
		return nil, err
	}
	if err := v.run(ctx, v.rules()...); err != nil {
		return nil, err
	}
	return &IDToken{Claims: v.claims, Algorithm: string(v.jws.algorithm.name), key: v.jws.key}, nil
}

// verification takes a token apart and prepares to verify it.
func (p *Provider) verification(ctx context.Context, raw secret.String, check IDTokenCheck) (*idTokenVerification, error) {
	t, err := parseJWS(raw)
	if err != nil {
		return nil, err
	}
	md, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	v := &idTokenVerification{IDTokenCheck: check, jws: t, claims: t.claims, now: p.opts.Now(), metadata: md}
	v.issuers, v.issuersAllowed = []string{md.Issuer}, len(p.opts.IssuersAllowed) > 0
	if v.issuersAllowed {
		v.issuers = p.opts.IssuersAllowed
	}
	v.verifyKeys = p.keys.verify
	return v, nil
}

// idTokenVerification is one verification under way.
type idTokenVerification struct {
	IDTokenCheck
	jws            *jws
	claims         *Claims
	now            time.Time
	metadata       *Metadata
	issuers        []string
	issuersAllowed bool
	verifyKeys     func(context.Context, *jws) error
}

// rules lists the rules in the order of the specification. All of them must
// hold; what needs no key comes before the signature, so that a token that is
// not meant for us causes no fetch of keys.
func (v *idTokenVerification) rules() []func(context.Context) error {
	return []func(context.Context) error{
		v.tokenType,
		v.issuer,
		v.audience,
		v.authorizedParty,
		v.pinned,
		v.signature,
		v.expiry,
		v.notBefore,
		v.issuedAt,
		v.nonce,
		v.authTime,
		v.subject,
		v.accessTokenHash,
		v.codeHash,
		v.sameIssuer,
		v.sameSubject,
	}
}

// refuse makes the violation of a rule for ID tokens.
func refuse(rule error, clause, expected, found string) error {
	return &Violation{Rule: rule, Clause: clause, Expected: expected, Found: found, class: ErrIDToken}
}
