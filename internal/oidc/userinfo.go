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
	// Query and Header are added to the request.
	Query  url.Values
	Header http.Header
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
	object, raw, err := p.http.getObject(ctx, EndpointUserInfo, target, header)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w: %w", ErrUserInfo, err)
	}
	claims := &Claims{raw: raw, members: object}
	if q.Subject == "" || claims.Subject() != q.Subject {
		return nil, &Violation{
			Rule: errSubject, Clause: "OpenID Connect Core 5.3.2", class: ErrUserInfoSubject,
			Expected: quoted(q.Subject), Found: quoted(claims.Subject()),
		}
	}
	return claims, nil
}
