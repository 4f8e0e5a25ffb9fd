package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

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
	// AuthMethod, when set, wins over the client's own method.
	AuthMethod AuthMethod
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
	if md.IntrospectionEndpoint == "" {
		return nil, fmt.Errorf("oidc: introspection endpoint: %w", ErrNoEndpoint)
	}
	r, err := p.introspectionCall(ctx, md, c, q)
	if err != nil {
		return nil, err
	}
	a, err := p.http.do(ctx, EndpointIntrospection, r, func(status int) bool { return status >= 200 && status <= 299 })
	if err == nil && !a.ok() {
		err = &statusError{status: a.status}
	}
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrIntrospection, err)
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

func (p *Provider) introspectionCall(ctx context.Context, md *Metadata, c Client, q IntrospectionRequest) (*http.Request, error) {
	parameter := q.TokenParameter
	if parameter == "" {
		parameter = defaultIntrospection
	}
	form, header := url.Values{}, http.Header{}
	for name, values := range q.Extra.Args {
		if name != parameter && !protectedTokenParameter(name) {
			form[name] = values
		}
	}
	if q.Hint != "" {
		form.Set("token_type_hint", q.Hint)
	}
	form.Set(parameter, q.Token.Reveal())
	for name, values := range q.Extra.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	if header.Get("Authorization") == "" {
		if q.AuthMethod != "" {
			c.AuthMethod = q.AuthMethod
		}
		method, err := p.authMethod(c, md, EndpointIntrospection)
		if err != nil {
			return nil, err
		}
		if err := p.authenticate(c, method, md, header, form); err != nil {
			return nil, err
		}
	}
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	if header.Set("Accept", q.Accept); q.Accept == "" {
		header.Set("Accept", typeJSON)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, md.IntrospectionEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: malformed url", ErrIntrospection)
	}
	r.Header = header
	return r, nil
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
