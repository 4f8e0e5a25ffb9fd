package oidc

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// requestObjectLifetime is how long a request object is good for. The user
	// agent carries it to the provider at once.
	requestObjectLifetime = 5 * time.Minute
	// typeRequestObject is the typ of a request object (RFC 9101 §4).
	typeRequestObject = "oauth-authz-req+jwt"
)

// requestObject signs the parameters of an authorization request (RFC 9101 §4):
// with the secret where the client signs its assertions so, with its private
// key otherwise.
func (p *Provider) requestObject(c Client, md *Metadata, q url.Values) (string, error) {
	id, err := p.unique()
	if err != nil {
		return "", err
	}
	now := p.opts.Now()
	claims := map[string]any{}
	for name, values := range q {
		if len(values) == 1 {
			claims[name] = values[0]
			continue
		}
		claims[name] = values
	}
	if seconds, err := strconv.ParseInt(q.Get("max_age"), 10, 64); err == nil {
		claims["max_age"] = seconds // a number there (OpenID Connect Core 1.0 §6.1)
	}
	claims["iss"], claims["aud"], claims["jti"] = c.ID, md.Issuer, id
	claims["iat"], claims["nbf"], claims["exp"] = now.Unix(), now.Unix(), now.Add(requestObjectLifetime).Unix()
	delete(claims, "sub") // RFC 9101 §10.8: it must not pass for a client assertion
	return p.sign(c, c.signsBySecret(), typeRequestObject, claims)
}

// signsBySecret reports whether the client's signatures are HMACs.
func (c Client) signsBySecret() bool {
	if c.SigningAlg != "" {
		return strings.HasPrefix(c.SigningAlg, "HS")
	}
	return c.AuthMethod == AuthSecretJWT || c.TokenAuthMethod == AuthSecretJWT
}

// besideRequestObject is what stands beside a request object: client_id, and
// where the user agent carries it, what OpenID Connect Core 1.0 §6.1 wants
// repeated for providers that are no more than OAuth servers.
func (a AuthorizationRequest) besideRequestObject(q url.Values, object string) url.Values {
	out := url.Values{"client_id": {a.ClientID}, "request": {object}}
	if a.Push {
		return out
	}
	for _, name := range []string{"response_type", "scope"} {
		if q.Has(name) {
			out[name] = q[name]
		}
	}
	return out
}
