package oidc

import (
	"fmt"
	"net/url"

	"sallyport/internal/secret"
)

// EndSession is a logout request to the provider (OpenID Connect RP-Initiated
// Logout 1.0 §2). Empty fields send no parameter.
type EndSession struct {
	IDTokenHint                            secret.String
	ClientID, PostLogoutRedirectURI, State string
}

// EndSessionURL is the address the user agent is sent to for a logout at the
// provider, the endpoint's own query kept. It contains the ID token where
// there is a hint, and must not be logged. The error is ErrNoEndpoint.
func EndSessionURL(md *Metadata, e EndSession) (string, error) {
	if md.EndSessionEndpoint == "" {
		return "", fmt.Errorf("oidc: end session endpoint: %w", ErrNoEndpoint)
	}
	q := url.Values{}
	for _, x := range []struct{ name, value string }{
		{"id_token_hint", e.IDTokenHint.Reveal()},
		{"client_id", e.ClientID},
		{"post_logout_redirect_uri", e.PostLogoutRedirectURI},
		{"state", e.State},
	} {
		if x.value != "" {
			q.Set(x.name, x.value)
		}
	}
	return withQuery(md.EndSessionEndpoint, q)
}
