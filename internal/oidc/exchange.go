package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sallyport/internal/secret"
)

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	// The token types of an access token (RFC 8693 §3).
	tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a name
	tokenTypeJWT    = "urn:ietf:params:oauth:token-type:jwt"          //nolint:gosec // a name
)

// ExchangeGrant exchanges an access token for another one (RFC 8693 §2.1).
type ExchangeGrant struct {
	// SubjectToken is an access token, of whatever issuer the provider accepts.
	SubjectToken secret.String
	// Scopes and Audience are asked for; none sends none.
	Scopes, Audience []string
}

// Exchange exchanges an access token for one of this provider; it makes one
// attempt. The answer must say that it is an access token to be used as a bearer
// token (§2.2.1). Its token is not verified. Errors as those of Redeem.
func (p *Provider) Exchange(ctx context.Context, c Client, g ExchangeGrant, extra Extra) (*TokenResponse, error) {
	form := url.Values{
		"grant_type": {grantExchange}, "subject_token": {g.SubjectToken.Reveal()}, "subject_token_type": {tokenTypeAccess},
	}
	setScopes(form, g.Scopes)
	if len(g.Audience) > 0 {
		form["audience"] = g.Audience
	}
	t, err := p.requestToken(ctx, c, form, extra)
	switch {
	case err != nil:
		return nil, err
	case t.IssuedTokenType != tokenTypeAccess && t.IssuedTokenType != tokenTypeJWT:
		return nil, fmt.Errorf("oidc: %w: issued_token_type %s is no access token", ErrTokenEndpoint, quoted(t.IssuedTokenType))
	case !t.typed:
		return nil, fmt.Errorf("oidc: %w: no token_type", ErrTokenEndpoint)
	}
	return t, nil
}

// maxExchanged bounds a token that goes into a header.
const maxExchanged = 32 << 10

// ExchangeAt exchanges an access token by the protocol of Kong's
// token_exchange_endpoint: a POST with the token as a bearer token, and the other
// one, in compact form, as the body of the 200. It makes one attempt. Errors are
// ErrExchangeEndpoint; Refused tells those by which the endpoint refuses the
// token.
func (p *Provider) ExchangeAt(ctx context.Context, endpoint string, token secret.String) (secret.String, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, http.NoBody)
	if err != nil {
		return secret.String{}, fmt.Errorf("oidc: %w: malformed url", ErrExchangeEndpoint)
	}
	r.Header.Set("Authorization", "Bearer "+token.Reveal())
	a, err := p.http.do(ctx, EndpointExchange, r, func(status int) bool { return status == http.StatusOK })
	if err != nil {
		return secret.String{}, fmt.Errorf("oidc: %w: %w", ErrExchangeEndpoint, err)
	}
	if a.status != http.StatusOK {
		return secret.String{}, fmt.Errorf("oidc: %w: %w", ErrExchangeEndpoint, &statusError{status: a.status})
	}
	text := strings.TrimSpace(string(a.body))
	if len(text) > maxExchanged || !compactForm(text) {
		return secret.String{}, fmt.Errorf("oidc: %w: the answer is no token in compact form", ErrExchangeEndpoint)
	}
	return secret.New(text), nil
}

// compactForm reports whether text has the shape of a compact JWS or JWE: three
// or five parts of base64url (RFC 7515 §7.1, RFC 7516 §7.1).
func compactForm(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 && len(parts) != 5 {
		return false
	}
	for i, part := range parts {
		if part == "" && (len(parts) != 5 || i != 1) { // the encrypted key may be empty
			return false
		}
		if strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return false
		}
	}
	return true
}
