package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// maxRequestURI bounds the request_uri of a pushed authorization request.
const maxRequestURI = 2048

// Location is where the user agent is sent with an authorization request. In
// the simple case that is the request itself (OpenID Connect Core 1.0
// §3.1.2.1). With RequestObject its parameters are signed (RFC 9101), with Push
// they are handed over beforehand (RFC 9126), and the user agent carries the
// reference alone. Errors: *OAuthError, ErrPushedRequest, ErrNoEndpoint,
// ErrAuthMethod.
func (p *Provider) Location(ctx context.Context, c Client, md *Metadata, a AuthorizationRequest) (string, error) {
	if md.AuthorizationEndpoint == "" {
		return "", fmt.Errorf("oidc: authorization endpoint: %w", ErrNoEndpoint)
	}
	if a.plain(md.AuthorizationEndpoint) {
		return a.plainURL(md.AuthorizationEndpoint), nil
	}
	q := a.parameters()
	if a.RequestObject {
		object, err := p.requestObject(c, md, q)
		if err != nil {
			return "", err
		}
		q = a.besideRequestObject(q, object)
	}
	if a.Push {
		reference, err := p.push(ctx, c, md, q)
		if err != nil {
			return "", err
		}
		q = url.Values{"client_id": {a.ClientID}, "request_uri": {reference}}
	}
	return withQuery(md.AuthorizationEndpoint, q)
}

// push hands an authorization request to the provider and returns the reference
// to it (RFC 9126 §2).
func (p *Provider) push(ctx context.Context, c Client, md *Metadata, q url.Values) (string, error) {
	a, sent, err := p.authenticated(ctx, c, md, clientCall{to: EndpointPAR, form: q, failed: ErrPushedRequest})
	if err != nil {
		return "", err
	}
	object, err := readOAuthAnswer(a, sent, ErrPushedRequest)
	if err != nil {
		return "", err
	}
	reference, err := textMember(object, "request_uri")
	if err == nil && !usableReference(reference) {
		err = errors.New("no usable request_uri")
	}
	if err != nil {
		return "", fmt.Errorf("oidc: %w: %w", ErrPushedRequest, err)
	}
	return reference, nil
}

// usableReference accepts a request_uri: an absolute URI of printable
// characters within its bound.
func usableReference(reference string) bool {
	if reference == "" || len(reference) > maxRequestURI || strings.ContainsFunc(reference, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	u, err := url.Parse(reference)
	return err == nil && u.IsAbs()
}
