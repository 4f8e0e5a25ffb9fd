package config

import (
	"slices"

	"sallyport/internal/schema"
)

// HeaderConfig says which headers carry what. An empty Name sends nothing.
type HeaderConfig struct {
	// Upstream are headers of the request that goes upstream, Downstream those
	// of the response.
	Upstream, Downstream TokenHeaders
	// SessionID is set on the request that goes upstream, DownstreamSessionID
	// on the response.
	SessionID, DownstreamSessionID TokenHeader
	// HideCredentials keeps what authenticated a request from the upstream.
	HideCredentials bool
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

func (c *ClaimHeader) fields(carrier string) []*schema.Field {
	return []*schema.Field{
		schema.Text("header", &c.Name, headerName).Required().
			Doc("Name of the header set on the " + carrier + "."),
		schema.Strings("path", &c.Path).Required().LenMin(1).
			Doc("Claim path, outermost first, whose value fills the mapped header on the " + carrier + "."),
	}
}

func (g *HeaderConfig) compile() {
	g.Upstream.compile()
	g.Downstream.compile()
}

// Claims are the claims that headers of either direction carry.
func (g *HeaderConfig) Claims() []ClaimHeader {
	return slices.Concat(g.Upstream.Claims, g.Downstream.Claims)
}

// Wants tells whether a header of either direction carries what pick chooses.
func (g *HeaderConfig) Wants(pick func(*TokenHeaders) TokenHeader) bool {
	return pick(&g.Upstream).Name != "" || pick(&g.Downstream).Name != ""
}

func (g *HeaderConfig) fields() []*schema.Field {
	const up, down = "request sent upstream", "response sent to the client"
	return slices.Concat(
		g.Upstream.fields("upstream", up, "authorization:bearer"),
		g.Downstream.fields("downstream", down),
		[]*schema.Field{
			schema.Text("upstream_session_id_header", &g.SessionID, tokenHeader).
				Doc("Header of the request sent upstream receiving the session id."),
			schema.Text("downstream_session_id_header", &g.DownstreamSessionID, tokenHeader).
				Doc("Header of the response sent to the client receiving the session id."),
			schema.Bool("hide_credentials", &g.HideCredentials, true).
				Doc("Keeps the credentials that authenticated a request, session cookies included, from the upstream."),
		},
	)
}
