package config

import (
	"net/http"
	"net/url"
	"slices"

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
	// Replay are headers of the answer that the user agent gets, under the
	// names beside them, after one of ReplayGrants; none means after any.
	Replay       []ReplayedHeader
	ReplayGrants []Method

	headerNames, headerValues, argNames, argValues []string
	replay                                         []string
	prefix                                         string
}

// ReplayedHeader is a header of the token endpoint and what it is called on the
// response. Both names are in canonical form.
type ReplayedHeader struct{ Name, As string }

// Replays tells whether headers are replayed after method.
func (g *TokenConfig) Replays(method Method) bool {
	return len(g.Replay) > 0 && (len(g.ReplayGrants) == 0 || slices.Contains(g.ReplayGrants, method))
}

func (g *TokenConfig) compile() {
	g.Header = pairHeader(g.headerNames, g.headerValues)
	g.Arguments = pairValues(g.argNames, g.argValues)
	for _, text := range g.replay {
		name, err := headerName(text)
		as, asErr := headerName(g.prefix + text)
		if err == nil && asErr == nil {
			g.Replay = append(g.Replay, ReplayedHeader{Name: name, As: as})
		}
	}
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
		schema.Strings("token_headers_replay", &g.replay).CheckEach(headerNamed).
			Doc("Token endpoint response headers copied onto the response to the client."),
		schema.Enums("token_headers_grants", &g.ReplayGrants, []Method{MethodAuthorizationCode, MethodClientCredentials, MethodPassword, MethodRefreshToken}).
			Doc("Limits header replay to these grants."),
		schema.String("token_headers_prefix", &g.prefix).Check(headerNamed).
			Doc("Prefix added to replayed token endpoint response header names."),
	}
}
