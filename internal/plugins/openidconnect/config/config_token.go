package config

import (
	"net/http"
	"net/url"

	"sallyport/internal/schema"
)

// TokenConfig shapes requests to the token endpoint.
type TokenConfig struct {
	// Header and Arguments are fixed additions to every request.
	Header    http.Header
	Arguments url.Values
	// ClientHeaders and ClientArguments name what is taken over from the request
	// that causes one; the fixed ones win.
	ClientHeaders, ClientArguments []string

	headerNames, headerValues, argNames, argValues []string
}

func (g *TokenConfig) compile() {
	g.Header = pairHeader(g.headerNames, g.headerValues)
	g.Arguments = pairValues(g.argNames, g.argValues)
}

func (g *TokenConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Strings("token_headers_names", &g.headerNames).CheckEach(requestHeaderName).
			Doc("Names of fixed extra request headers for the token endpoint, paired by index with their values."),
		schema.Strings("token_headers_values", &g.headerValues).CheckEach(headerValue).
			Doc("Values of fixed extra request headers for the token endpoint, paired by index with their names."),
		schema.Strings("token_post_args_names", &g.argNames).CheckEach(tokenArgument).
			Doc("Names of fixed extra form fields for the token endpoint, paired by index with their values."),
		schema.Strings("token_post_args_values", &g.argValues).
			Doc("Values of fixed extra form fields for the token endpoint, paired by index with their names."),
		schema.Strings("token_headers_client", &g.ClientHeaders).CheckEach(passedHeaderName).
			Doc("Client request headers forwarded to the token endpoint."),
		schema.Strings("token_post_args_client", &g.ClientArguments).CheckEach(passedTokenArgument).
			Doc("Argument names copied from the client's query, body or headers into token endpoint form fields."),
		schema.Strings("token_headers_replay", nil).
			Unsupported(noReplay).
			Doc("Token endpoint response headers copied onto the response to the client."),
		schema.Strings("token_headers_grants", nil).OneOf("authorization_code", "client_credentials", "password", "refresh_token").
			Unsupported(noReplay).
			Doc("Limits header replay to these grants."),
		schema.String("token_headers_prefix", nil).
			Unsupported(noReplay).
			Doc("Prefix added to replayed token endpoint response header names."),
	}
}
