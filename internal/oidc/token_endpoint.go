package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sallyport/internal/secret"
)

// CodeGrant redeems an authorization code (RFC 6749 §4.1.3).
type CodeGrant struct {
	Code secret.String
	// RedirectURI must equal the one of the authorization request.
	RedirectURI string
	// Verifier is the PKCE code verifier; empty where no challenge was sent.
	Verifier secret.String
}

// RefreshGrant uses a refresh token (RFC 6749 §6).
type RefreshGrant struct {
	Token secret.String
	// Scopes, when set, must not exceed what was granted.
	Scopes []string
}

// Extra are additional fields and headers of a token request. They replace
// neither what the grant consists of nor the client's authentication.
type Extra struct {
	Args   url.Values
	Header http.Header
}

// Redeem exchanges a code for tokens; it makes one attempt. Errors: *OAuthError,
// ErrTokenEndpoint, ErrNoEndpoint, ErrAuthMethod, ErrClientKey, and those of
// Metadata.
func (p *Provider) Redeem(ctx context.Context, c Client, g CodeGrant, extra Extra) (*TokenResponse, error) {
	form := url.Values{
		"grant_type":   {"authorization_code"},
		"code":         {g.Code.Reveal()},
		"redirect_uri": {g.RedirectURI},
	}
	if !g.Verifier.Empty() {
		form.Set("code_verifier", g.Verifier.Reveal())
	}
	return p.requestToken(ctx, c, form, extra)
}

// Refresh exchanges a refresh token for new tokens; it makes one attempt. A
// response without a refresh token leaves the old one in force. Errors as
// those of Redeem.
func (p *Provider) Refresh(ctx context.Context, c Client, g RefreshGrant, extra Extra) (*TokenResponse, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.Token.Reveal()}}
	if len(g.Scopes) > 0 {
		form.Set("scope", strings.Join(g.Scopes, " "))
	}
	return p.requestToken(ctx, c, form, extra)
}

// protectedTokenParameter names what no extra field may add or replace.
func protectedTokenParameter(name string) bool {
	switch name {
	case "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "username", "password",
		"client_id", "client_secret", "client_assertion", "client_assertion_type",
		"subject_token", "subject_token_type", "actor_token", "actor_token_type":
		return true
	}
	return false
}

func (p *Provider) requestToken(ctx context.Context, c Client, form url.Values, extra Extra) (*TokenResponse, error) {
	md, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	asked := p.opts.Now()
	a, sent, err := p.authenticated(ctx, c, md, clientCall{to: EndpointToken, form: form, extra: extra, failed: ErrTokenEndpoint})
	if err != nil {
		return nil, err
	}
	t, err := readTokenAnswer(a, sent)
	if err != nil {
		return nil, err
	}
	t.AskedAt = asked
	return t, nil
}

// readTokenAnswer reads the tokens of an answer, or its error.
func readTokenAnswer(a *answer, sent []string) (*TokenResponse, error) {
	object, err := readOAuthAnswer(a, sent, ErrTokenEndpoint)
	if err != nil {
		return nil, err
	}
	t, err := parseTokenResponse(object, a)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrTokenEndpoint, err)
	}
	return t, nil
}

// speaksOAuth reports whether the body of an answer with this status is worth
// reading.
func speaksOAuth(status int) bool {
	return (status >= 200 && status <= 299) || (status >= 400 && status <= 499)
}

// readOAuthAnswer tells a success, an OAuth error and anything else apart. An
// OAuth error counts with 2xx and with 4xx. A server error is none, whatever
// its body says: it must not end anybody's session. failed is the class of the
// errors.
func readOAuthAnswer(a *answer, sent []string, failed error) (map[string]any, error) {
	if !speaksOAuth(a.status) {
		return nil, fmt.Errorf("oidc: %w: %w", failed, &statusError{status: a.status})
	}
	object, err := a.object()
	if err != nil {
		if !a.ok() {
			err = &statusError{status: a.status}
		}
		return nil, fmt.Errorf("oidc: %w: %w", failed, err)
	}
	if oauth := oauthError(object, a.status, sent); oauth != nil {
		return nil, oauth
	}
	if !a.ok() {
		return nil, fmt.Errorf("oidc: %w: %w", failed, &statusError{status: a.status})
	}
	return object, nil
}

// oauthError reads an error response (RFC 6749 §5.2); nil where there is none.
func oauthError(object map[string]any, status int, sent []string) *OAuthError {
	code, ok := object["error"].(string)
	if !ok || code == "" {
		return nil
	}
	description, _ := object["error_description"].(string)
	for _, s := range sent {
		code = strings.ReplaceAll(code, s, "…")
		description = strings.ReplaceAll(description, s, "…")
	}
	return NewOAuthError(code, description, status)
}

// minRedacted is the length from which a value is taken out of an error's text:
// shorter ones would cut words.
const minRedacted = 6

// sentSecrets are the values of a request that must not come back in the
// text of an error, even where the provider quotes them.
func sentSecrets(c Client, form url.Values) []string {
	var out []string
	for _, s := range []string{
		c.Secret.Reveal(), form.Get("code"), form.Get("code_verifier"), form.Get("refresh_token"), form.Get("client_assertion"),
		form.Get("password"), form.Get("subject_token"),
	} {
		if len(s) >= minRedacted {
			out = append(out, s, url.QueryEscape(s))
		}
	}
	return out
}
