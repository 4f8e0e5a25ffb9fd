package oidc

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"sallyport/internal/secret"
)

// AuthMethod is how a client authenticates itself at the token endpoint
// (OpenID Connect Core 1.0 §9). Empty means: choose.
type AuthMethod string

// The methods that are carried out here.
const (
	AuthBasic AuthMethod = "client_secret_basic"
	AuthPost  AuthMethod = "client_secret_post"
	AuthNone  AuthMethod = "none"
)

// Client is an OAuth client.
type Client struct {
	ID     string
	Secret secret.String
	// AuthMethod is the client's own method, TokenAuthMethod the one that is
	// configured for the token endpoint and wins over it. Both may be empty.
	AuthMethod, TokenAuthMethod AuthMethod
}

// tokenAuthMethod chooses: the endpoint's method, else the client's, else one
// that the document lists and the credentials allow, else
// client_secret_basic. A client without a secret is a public one.
func (c Client) tokenAuthMethod(md *Metadata) (AuthMethod, error) {
	for _, explicit := range []AuthMethod{c.TokenAuthMethod, c.AuthMethod} {
		switch explicit {
		case "":
			continue
		case AuthNone:
			return explicit, nil
		case AuthBasic, AuthPost:
			if c.Secret.Empty() {
				return "", fmt.Errorf("oidc: %w: %s without a client secret", ErrAuthMethod, explicit)
			}
			return explicit, nil
		default:
			return "", fmt.Errorf("oidc: %w: %s is not supported", ErrAuthMethod, quoted(string(explicit)))
		}
	}
	listed := md.TokenEndpointAuthMethods
	switch {
	case c.Secret.Empty():
		return AuthNone, nil
	case len(listed) == 0, slices.Contains(listed, string(AuthBasic)):
		return AuthBasic, nil
	case slices.Contains(listed, string(AuthPost)):
		return AuthPost, nil
	}
	return "", fmt.Errorf("oidc: %w: the provider lists neither %s nor %s", ErrAuthMethod, AuthBasic, AuthPost)
}

// authenticate adds the client's credentials to a request. With Basic both
// parts are form-encoded first (RFC 6749 §2.3.1).
func (c Client) authenticate(method AuthMethod, header http.Header, form url.Values) {
	switch method {
	case AuthBasic:
		r := http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	case AuthPost:
		form.Set("client_id", c.ID)
		form.Set("client_secret", c.Secret.Reveal())
	case AuthNone:
		form.Set("client_id", c.ID)
	}
}
