package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"sallyport/internal/secret"
)

const (
	clauseAlgorithm = "OpenID Connect Core 3.1.3.7 item 7"
	clauseNonce     = "OpenID Connect Core 3.1.3.7 item 11"
	maxSubject      = 255
)

// tokenType refuses a JWT that says it is something else (RFC 8725 §3.11): an
// access token (at+jwt) or a logout token (logout+jwt) is no ID token.
func (v *idTokenVerification) tokenType(context.Context) error {
	typ := strings.ToLower(v.jws.typ)
	if strings.HasSuffix(typ, "+jwt") {
		return refuse(ErrType, "RFC 8725 3.11", "JWT", quoted(v.jws.typ))
	}
	return nil
}

// issuer: iss is exactly what the provider's document says, or one of the
// allowed ones.
func (v *idTokenVerification) issuer(context.Context) error {
	if v.SkipClaims && !v.issuersAllowed {
		return nil
	}
	iss := v.claims.Issuer()
	if iss == "" || !tokenIssuer(iss, v.claims.str("tid"), v.issuers) {
		return refuse(ErrIssuer, "OpenID Connect Core 3.1.3.7 item 2", quoted(strings.Join(v.issuers, " ")), quoted(iss))
	}
	return nil
}

// audience: aud contains the client.
func (v *idTokenVerification) audience(context.Context) error {
	if v.SkipClaims {
		return nil
	}
	aud := v.claims.Audience()
	if v.ClientID == "" || !slices.Contains(aud, v.ClientID) {
		return refuse(ErrAudience, "OpenID Connect Core 3.1.3.7 item 3", quoted(v.ClientID), quoted(strings.Join(aud, " ")))
	}
	return nil
}

// authorizedParty: azp, where present, is the client; with several audiences
// it must be present.
func (v *idTokenVerification) authorizedParty(context.Context) error {
	if v.SkipClaims {
		return nil
	}
	azp, present := v.claims.Lookup("azp")
	if !present && len(v.claims.Audience()) <= 1 {
		return nil
	}
	if text, _ := azp.(string); text != v.ClientID {
		return refuse(ErrAuthorized, "OpenID Connect Core 3.1.3.7 item 5", quoted(v.ClientID), quoted(text))
	}
	return nil
}

// pinned: the algorithm is one that was agreed on, whatever key there is.
func (v *idTokenVerification) pinned(context.Context) error {
	if v.SkipSignature {
		return nil
	}
	if !pinnedAlgorithm(v.jws.algorithm, v.Algorithms, v.metadata.IDTokenSigningAlgs, v.EnableHS) {
		return refuse(ErrAlgorithm, clauseAlgorithm, "an agreed algorithm", string(v.jws.algorithm.name))
	}
	return nil
}

// signature: by the client secret for HMAC, by the provider's keys otherwise.
func (v *idTokenVerification) signature(ctx context.Context) error {
	if v.SkipSignature {
		return nil
	}
	if v.jws.algorithm.family != familyHMAC {
		return v.verifyKeys(ctx, v.jws)
	}
	if v.ClientSecret.Empty() || !v.jws.signedWith([]byte(v.ClientSecret.Reveal())) {
		return refuse(ErrSignature, "OpenID Connect Core 3.1.3.7 item 8", "", "")
	}
	return nil
}

// expiry: exp is present and lies ahead; a token that expires now is expired
// (RFC 7519 §4.1.4).
func (v *idTokenVerification) expiry(context.Context) error {
	if v.SkipClaims {
		return nil
	}
	exp, present, err := v.date("exp")
	if err != nil || !present || !v.now.Before(exp.Add(v.Leeway)) {
		return refuse(ErrExpired, "OpenID Connect Core 3.1.3.7 item 9", "after "+instant(v.now), foundDate(exp, present, err))
	}
	return nil
}

// notBefore: nbf, where present, is not in the future (RFC 7519 §4.1.5).
func (v *idTokenVerification) notBefore(context.Context) error {
	if v.SkipClaims {
		return nil
	}
	nbf, present, err := v.date("nbf")
	if err != nil || present && v.now.Add(v.Leeway).Before(nbf) {
		return refuse(ErrNotBefore, "RFC 7519 4.1.5", "no later than "+instant(v.now), foundDate(nbf, present, err))
	}
	return nil
}

// issuedAt: iat is present and not in the future.
func (v *idTokenVerification) issuedAt(context.Context) error {
	if v.SkipClaims {
		return nil
	}
	iat, present, err := v.date("iat")
	if err != nil || !present || v.now.Add(v.Leeway).Before(iat) {
		return refuse(ErrIssuedAt, "OpenID Connect Core 3.1.3.7 item 10", "no later than "+instant(v.now), foundDate(iat, present, err))
	}
	return nil
}

// nonce: exactly the one that was sent; one that nobody asked for is refused
// too. A refreshed token may lack it (§12.2).
func (v *idTokenVerification) nonce(context.Context) error {
	if v.SkipNonce {
		return nil
	}
	claim, present := v.claims.Lookup("nonce")
	text, isText := claim.(string)
	expected := v.Nonce
	if v.Previous != nil {
		if !present || v.Previous.Nonce.Empty() {
			return nil
		}
		expected = v.Previous.Nonce
	}
	switch {
	case !present && expected.Empty():
		return nil
	case !present:
		return refuse(ErrNonce, clauseNonce, "the login's nonce", "none")
	case !isText, expected.Empty(), !secret.New(text).Equal(expected):
		return refuse(ErrNonce, clauseNonce, "the login's nonce", "another")
	}
	return nil
}

// authTime: with a maximum age, the user logged in within it. A malformed
// auth_time is refused in any case.
func (v *idTokenVerification) authTime(context.Context) error {
	if v.SkipClaims {
		return nil
	}
	at, present, err := v.date("auth_time")
	if err == nil && v.MaxAge == nil {
		return nil
	}
	if err == nil && present && !v.now.After(at.Add(*v.MaxAge+v.Leeway)) && !v.now.Add(v.Leeway).Before(at) {
		return nil
	}
	return refuse(ErrAuthTime, "OpenID Connect Core 3.1.3.7 item 13", "within the maximum age", foundDate(at, present, err))
}

// subject: sub is present, a string of at most 255 bytes (§2).
func (v *idTokenVerification) subject(context.Context) error {
	if sub := v.claims.Subject(); sub == "" || len(sub) > maxSubject {
		return refuse(ErrSubject, "OpenID Connect Core 2", "1 to 255 characters", "")
	}
	return nil
}

// accessTokenHash: at_hash, where present, is that of the access token.
func (v *idTokenVerification) accessTokenHash(context.Context) error {
	return v.halfHash("at_hash", v.AccessToken, ErrAtHash, "OpenID Connect Core 3.1.3.8")
}

// codeHash: c_hash, where present, is that of the code.
func (v *idTokenVerification) codeHash(context.Context) error {
	return v.halfHash("c_hash", v.Code, ErrCHash, "OpenID Connect Core 3.3.2.10")
}

// halfHash compares the left half of a hash, by the hash of the signature's
// algorithm (§3.1.3.6). A claim that is there and has nothing beside it to be
// compared with proves nothing and is let pass.
func (v *idTokenVerification) halfHash(name string, value secret.String, rule error, clause string) error {
	claim, present := v.claims.members[name]
	if !present || value.Empty() {
		return nil
	}
	h := v.jws.algorithm.hash()
	h.Write([]byte(value.Reveal()))
	sum := h.Sum(nil)
	expected := base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	text, _ := claim.(string)
	if subtle.ConstantTimeCompare([]byte(strings.TrimRight(text, "=")), []byte(expected)) != 1 {
		return refuse(rule, clause, "", "")
	}
	return nil
}

// sameIssuer: a refreshed token is from the issuer of the login (§12.2).
func (v *idTokenVerification) sameIssuer(context.Context) error {
	if v.Previous != nil && v.claims.Issuer() != v.Previous.Issuer {
		return refuse(ErrIssuer, "OpenID Connect Core 12.2", quoted(v.Previous.Issuer), quoted(v.claims.Issuer()))
	}
	return nil
}

// sameSubject: a refreshed token is about the user of the login (§12.2).
func (v *idTokenVerification) sameSubject(context.Context) error {
	if v.Previous != nil && v.claims.Subject() != v.Previous.Subject {
		return refuse(ErrSubject, "OpenID Connect Core 12.2", "the subject of the login", "another subject")
	}
	return nil
}

// date reads a claim as a NumericDate; null counts as absent.
func (v *idTokenVerification) date(name string) (t time.Time, present bool, err error) {
	claim, present := v.claims.Lookup(name)
	if !present {
		return t, false, nil
	}
	t, err = numericDate(claim)
	return t, true, err
}

func foundDate(t time.Time, present bool, err error) string {
	switch {
	case !present:
		return "none"
	case err != nil:
		return "no date"
	}
	return instant(t)
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }
