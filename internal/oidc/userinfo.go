package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"sallyport/internal/secret"
)

// errSubject is the rule of UserInfo.
var errSubject = errors.New("sub differs from the id token's")

// UserInfoRequest asks for claims about the user of an access token (OpenID
// Connect Core 1.0 §5.3).
type UserInfoRequest struct {
	AccessToken secret.String
	// Subject is the sub of the verified ID token, which the answer must name.
	Subject string
	// AnySubject takes an answer about whomever: the token itself is the
	// credential, and nothing else says whose it is. Subject, where it is set,
	// must be named all the same.
	AnySubject bool
	// Accept is the media type that is asked for; empty means JSON.
	Accept string
	// Query and Header are added to the request.
	Query  url.Values
	Header http.Header
	// Check holds an answer that comes as a JWT.
	Check AnswerCheck
}

// UserInfo fetches claims. An answer about another subject is refused with a
// *Violation of ErrUserInfoSubject (§5.3.2). Other errors: ErrUserInfo,
// ErrNoEndpoint, and those of Metadata.
func (p *Provider) UserInfo(ctx context.Context, q UserInfoRequest) (*Claims, error) {
	md, err := p.Metadata(ctx)
	if err != nil {
		return nil, err
	}
	if md.UserInfoEndpoint == "" {
		return nil, fmt.Errorf("oidc: user info endpoint: %w", ErrNoEndpoint)
	}
	target, err := withQuery(md.UserInfoEndpoint, q.Query)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrUserInfo, err)
	}
	header := q.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Authorization", "Bearer "+q.AccessToken.Reveal())
	if q.Accept != "" {
		header.Set("Accept", q.Accept)
	}
	a, err := p.http.get(ctx, EndpointUserInfo, target, header)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrUserInfo, err)
	}
	claims, err := p.userInfoClaims(ctx, a, q.Check)
	if err != nil {
		return nil, err
	}
	switch sub := claims.Subject(); {
	case sub == "", q.Subject != sub && (q.Subject != "" || !q.AnySubject):
		return nil, &Violation{
			Rule: errSubject, Clause: "OpenID Connect Core 5.3.2", class: ErrUserInfoSubject,
			Expected: quoted(q.Subject), Found: quoted(claims.Subject()),
		}
	}
	return claims, nil
}

// userInfoClaims reads an answer in the form of JSON or of a JWT.
func (p *Provider) userInfoClaims(ctx context.Context, a *answer, check AnswerCheck) (*Claims, error) {
	if jwtAnswer(a.header.Get("Content-Type")) {
		claims, raw, err := p.openAnswer(ctx, string(a.body), "jwt", check)
		if err != nil {
			return nil, fmt.Errorf("oidc: %w: %w", ErrUserInfo, err)
		}
		return &Claims{raw: claims.raw, members: claims.members, signed: raw}, nil
	}
	object, err := a.object()
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrUserInfo, err)
	}
	return &Claims{raw: a.body, members: object}, nil
}

// Refused reports whether err is the endpoint's word that the access token does
// not count (RFC 6750 §3.1).
func Refused(err error) bool {
	var status *statusError
	return errors.As(err, &status) && (status.status == http.StatusUnauthorized || status.status == http.StatusForbidden)
}
