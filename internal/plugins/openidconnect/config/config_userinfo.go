package config

import (
	"net/http"
	"net/url"

	"sallyport/internal/schema"
)

// UserInfoConfig says when the user info endpoint is asked.
type UserInfoConfig struct {
	// Search asks it for claims that the tokens lack.
	Search bool
	// Header and Query are fixed additions to every request.
	Header http.Header
	Query  url.Values
	// Accept is the media type that is asked for.
	Accept string
	// ClientHeaders and ClientArguments of the request are passed on.
	ClientHeaders, ClientArguments []string

	headerNames, headerValues, queryNames, queryValues []string
}

func (g *UserInfoConfig) compile() {
	g.Header = pairHeader(g.headerNames, g.headerValues)
	g.Query = pairValues(g.queryNames, g.queryValues)
}

func (g *UserInfoConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Bool("search_user_info", &g.Search, false).
			Doc("Consults user info when consumer, credential, group or header claims are missing from the tokens."),
		schema.String("userinfo_accept", &g.Accept, "application/json").OneOf("application/json", "application/jwt").
			Doc("Accept header for user info; application/jwt requests a JWT response."),
		schema.Strings("userinfo_headers_client", &g.ClientHeaders).CheckEach(passedHeaderName).
			Doc("Client request headers forwarded to the user info endpoint."),
		schema.Strings("userinfo_headers_names", &g.headerNames).CheckEach(requestHeaderName).
			Doc("Names of fixed extra request headers for user info, paired by index with their values."),
		schema.Strings("userinfo_headers_values", &g.headerValues).CheckEach(headerValue).
			Doc("Values of fixed extra request headers for user info, paired by index with their names."),
		schema.Strings("userinfo_query_args_client", &g.ClientArguments).CheckEach(userInfoArgument).
			Doc("Client request query arguments copied onto the user info request."),
		schema.Strings("userinfo_query_args_names", &g.queryNames).CheckEach(userInfoArgument).
			Doc("Names of fixed extra query arguments for user info, paired by index with their values."),
		schema.Strings("userinfo_query_args_values", &g.queryValues).
			Doc("Values of fixed extra query arguments for user info, paired by index with their names."),
	}
}
