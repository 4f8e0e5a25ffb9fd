package oidc

import (
	"context"
	"net/url"
	"strings"

	"sallyport/internal/secret"
)

// PasswordGrant exchanges a user's name and password for tokens (RFC 6749 §4.3).
type PasswordGrant struct {
	Username, Password secret.String
	// Scopes are asked for; none sends no scope.
	Scopes []string
}

// Password exchanges a name and a password for tokens; it makes one attempt.
// Errors as those of Redeem.
func (p *Provider) Password(ctx context.Context, c Client, g PasswordGrant, extra Extra) (*TokenResponse, error) {
	form := url.Values{
		"grant_type": {"password"}, "username": {g.Username.Reveal()}, "password": {g.Password.Reveal()},
	}
	setScopes(form, g.Scopes)
	return p.requestToken(ctx, c, form, extra)
}

// ClientCredentials exchanges a client's own credentials for an access token
// (RFC 6749 §4.4); it makes one attempt. Errors as those of Redeem.
func (p *Provider) ClientCredentials(ctx context.Context, c Client, scopes []string, extra Extra) (*TokenResponse, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	setScopes(form, scopes)
	return p.requestToken(ctx, c, form, extra)
}

func setScopes(form url.Values, scopes []string) {
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
}
