package oidc

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Metadata is what is known about a provider: its document, with configured
// endpoints in place of its own. It is shared and must not be changed.
type Metadata struct {
	// Issuer is the document's issuer, exactly as written there.
	Issuer string

	// The endpoints: absolute http or https URLs, empty where unknown.
	AuthorizationEndpoint, TokenEndpoint, UserInfoEndpoint, JWKSURI, EndSessionEndpoint string
	// PAREndpoint is the pushed authorization request endpoint (RFC 9126 §5),
	// RevocationEndpoint that of RFC 7009.
	PAREndpoint, RevocationEndpoint string
	// MutualTLS holds the endpoints for clients that authenticate themselves by
	// mutual TLS (mtls_endpoint_aliases, RFC 8705 §5); where one is empty the
	// ordinary one serves.
	MutualTLS MutualTLSEndpoints
	// IntrospectionEndpoint is that of RFC 7662, empty where unknown.
	IntrospectionEndpoint string

	// TokenEndpointAuthMethods is token_endpoint_auth_methods_supported.
	TokenEndpointAuthMethods []string
	// IDTokenSigningAlgs is id_token_signing_alg_values_supported.
	IDTokenSigningAlgs []string
	// CodeChallengeMethods is code_challenge_methods_supported.
	CodeChallengeMethods []string
	// ResponseSigningAlgs is authorization_signing_alg_values_supported (JARM §4).
	ResponseSigningAlgs []string
	// ResponseIssuer is authorization_response_iss_parameter_supported.
	ResponseIssuer bool
	// RequirePAR is require_pushed_authorization_requests, RequireRequestObject
	// is require_signed_request_object (RFC 9101 §10.5).
	RequirePAR, RequireRequestObject bool

	// Document holds all members; nil where there was no discovery.
	Document *Claims
	// FetchedAt is when the document came; zero where there was no discovery.
	FetchedAt time.Time
}

// Endpoints are configured endpoints; each one that is set wins over the
// document.
type Endpoints struct {
	Authorization, Token, UserInfo, EndSession, JWKS string
	Introspection                                    string
	// PAR is the pushed authorization request endpoint.
	PAR, Revocation string
	// MutualTLS are used in place of the ordinary ones by clients that
	// authenticate themselves by mutual TLS.
	MutualTLS MutualTLSEndpoints
}

// MutualTLSEndpoints are endpoints at which a client shows its certificate.
type MutualTLSEndpoints struct {
	Token, PAR, Introspection, Revocation string
}

// check refuses endpoints that are no absolute http or https URLs.
func (e Endpoints) check() error {
	for _, x := range []struct{ name, url string }{
		{"authorization", e.Authorization},
		{"token", e.Token},
		{"user info", e.UserInfo},
		{"end session", e.EndSession},
		{"jwks", e.JWKS},
		{"pushed authorization request", e.PAR},
		{"revocation", e.Revocation},
		{"mutual TLS token", e.MutualTLS.Token},
		{"mutual TLS pushed authorization request", e.MutualTLS.PAR},
		{"mutual TLS introspection", e.MutualTLS.Introspection},
		{"mutual TLS revocation", e.MutualTLS.Revocation},
		{"introspection", e.Introspection},
	} {
		if x.url == "" {
			continue
		}
		if _, err := absoluteURL(x.url); err != nil {
			return fmt.Errorf("oidc: %s endpoint: %w", x.name, err)
		}
	}
	return nil
}

// complete reports whether a login can be carried out without a document.
func (e Endpoints) complete() bool { return e.Authorization != "" && e.Token != "" && e.JWKS != "" }

// configuredMetadata is all that is known without a document.
func configuredMetadata(issuer string, e Endpoints) *Metadata {
	md := &Metadata{Issuer: issuer}
	e.override(md)
	return md
}

func (e Endpoints) override(md *Metadata) {
	for _, x := range []struct {
		to   *string
		from string
	}{
		{&md.AuthorizationEndpoint, e.Authorization},
		{&md.TokenEndpoint, e.Token},
		{&md.UserInfoEndpoint, e.UserInfo},
		{&md.EndSessionEndpoint, e.EndSession},
		{&md.JWKSURI, e.JWKS},
		{&md.PAREndpoint, e.PAR},
		{&md.RevocationEndpoint, e.Revocation},
		{&md.MutualTLS.Token, e.MutualTLS.Token},
		{&md.MutualTLS.PAR, e.MutualTLS.PAR},
		{&md.MutualTLS.Introspection, e.MutualTLS.Introspection},
		{&md.MutualTLS.Revocation, e.MutualTLS.Revocation},
		{&md.IntrospectionEndpoint, e.Introspection},
	} {
		if x.from != "" {
			*x.to = x.from
		}
	}
}

// parseMetadata reads a discovery document (OpenID Connect Discovery 1.0 §3,
// RFC 8414 §2). from is where it was fetched: a document that came by https
// may not send secrets and keys over http. Endpoints that the configuration
// replaces are not looked at.
func parseMetadata(raw []byte, object map[string]any, from string, e Endpoints) (*Metadata, error) {
	md := &Metadata{Document: &Claims{raw: raw, members: object}}
	var err error
	if md.Issuer, err = textMember(object, "issuer"); err != nil {
		return nil, err
	}
	if md.Issuer == "" {
		return nil, fmt.Errorf("document names no issuer")
	}
	if err := md.readEndpoints(object, strings.HasPrefix(from, "https:"), e); err != nil {
		return nil, err
	}
	for _, x := range []struct {
		member string
		to     *[]string
	}{
		{"token_endpoint_auth_methods_supported", &md.TokenEndpointAuthMethods},
		{"id_token_signing_alg_values_supported", &md.IDTokenSigningAlgs},
		{"code_challenge_methods_supported", &md.CodeChallengeMethods},
		{"authorization_signing_alg_values_supported", &md.ResponseSigningAlgs},
	} {
		if *x.to, err = textsMember(object, x.member); err != nil {
			return nil, err
		}
	}
	for _, x := range []struct {
		member string
		to     *bool
	}{
		{"authorization_response_iss_parameter_supported", &md.ResponseIssuer},
		{"require_pushed_authorization_requests", &md.RequirePAR},
		{"require_signed_request_object", &md.RequireRequestObject},
	} {
		if *x.to, err = flagMember(object, x.member); err != nil {
			return nil, err
		}
	}
	return md, nil
}

// readEndpoints reads the endpoints that are not configured. secure says that
// the document came by https.
func (md *Metadata) readEndpoints(object map[string]any, secure bool, e Endpoints) (err error) {
	aliases, ok := object["mtls_endpoint_aliases"].(map[string]any)
	if !ok && object["mtls_endpoint_aliases"] != nil {
		return fmt.Errorf("member mtls_endpoint_aliases is not an object")
	}
	for _, x := range []struct {
		of                 map[string]any
		member, configured string
		to                 *string
		backChannel        bool
	}{
		{object, "authorization_endpoint", e.Authorization, &md.AuthorizationEndpoint, false},
		{object, "token_endpoint", e.Token, &md.TokenEndpoint, true},
		{object, "userinfo_endpoint", e.UserInfo, &md.UserInfoEndpoint, true},
		{object, "jwks_uri", e.JWKS, &md.JWKSURI, true},
		{object, "end_session_endpoint", e.EndSession, &md.EndSessionEndpoint, false},
		{object, "pushed_authorization_request_endpoint", e.PAR, &md.PAREndpoint, true},
		{object, "introspection_endpoint", e.Introspection, &md.IntrospectionEndpoint, true},
		{object, "revocation_endpoint", e.Revocation, &md.RevocationEndpoint, true},
		{aliases, "token_endpoint", e.MutualTLS.Token, &md.MutualTLS.Token, true},
		{aliases, "pushed_authorization_request_endpoint", e.MutualTLS.PAR, &md.MutualTLS.PAR, true},
		{aliases, "introspection_endpoint", e.MutualTLS.Introspection, &md.MutualTLS.Introspection, true},
		{aliases, "revocation_endpoint", e.MutualTLS.Revocation, &md.MutualTLS.Revocation, true},
	} {
		if x.configured != "" {
			*x.to = x.configured
			continue
		}
		if *x.to, err = endpointMember(x.of, x.member, secure && x.backChannel); err != nil {
			return err
		}
	}
	return nil
}

func endpointMember(object map[string]any, member string, httpsOnly bool) (string, error) {
	text, err := textMember(object, member)
	if err != nil || text == "" {
		return "", err
	}
	u, err := absoluteURL(text)
	if err != nil {
		return "", fmt.Errorf("member %s: %w", member, err)
	}
	if httpsOnly && u.Scheme != "https" {
		return "", fmt.Errorf("member %s is an http url in a document that came by https", member)
	}
	return text, nil
}

// withQuery appends parameters to an endpoint and keeps its own query (RFC
// 6749 §3.1), less what the parameters name themselves: a parameter must not
// come twice.
func withQuery(endpoint string, parameters url.Values) (string, error) {
	u, err := absoluteURL(endpoint)
	if err != nil {
		return "", err
	}
	var kept []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); pair == "" || err != nil || parameters.Has(decoded) {
			continue
		}
		kept = append(kept, pair)
	}
	if len(parameters) > 0 {
		kept = append(kept, parameters.Encode())
	}
	u.RawQuery, u.ForceQuery = strings.Join(kept, "&"), false
	return u.String(), nil
}
