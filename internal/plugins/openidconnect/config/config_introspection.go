package config

import (
	"net/http"
	"net/url"

	"sallyport/internal/schema"
)

// IntrospectionConfig shapes token introspection (RFC 7662).
type IntrospectionConfig struct {
	// JWT introspects tokens that are JWTs as well.
	JWT bool
	// Accept is the media type that is asked for.
	Accept string
	// CheckActive demands that active is true.
	CheckActive bool
	// Hint is token_type_hint; TokenParameter the field that carries the token.
	Hint, TokenParameter string
	// Header and Arguments are fixed additions to every request.
	Header    http.Header
	Arguments url.Values
	// ClientHeaders are passed on as headers, ClientArguments as fields, and
	// ClientHeaderArguments are headers that become fields.
	ClientHeaders, ClientArguments, ClientHeaderArguments []string

	headerNames, headerValues, argNames, argValues []string
}

func (g *IntrospectionConfig) compile() {
	g.Header = pairHeader(g.headerNames, g.headerValues)
	g.Arguments = pairValues(g.argNames, g.argValues)
}

func (g *IntrospectionConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Bool("introspect_jwt_tokens", &g.JWT, false).
			Doc("Also introspects tokens that are JWTs, so revocation is noticed; normally only opaque tokens are."),
		schema.String("introspection_accept", &g.Accept, "application/json").OneOf("application/json", "application/jwt", "application/token-introspection+jwt").
			Doc("Accept header for introspection; the JWT media types request a signed (or encrypted) response."),
		schema.Bool("introspection_check_active", &g.CheckActive, true).
			Doc("Requires active to be true in the introspection response."),
		schema.String("introspection_hint", &g.Hint, "access_token").
			Doc("token_type_hint value sent with introspection requests."),
		schema.String("introspection_token_param_name", &g.TokenParameter, "token").Check(tokenArgument).
			Doc("Form field name carrying the token in introspection requests."),
		schema.Strings("introspection_headers_client", &g.ClientHeaders).CheckEach(passedHeaderName).
			Doc("Client request headers forwarded to the introspection endpoint."),
		schema.Strings("introspection_headers_names", &g.headerNames).CheckEach(requestHeaderName).
			Doc("Names of fixed extra request headers for introspection, paired by index with their values."),
		schema.Strings("introspection_headers_values", &g.headerValues).Referenceable().Encrypted().CheckEach(headerValue).
			Doc("Values of fixed extra request headers for introspection, paired by index; may override Authorization."),
		schema.Strings("introspection_post_args_client", &g.ClientArguments).CheckEach(passedTokenArgument).
			Doc("Client request arguments copied into introspection form fields."),
		schema.Strings("introspection_post_args_client_headers", &g.ClientHeaderArguments).CheckEach(passedHeaderName).
			Doc("Client request headers whose values are sent as introspection form fields."),
		schema.Strings("introspection_post_args_names", &g.argNames).CheckEach(tokenArgument).
			Doc("Names of fixed extra form fields for introspection, paired by index with their values."),
		schema.Strings("introspection_post_args_values", &g.argValues).
			Doc("Values of fixed extra form fields for introspection, paired by index with their names."),
	}
}
