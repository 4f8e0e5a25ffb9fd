package oidc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sallyport/internal/secret"
)

// ErrSignedResponse says that a signed authorization response broke a rule. The
// error is a *Violation that wraps one of the rules of ID tokens: their names say
// the same here.
var ErrSignedResponse = errors.New("signed authorization response refused")

const clauseJARM = "JARM 2.4"

// SignedResponse is an authorization response in a JWT (JWT Secured
// Authorization Response Mode for OAuth 2.0). Nothing in it counts before
// VerifySignedResponse.
type SignedResponse struct {
	token *jws
}

// ParseSignedResponse takes a response parameter apart. It verifies nothing.
func ParseSignedResponse(raw secret.String) (*SignedResponse, error) {
	t, err := parseJWS(raw)
	if err != nil {
		return nil, asResponse(err)
	}
	return &SignedResponse{token: t}, nil
}

// Parameter is a parameter of the response, and whether it is there as a text.
func (r *SignedResponse) Parameter(name string) (string, bool) {
	v, _ := r.token.claims.Lookup(name)
	text, ok := v.(string)
	return text, ok
}

// SignedResponseCheck says what a signed authorization response must prove.
type SignedResponseCheck struct {
	// ClientID must be in aud.
	ClientID string
	// Leeway is added to exp.
	Leeway time.Duration
	// EnableHS permits HS256, HS384 and HS512 under ClientSecret.
	EnableHS     bool
	ClientSecret secret.String
}

// VerifySignedResponse holds a signed response to its rules (JARM §2.4): iss is
// the provider, aud the client, exp lies ahead, and the signature is by one of
// the provider's keys, with an algorithm that it announces. Errors: a *Violation of
// ErrSignedResponse, and those of Metadata where document or keys cannot be had.
func (p *Provider) VerifySignedResponse(ctx context.Context, r *SignedResponse, check SignedResponseCheck) error {
	md, err := p.Metadata(ctx)
	if err != nil {
		return err
	}
	t, now := r.token, p.opts.Now()
	expected := []string{md.Issuer}
	if len(p.opts.IssuersAllowed) > 0 {
		expected = p.opts.IssuersAllowed
	}
	iss := t.claims.Issuer()
	if iss == "" || !tokenIssuer(iss, t.claims.str("tid"), expected) {
		return refuseResponse(ErrIssuer, quoted(strings.Join(expected, " ")), quoted(iss))
	}
	aud := t.claims.Audience()
	if check.ClientID == "" || !slices.Contains(aud, check.ClientID) {
		return refuseResponse(ErrAudience, quoted(check.ClientID), quoted(strings.Join(aud, " ")))
	}
	exp, there := t.claims.Time("exp")
	if !there || !now.Before(exp.Add(check.Leeway)) {
		found := "none"
		if there {
			found = instant(exp)
		}
		return refuseResponse(ErrExpired, "after "+instant(now), found)
	}
	if !pinnedAlgorithm(t.algorithm, nil, md.ResponseSigningAlgs, check.EnableHS) {
		return refuseResponse(ErrAlgorithm, "an agreed algorithm", string(t.algorithm.name))
	}
	if t.algorithm.family != familyHMAC {
		return asResponse(p.keys.verify(ctx, t))
	}
	if check.ClientSecret.Empty() || !t.signedWith([]byte(check.ClientSecret.Reveal())) {
		return refuseResponse(ErrSignature, "", "")
	}
	return nil
}

func refuseResponse(rule error, expected, found string) error {
	return &Violation{Rule: rule, Clause: clauseJARM, Expected: expected, Found: found, class: ErrSignedResponse}
}

// asResponse makes a violation of a rule for all tokens one of a response.
func asResponse(err error) error {
	v, ok := errors.AsType[*Violation](err)
	if !ok {
		return err
	}
	of := *v
	of.class, of.Clause = ErrSignedResponse, clauseJARM
	return &of
}
