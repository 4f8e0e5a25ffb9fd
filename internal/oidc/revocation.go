package oidc

import (
	"context"
	"fmt"
	"net/url"

	"sallyport/internal/secret"
)

// Revocation asks the provider to forget a token (RFC 7009 §2.1).
type Revocation struct {
	Token secret.String
	// Hint is token_type_hint: access_token or refresh_token.
	Hint string
	// Parameter is the name of the field that carries the token; empty means
	// token.
	Parameter string
}

// Revoke revokes a token; it makes one attempt. A token that the provider does
// not know is no error (§2.2). Errors: *OAuthError, ErrRevocation,
// ErrNoEndpoint, ErrAuthMethod, and those of Metadata.
func (p *Provider) Revoke(ctx context.Context, c Client, r Revocation) error {
	md, err := p.Metadata(ctx)
	if err != nil {
		return err
	}
	name := r.Parameter
	if name == "" {
		name = "token"
	}
	form := url.Values{"token_type_hint": {r.Hint}}
	form.Set(name, r.Token.Reveal())
	a, sent, err := p.authenticated(ctx, c, md, clientCall{to: EndpointRevocation, form: form, failed: ErrRevocation})
	if err != nil {
		return err
	}
	if a.ok() { // §2.2: its body says nothing
		return nil
	}
	if len(r.Token.Reveal()) >= minRedacted {
		sent = append(sent, r.Token.Reveal(), url.QueryEscape(r.Token.Reveal()))
	}
	if object, err := a.object(); err == nil {
		if oauth := oauthError(object, a.status, sent); oauth != nil {
			return oauth
		}
	}
	return fmt.Errorf("oidc: %w: %w", ErrRevocation, &statusError{status: a.status})
}
