package config

import "sallyport/internal/schema"

// TokenHeaders are the headers in one direction that carry tokens and what
// belongs to them. An empty Name sends nothing.
type TokenHeaders struct {
	AccessToken, IDToken, RefreshToken TokenHeader
	// AccessTokenJWK and IDTokenJWK carry the key that verified the token.
	AccessTokenJWK, IDTokenJWK TokenHeader
	// Introspection and UserInfo carry the documents, the other two the JWTs in
	// whose form they came.
	Introspection, IntrospectionJWT TokenHeader
	UserInfo, UserInfoJWT           TokenHeader
	// Claims are the headers that carry a claim.
	Claims []ClaimHeader

	claimNames, claimHeaders []string
}

// Names lists the headers that are set, in no order.
func (t *TokenHeaders) Names() []string {
	var names []string
	for _, h := range []TokenHeader{
		t.AccessToken, t.IDToken, t.RefreshToken, t.AccessTokenJWK, t.IDTokenJWK,
		t.Introspection, t.IntrospectionJWT, t.UserInfo, t.UserInfoJWT,
	} {
		if h.Name != "" {
			names = append(names, h.Name)
		}
	}
	for _, c := range t.Claims {
		names = append(names, c.Name)
	}
	return names
}

// compile joins the deprecated lists to the claims.
func (t *TokenHeaders) compile() {
	for i, name := range t.claimHeaders {
		canonical, err := headerName(name)
		if err == nil && canonical != "" && i < len(t.claimNames) && t.claimNames[i] != "" {
			t.Claims = append(t.Claims, ClaimHeader{Name: canonical, Path: []string{t.claimNames[i]}})
		}
	}
}

// fields declares the headers of a direction. carrier ends the sentences: what
// the headers are on.
func (t *TokenHeaders) fields(direction, carrier string, accessToken ...string) []*schema.Field {
	header := func(name string, p *TokenHeader, what string, def ...string) *schema.Field {
		return schema.Text(direction+name, p, tokenHeader, def...).Doc("Header of the " + carrier + " receiving " + what + ".")
	}
	return []*schema.Field{
		header("_access_token_header", &t.AccessToken, "the access token; name:bearer form adds a Bearer prefix", accessToken...),
		header("_access_token_jwk_header", &t.AccessTokenJWK, "the JWK that verified the access token, base64 encoded"),
		header("_id_token_header", &t.IDToken, "the raw id token"),
		header("_id_token_jwk_header", &t.IDTokenJWK, "the JWK that verified the id token, base64 encoded"),
		header("_refresh_token_header", &t.RefreshToken, "the refresh token"),
		header("_introspection_header", &t.Introspection, "the introspection result, JSON then base64 encoded"),
		header("_introspection_jwt_header", &t.IntrospectionJWT, "the introspection response when it is a JWT"),
		header("_user_info_header", &t.UserInfo, "the user info document, JSON then base64 encoded"),
		header("_user_info_jwt_header", &t.UserInfoJWT, "the user info response when it is a JWT"),
		schema.Records(direction+"_headers", &t.Claims, func(c *ClaimHeader) []*schema.Field { return c.fields(carrier) }).
			Doc("Claim-to-header mappings for the " + carrier + ", each with a header name and a claim path."),
		schema.Strings(direction+"_headers_claims", &t.claimNames).Deprecated(direction + "_headers").
			Doc("Top-level claim names copied to headers of the " + carrier + ", paired by index with " + direction + "_headers_names."),
		schema.Strings(direction+"_headers_names", &t.claimHeaders).Deprecated(direction + "_headers").CheckEach(headerNamed).
			Doc("Header names of the " + carrier + " for " + direction + "_headers_claims, paired by index."),
	}
}
