package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sallyport/internal/secret"
)

// AuthMethod is how a client authenticates itself to the provider (OpenID
// Connect Core 1.0 §9, RFC 8705 §2). Empty means: choose.
type AuthMethod string

// The methods by their registered names.
const (
	AuthBasic         AuthMethod = "client_secret_basic"
	AuthPost          AuthMethod = "client_secret_post"
	AuthSecretJWT     AuthMethod = "client_secret_jwt"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt"
	AuthTLS           AuthMethod = "tls_client_auth"
	AuthSelfSignedTLS AuthMethod = "self_signed_tls_client_auth"
	AuthNone          AuthMethod = "none"
)

// MutualTLS reports whether the client shows a certificate.
func (m AuthMethod) MutualTLS() bool { return m == AuthTLS || m == AuthSelfSignedTLS }

// Client is an OAuth client.
type Client struct {
	ID     string
	Secret secret.String
	// AuthMethod is the client's own method. The others are configured for one
	// endpoint each and win over it. All may be empty.
	AuthMethod                                           AuthMethod
	TokenAuthMethod, PARAuthMethod, RevocationAuthMethod AuthMethod
	IntrospectionAuthMethod                              AuthMethod
	// SigningAlg is the JWS algorithm of assertions and request objects; empty
	// means HS256 with the secret, and with a key the one that it is for, else
	// RS256.
	SigningAlg string
	// Key is the client's private key to sign with. Without one Options.OwnKeys
	// serve.
	Key *PrivateKey
	// IssuerAudience names the issuer as the audience of assertions, in place
	// of the token endpoint.
	IssuerAudience bool
	// Foreign marks a client that is not ours: it authenticates itself by Secret
	// or Assertion alone. No key of ours and no certificate speaks for it.
	Foreign bool
	// Assertion is a client assertion that a foreign client made (RFC 7523
	// §2.2); it names its client.
	Assertion secret.String
}

// authMethod chooses the method for an endpoint: the one configured for it,
// else the client's, else one that the document lists for the token endpoint
// and the credentials allow, else client_secret_basic. A client without
// credentials is a public one.
func (p *Provider) authMethod(c Client, md *Metadata, to Endpoint) (AuthMethod, error) {
	if m := c.explicitMethod(to); m != "" {
		return m, p.canUse(c, m)
	}
	listed := md.TokenEndpointAuthMethods
	offers := func(m AuthMethod) bool { return slices.Contains(listed, string(m)) }
	if len(listed) == 0 && !c.Secret.Empty() {
		return AuthBasic, nil
	}
	for _, m := range []AuthMethod{AuthBasic, AuthPost, AuthSecretJWT} {
		if !c.Secret.Empty() && offers(m) {
			return m, p.canUse(c, m)
		}
	}
	switch {
	case c.Key != nil && offers(AuthPrivateKeyJWT):
		return AuthPrivateKeyJWT, nil
	case p.shows(c) && offers(AuthTLS):
		return AuthTLS, nil
	case p.shows(c) && offers(AuthSelfSignedTLS):
		return AuthSelfSignedTLS, nil
	case c.Secret.Empty():
		return AuthNone, nil
	}
	return "", fmt.Errorf("oidc: %w: the provider lists none for which there are credentials", ErrAuthMethod)
}

// explicitMethod is the method configured for an endpoint, else the client's.
// An assertion that a foreign client brings leaves no choice.
func (c *Client) explicitMethod(to Endpoint) AuthMethod {
	if !c.Assertion.Empty() {
		return AuthPrivateKeyJWT
	}
	forEndpoint := map[Endpoint]AuthMethod{
		EndpointToken: c.TokenAuthMethod, EndpointPAR: c.PARAuthMethod, EndpointRevocation: c.RevocationAuthMethod,
		EndpointIntrospection: c.IntrospectionAuthMethod,
	}[to]
	if forEndpoint != "" {
		return forEndpoint
	}
	return c.AuthMethod
}

// shows reports whether a client has a certificate to show.
func (p *Provider) shows(c Client) bool { return p.mutual != nil && !c.Foreign }

// canUse reports whether the credentials for a configured method are there.
func (p *Provider) canUse(c Client, m AuthMethod) error {
	lacks := ""
	switch m {
	case AuthNone:
	case AuthBasic, AuthPost, AuthSecretJWT:
		if c.Secret.Empty() {
			lacks = "a client secret"
		}
	case AuthPrivateKeyJWT:
		if c.Key == nil && c.Assertion.Empty() && (p.opts.OwnKeys == nil || c.Foreign) {
			lacks = "a private key"
		}
	case AuthTLS, AuthSelfSignedTLS:
		if !p.shows(c) {
			lacks = "a client certificate"
		}
	default:
		return fmt.Errorf("oidc: %w: %s is not supported", ErrAuthMethod, quoted(string(m)))
	}
	if lacks != "" {
		return fmt.Errorf("oidc: %w: %s without %s", ErrAuthMethod, m, lacks)
	}
	return nil
}

// assertionType is the client_assertion_type of RFC 7523 §2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate adds the client's credentials to a request; those of mutual TLS
// are the connection's. With Basic both parts are form-encoded first (RFC 6749
// §2.3.1). An assertion names the client: client_id is not added to it.
func (p *Provider) authenticate(c Client, method AuthMethod, md *Metadata, header http.Header, form url.Values) error {
	switch method {
	case AuthBasic:
		r := http.Request{Header: header}
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
		return nil
	case AuthPost:
		form.Set("client_secret", c.Secret.Reveal())
	case AuthSecretJWT, AuthPrivateKeyJWT:
		assertion := c.Assertion.Reveal()
		if assertion == "" {
			var err error
			if assertion, err = p.assertion(c, method, md); err != nil {
				return err
			}
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
		return nil
	case AuthTLS, AuthSelfSignedTLS, AuthNone:
	}
	form.Set("client_id", c.ID)
	return nil
}

// place is where a request of a client goes, and the connections it uses.
func (p *Provider) place(md *Metadata, to Endpoint, method AuthMethod) (string, *httpClient, error) {
	ordinary, mutual := "", ""
	switch to {
	case EndpointToken:
		ordinary, mutual = md.TokenEndpoint, md.MutualTLS.Token
	case EndpointPAR:
		ordinary, mutual = md.PAREndpoint, md.MutualTLS.PAR
	case EndpointRevocation:
		ordinary, mutual = md.RevocationEndpoint, md.MutualTLS.Revocation
	case EndpointIntrospection:
		ordinary, mutual = md.IntrospectionEndpoint, md.MutualTLS.Introspection
	case EndpointDiscovery, EndpointJWKS, EndpointUserInfo, EndpointExchange:
	}
	place, client := ordinary, p.http
	if method.MutualTLS() {
		client = p.mutual
		if mutual != "" {
			place = mutual
		}
		if place != "" && !strings.HasPrefix(place, "https:") {
			return "", nil, fmt.Errorf("oidc: %w: %s needs an https endpoint", ErrAuthMethod, method)
		}
	}
	if place == "" {
		return "", nil, fmt.Errorf("oidc: %s endpoint: %w", to, ErrNoEndpoint)
	}
	return place, client, nil
}

// clientCall is one POST as a client.
type clientCall struct {
	to    Endpoint
	form  url.Values
	extra Extra
	// accept is the media type that is asked for; empty means JSON.
	accept string
	// authorized lets an Authorization of extra take the place of the client's
	// authentication, at the ordinary endpoint.
	authorized bool
	// failed is the class of errors without an answer.
	failed error
}

// authenticated posts a form as a client; it makes one attempt. No field or
// header of extra replaces the client's credentials or what a grant consists
// of, unless the call is authorized otherwise. sent are the values that must
// not come back in the text of an error.
func (p *Provider) authenticated(ctx context.Context, c Client, md *Metadata, q clientCall) (a *answer, sent []string, err error) {
	header, form := http.Header{}, q.form
	for name, values := range q.extra.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	for name, values := range q.extra.Args {
		if !protectedTokenParameter(name) {
			form[name] = values
		}
	}
	authorized := q.authorized && header.Get("Authorization") != ""
	method := AuthNone
	if !authorized {
		header.Del("Authorization")
		if method, err = p.authMethod(c, md, q.to); err != nil {
			return nil, nil, err
		}
	}
	target, connections, err := p.place(md, q.to, method)
	if err != nil {
		return nil, nil, err
	}
	if !authorized {
		if err := p.authenticate(c, method, md, header, form); err != nil {
			return nil, nil, err
		}
	}
	sent = sentSecrets(c, form)
	if header.Set("Accept", q.accept); q.accept == "" {
		header.Set("Accept", typeJSON)
	}
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, nil, fmt.Errorf("oidc: %w: malformed url", q.failed)
	}
	r.Header = header
	if a, err = connections.do(ctx, q.to, r, speaksOAuth); err != nil {
		return nil, nil, fmt.Errorf("oidc: %w: %w", q.failed, err)
	}
	return a, sent, nil
}
