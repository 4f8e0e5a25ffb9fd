package config

import (
	"net/http"
	"slices"
	"time"

	"sallyport/internal/oidc"
	"sallyport/internal/schema"
)

// IssuerConfig says who the provider is and where its endpoints are.
type IssuerConfig struct {
	// Issuer is the issuer identifier or the URL of its discovery document. It
	// is empty when it was a reference that does not resolve.
	Issuer string
	// Pseudo means that Issuer is a mere name: there is no discovery.
	Pseudo bool
	// Endpoints are those that do not come from the discovery document; an
	// empty one does.
	Endpoints oidc.Endpoints
	// ExtraJWKS are further key sets, asked after the issuer's own.
	ExtraJWKS []string
	// DiscoveryHeader is sent when the discovery document is fetched.
	DiscoveryHeader http.Header
	// RediscoveryLifetime is the least time between two attempts; 0 means that
	// every need may fetch.
	RediscoveryLifetime time.Duration

	discoveryHeaderNames, discoveryHeaderValues []string
}

func (g *IssuerConfig) compile() {
	g.DiscoveryHeader = pairHeader(g.discoveryHeaderNames, g.discoveryHeaderValues)
	g.ExtraJWKS = slices.DeleteFunc(g.ExtraJWKS, isEmpty)
}

func (g *IssuerConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.String("issuer", &g.Issuer).Required().Referenceable().Check(issuerURL).
			Doc("Issuer identifier or full discovery-document URL; drives discovery, names the cache entry, supplies the default expected iss."),
		schema.Bool("using_pseudo_issuer", &g.Pseudo, false).
			Doc("When true, issuer is only an identifier: no discovery is attempted, so endpoints and keys must be configured explicitly."),
		schema.Strings("discovery_headers_names", &g.discoveryHeaderNames).CheckEach(requestHeaderName).
			Doc("Names of extra request headers sent when fetching discovery documents, paired by index with discovery_headers_values."),
		schema.Strings("discovery_headers_values", &g.discoveryHeaderValues).CheckEach(headerValue).
			Doc("Values for the extra discovery request headers, paired by index with discovery_headers_names."),
		schema.String("authorization_endpoint", &g.Endpoints.Authorization).Check(endpoint).
			Doc("Overrides the discovered authorization endpoint that browsers are redirected to."),
		schema.String("token_endpoint", &g.Endpoints.Token).Check(endpoint).
			Doc("Overrides the discovered token endpoint used by code, password, client-credentials, refresh and exchange grants."),
		schema.String("userinfo_endpoint", &g.Endpoints.UserInfo).Check(endpoint).
			Doc("Overrides the discovered user info endpoint."),
		schema.String("end_session_endpoint", &g.Endpoints.EndSession).Check(endpoint).
			Doc("Overrides the discovered logout endpoint; may be any custom logout URL; its presence triggers RP-initiated logout redirects."),
		schema.String("jwks_endpoint", &g.Endpoints.JWKS).Check(endpoint).
			Doc("Replaces the jwks_uri from discovery as the place where the issuer's signing keys are fetched."),
		schema.Strings("extra_jwks_uris", &g.ExtraJWKS).Referenceable().CheckEach(endpoint).
			Doc("Additional JWKS URLs whose keys are trusted after those of the discovered set."),
		schema.Seconds("rediscovery_lifetime", &g.RediscoveryLifetime, 30*time.Second).
			Doc("Seconds after a fetch of keys that brought nothing new in which an unknown key causes no other; zero means that every unknown key fetches."),
		schema.String("introspection_endpoint", &g.Endpoints.Introspection).Referenceable().Check(endpoint).
			Doc("Overrides the discovered token introspection endpoint."),
		schema.String("revocation_endpoint", &g.Endpoints.Revocation).Check(endpoint).
			Doc("Overrides the discovered token revocation endpoint used during logout."),
		schema.String("pushed_authorization_request_endpoint", &g.Endpoints.PAR).Check(endpoint).
			Doc("Overrides the discovered PAR endpoint where authorization parameters are pushed before redirecting."),
		schema.String("mtls_token_endpoint", &g.Endpoints.MutualTLS.Token).Check(secureEndpoint).
			Doc("Token endpoint used with mutual-TLS client authentication, overriding the discovered mtls_endpoint_aliases entry."),
		schema.String("mtls_introspection_endpoint", &g.Endpoints.MutualTLS.Introspection).Check(secureEndpoint).
			Doc("Introspection endpoint used with mutual-TLS client authentication, overriding the discovered mtls_endpoint_aliases entry."),
		schema.String("mtls_revocation_endpoint", &g.Endpoints.MutualTLS.Revocation).Check(secureEndpoint).
			Doc("Revocation endpoint used with mutual-TLS client authentication, overriding the discovered alias (schema text wrongly calls it introspection)."),
		schema.Bool("verify_parameters", nil, false).
			Unsupported("the discovery document is not compared with the configuration").
			Doc("Checks configured values (scopes, response types, auth methods and so on) against what the discovery document advertises; debugging aid."),
		schema.Bool("resolve_distributed_claims", nil, false).
			Unsupported("distributed claims are not fetched").
			Doc("When true, fetches claims referenced through _claim_names and _claim_sources and merges them before claim use."),
	}
}
