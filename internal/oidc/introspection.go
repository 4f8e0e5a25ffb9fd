package oidc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"

	"sallyport/internal/secret"
)

// The media types of introspection answers (RFC 7662 §2.2, RFC 9701 §4).
const (
	typeJSON             = "application/json"
	typIntrospection     = "token-introspection+jwt"
	introspectionMember  = "token_introspection"
	defaultIntrospection = "token"
)

// IntrospectionRequest asks what a token is worth (RFC 7662 §2.1).
type IntrospectionRequest struct {
	Token secret.String
	// TokenParameter is the field that carries it; empty means token.
	TokenParameter string
	// Hint is token_type_hint; empty sends none.
	Hint string
	// Accept is the media type that is asked for; empty means JSON.
	Accept string
	// Extra are further fields and headers. An Authorization among them takes
	// the place of the client's authentication.
	Extra Extra
	// Check holds an answer that comes as a JWT.
	Check AnswerCheck
}

// Introspection is what the endpoint said of a token. It is immutable.
type Introspection struct {
	*Claims
	// Active is the member active: exactly true.
	Active bool
	// JWT is the signed answer; empty for one in JSON.
	JWT secret.String
}

// Introspect asks the introspection endpoint about a token. Errors:
// ErrIntrospection, a *Violation of ErrSignedAnswer, ErrNoEndpoint,
// ErrAuthMethod, and those of Metadata.
func (p *Provider) Introspect(ctx context.Context, c Client, q IntrospectionRequest) (*Introspection, error) {
	md, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	a, _, err := p.authenticated(ctx, c, md, q.call())
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, fmt.Errorf("oidc: %w: %w", ErrIntrospection, &statusError{status: a.status})
	}
	if jwtAnswer(a.header.Get("Content-Type")) {
		return p.signedIntrospection(ctx, string(a.body), q.Check)
	}
	object, err := a.object()
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrIntrospection, err)
	}
	return introspection(&Claims{raw: a.body, members: object}, secret.String{})
}

// call is the request for it. No extra field replaces the token and its hint.
func (q *IntrospectionRequest) call() clientCall {
	parameter := q.TokenParameter
	if parameter == "" {
		parameter = defaultIntrospection
	}
	form := url.Values{}
	form.Set(parameter, q.Token.Reveal())
	if q.Hint != "" {
		form.Set("token_type_hint", q.Hint)
	}
	extra := Extra{Args: maps.Clone(q.Extra.Args), Header: q.Extra.Header}
	for name := range form {
		delete(extra.Args, name)
	}
	return clientCall{
		to: EndpointIntrospection, form: form, extra: extra, accept: q.Accept, authorized: true, failed: ErrIntrospection,
	}
}

// signedIntrospection opens an answer in the form of a JWT (RFC 9701 §5): the
// claims about the token are a member of their own. Servers that do not know
// that RFC put them beside the answer's own claims.
func (p *Provider) signedIntrospection(ctx context.Context, text string, check AnswerCheck) (*Introspection, error) {
	claims, raw, err := p.openAnswer(ctx, text, typIntrospection, check)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrIntrospection, err)
	}
	if inner, ok := claims.members[introspectionMember].(map[string]any); ok {
		claims, err = claimsOf(inner)
		if err != nil {
			return nil, fmt.Errorf("oidc: %w: %w", ErrIntrospection, err)
		}
	}
	return introspection(claims, raw)
}

var errActive = errors.New("no member active")

// introspection reads the one member that is required (RFC 7662 §2.2).
func introspection(claims *Claims, raw secret.String) (*Introspection, error) {
	active, ok := claims.members["active"].(bool)
	if !ok && claims.members["active"] != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrIntrospection, errActive)
	}
	return &Introspection{Claims: claims, Active: active, JWT: raw}, nil
}

// RestoreIntrospection makes the answer again of what was kept of one that was
// verified: its Raw claims and its JWT.
func RestoreIntrospection(raw []byte, signed secret.String) (*Introspection, error) {
	claims, err := ParseClaims(raw)
	if err != nil {
		return nil, err
	}
	return introspection(claims, signed)
}

// IssuerOf checks iss of an introspection or of claims that came with a token:
// absent, or one that tokens of this provider may have.
func (p *Provider) IssuerOf(md *Metadata, claims *Claims) bool {
	iss := claims.Issuer()
	expected := []string{md.Issuer}
	if len(p.opts.IssuersAllowed) > 0 {
		expected = p.opts.IssuersAllowed
	}
	return iss == "" || tokenIssuer(iss, claims.str("tid"), expected)
}
