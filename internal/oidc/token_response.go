package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"sallyport/internal/secret"
)

// maxExpiresIn bounds expires_in: a century.
const maxExpiresIn = 100 * 365 * 24 * time.Hour

// TokenResponse is a successful answer of the token endpoint (RFC 6749 §5.1,
// OpenID Connect Core 1.0 §3.1.3.3). Nothing in it is verified yet.
type TokenResponse struct {
	// AccessToken is never empty; the others may be.
	AccessToken, RefreshToken, IDToken secret.String
	// TokenType is Bearer.
	TokenType string
	// Scope as returned; it may be wider or narrower than what was asked for.
	Scope string
	// IssuedTokenType is issued_token_type (RFC 8693 §2.2.1); empty for the
	// answer to any other grant.
	IssuedTokenType string
	// AskedAt is when the response was asked for. Its tokens were made later.
	AskedAt time.Time
	// ExpiresIn is nil where the response says nothing. Zero and negative
	// values mean that the access token has expired already.
	ExpiresIn *time.Duration
	// Header is the response's header.
	Header http.Header
	// Body is the response as it came: JSON that holds the tokens.
	Body secret.String

	typed bool // token_type was there
}

// ExpiresAt is when the access token expires: by expires_in; else by exp of an
// access token that is a JWT; else fallback later. expires_in counts from when
// the response was generated (RFC 6749 §5.1), which nobody tells: the time of
// asking is the one bound that is surely not later.
func (t *TokenResponse) ExpiresAt(fallback time.Duration) time.Time {
	if t.ExpiresIn != nil {
		return t.AskedAt.Add(*t.ExpiresIn)
	}
	if claims, err := UnverifiedClaims(t.AccessToken); err == nil {
		if exp, ok := claims.Time("exp"); ok {
			return exp
		}
	}
	return t.AskedAt.Add(fallback)
}

// parseTokenResponse reads a 2xx answer without an error member.
func parseTokenResponse(object map[string]any, a *answer) (*TokenResponse, error) {
	t := &TokenResponse{Header: a.header, Body: secret.New(string(a.body)), TokenType: "Bearer"}
	for _, x := range []struct {
		member string
		to     *secret.String
	}{
		{"access_token", &t.AccessToken},
		{"refresh_token", &t.RefreshToken},
		{"id_token", &t.IDToken},
	} {
		text, err := textMember(object, x.member)
		if err != nil {
			return nil, err
		}
		if !tokenText(text) {
			return nil, fmt.Errorf("member %s has characters that a token cannot have", x.member)
		}
		*x.to = secret.New(text)
	}
	if t.AccessToken.Empty() {
		return nil, errors.New("no access_token")
	}
	var err error
	if t.Scope, err = textMember(object, "scope"); err != nil {
		return nil, err
	}
	// RFC 6749 §7.1: a token of an unknown type must not be used. An absent
	// type, which some providers send, is taken for Bearer.
	kind, err := textMember(object, "token_type")
	if err != nil {
		return nil, err
	}
	t.typed = kind != ""
	if t.typed && !strings.EqualFold(kind, "Bearer") {
		return nil, fmt.Errorf("token_type %s is not Bearer", quoted(kind))
	}
	if t.IssuedTokenType, err = textMember(object, "issued_token_type"); err != nil {
		return nil, err
	}
	t.ExpiresIn, err = expiresIn(object["expires_in"])
	return t, err
}

// RestoreTokenResponse reads a response that was kept: its Body, what is wanted
// of its Header, and when it was asked for.
func RestoreTokenResponse(body secret.String, header http.Header, askedAt time.Time) (*TokenResponse, error) {
	a := &answer{header: header, body: []byte(body.Reveal())}
	object, err := a.object()
	if err != nil {
		return nil, err
	}
	t, err := parseTokenResponse(object, a)
	if err != nil {
		return nil, err
	}
	t.AskedAt = askedAt
	return t, nil
}

// expiresIn reads seconds, as a number or a decimal string.
func expiresIn(v any) (*time.Duration, error) {
	if v == nil {
		return nil, nil
	}
	seconds, err := number(v)
	if err != nil || seconds > maxExpiresIn.Seconds() || seconds < -maxExpiresIn.Seconds() {
		return nil, errors.New("expires_in is not a number in range")
	}
	d := time.Duration(seconds * float64(time.Second))
	return &d, nil
}

// tokenText is printable ASCII (RFC 6749 appendix A.12): what else a token
// holds could split the header it is put into.
func tokenText(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}
