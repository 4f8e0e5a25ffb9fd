package config

import "sallyport/internal/schema"

// HeaderConfig says which headers carry what. An empty Name sends nothing.
type HeaderConfig struct {
	// The headers of the request that goes upstream.
	AccessToken, IDToken, RefreshToken TokenHeader
	UserInfo, SessionID                TokenHeader
	// Claims are the headers that carry a claim, upstream_headers and its
	// deprecated form together.
	Claims []ClaimHeader
	// DownstreamSessionID is set on the response.
	DownstreamSessionID TokenHeader
	// HideCredentials keeps the session cookie from the upstream.
	HideCredentials bool

	claimNames, claimHeaders []string
}

// TokenHeader is a header that carries a token or a document.
type TokenHeader struct {
	// Name is in canonical form; empty means that there is no such header.
	Name string
	// Bearer puts "Bearer " in front of the value.
	Bearer bool
}

// ClaimHeader is a header that carries a claim.
type ClaimHeader struct {
	// Name is in canonical form.
	Name string
	// Path leads to the claim, outermost first.
	Path []string
}

func (c *ClaimHeader) fields() []*schema.Field {
	return []*schema.Field{
		schema.Text("header", &c.Name, headerName).Required().
			Doc("Name of the header set on the request sent upstream."),
		schema.Strings("path", &c.Path).Required().LenMin(1).
			Doc("Claim path, outermost first, whose value fills the mapped header on the request sent upstream."),
	}
}

func (g *HeaderConfig) compile() {
	for i, name := range g.claimHeaders {
		canonical, err := headerName(name)
		if err == nil && canonical != "" && i < len(g.claimNames) && g.claimNames[i] != "" {
			g.Claims = append(g.Claims, ClaimHeader{Name: canonical, Path: []string{g.claimNames[i]}})
		}
	}
}

func (g *HeaderConfig) fields() []*schema.Field {
	return append([]*schema.Field{
		schema.Text("upstream_access_token_header", &g.AccessToken, tokenHeader, "authorization:bearer").
			Doc("Header of the request sent upstream receiving the access token; name:bearer form adds a Bearer prefix."),
		schema.Text("upstream_id_token_header", &g.IDToken, tokenHeader).
			Doc("Header of the request sent upstream receiving the raw id token."),
		schema.Text("upstream_refresh_token_header", &g.RefreshToken, tokenHeader).
			Doc("Header of the request sent upstream receiving the refresh token."),
		schema.Text("upstream_user_info_header", &g.UserInfo, tokenHeader).
			Doc("Header of the request sent upstream receiving the user info document, JSON then base64 encoded."),
		schema.Text("upstream_session_id_header", &g.SessionID, tokenHeader).
			Doc("Header of the request sent upstream receiving the session id."),
		schema.Records("upstream_headers", &g.Claims, (*ClaimHeader).fields).
			Doc("Claim-to-header mappings for the request sent upstream, each with a header name and a claim path."),
		schema.Strings("upstream_headers_claims", &g.claimNames).Deprecated("upstream_headers").
			Doc("Top-level claim names copied to headers of the request sent upstream, paired by index with upstream_headers_names."),
		schema.Strings("upstream_headers_names", &g.claimHeaders).Deprecated("upstream_headers").CheckEach(headerNamed).
			Doc("Header names of the request sent upstream for upstream_headers_claims, paired by index."),
		schema.Text("downstream_session_id_header", &g.DownstreamSessionID, tokenHeader).
			Doc("Header of the response sent to the client receiving the session id."),
		schema.Bool("hide_credentials", &g.HideCredentials, true).
			Doc("Keeps the credentials that authenticated a request, here the session cookies, from the upstream."),
		schema.String("upstream_access_token_jwk_header", nil).
			Unsupported(noKeyHeaders).
			Doc("Header of the request sent upstream receiving the JWK that verified the access token."),
		schema.String("upstream_id_token_jwk_header", nil).
			Unsupported(noKeyHeaders).
			Doc("Header of the request sent upstream receiving the JWK that verified the id token."),
		schema.String("upstream_introspection_header", nil).
			Unsupported(noIntrospection).
			Doc("Header of the request sent upstream receiving the introspection result, JSON then base64 encoded."),
		schema.String("upstream_introspection_jwt_header", nil).
			Unsupported(noIntrospection).
			Doc("Header of the request sent upstream receiving the introspection response when it is a JWT."),
		schema.String("upstream_user_info_jwt_header", nil).
			Unsupported(noUserInfoJWT).
			Doc("Header of the request sent upstream receiving the user info response when it is a JWT."),
	}, downstreamFields()...)
}

// downstreamFields are the headers of the response, which carry nothing yet.
func downstreamFields() []*schema.Field {
	return []*schema.Field{
		schema.String("downstream_access_token_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the access token; name:bearer form adds a Bearer prefix."),
		schema.String("downstream_access_token_jwk_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the JWK that verified the access token."),
		schema.String("downstream_id_token_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the raw id token."),
		schema.String("downstream_id_token_jwk_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the JWK that verified the id token."),
		schema.String("downstream_refresh_token_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the refresh token."),
		schema.String("downstream_introspection_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the introspection result, JSON then base64 encoded."),
		schema.String("downstream_introspection_jwt_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the introspection response when it is a JWT."),
		schema.String("downstream_user_info_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the user info document, JSON then base64 encoded."),
		schema.String("downstream_user_info_jwt_header", nil).
			Unsupported(noDownstream).
			Doc("Header of the response sent to the client receiving the user info response when it is a JWT."),
		schema.Array("downstream_headers", schema.RecordOf("",
			schema.String("header", nil).Required().
				Doc("Name of the header set on the response sent to the client."),
			schema.Strings("path", nil).Required().LenMin(1).
				Doc("Claim path, outermost first, whose value fills the mapped header on the response sent to the client."),
		)).Unsupported(noDownstream).
			Doc("Claim-to-header mappings for the response sent to the client, each with a header name and a claim path."),
		schema.Strings("downstream_headers_claims", nil).Deprecated("downstream_headers").
			Unsupported(noDownstream).
			Doc("Top-level claim names copied to headers of the response sent to the client, paired by index with downstream_headers_names."),
		schema.Strings("downstream_headers_names", nil).Deprecated("downstream_headers").
			Unsupported(noDownstream).
			Doc("Header names of the response sent to the client for downstream_headers_claims, paired by index."),
	}
}
