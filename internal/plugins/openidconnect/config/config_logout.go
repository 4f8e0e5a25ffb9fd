package config

import "sallyport/internal/schema"

// LogoutConfig says which requests end a session. Without a trigger none does.
type LogoutConfig struct {
	// Methods are the HTTP methods on which a trigger counts.
	Methods []string
	// QueryArgument and PostArgument trigger by their presence; empty means
	// that there is no such trigger.
	QueryArgument, PostArgument string
	// Suffix triggers when the path ends with it; empty means no such trigger.
	Suffix string
	// Revoke calls the revocation endpoint for the access token and the refresh
	// token, as far as RevokeAccess and RevokeRefresh say so.
	Revoke, RevokeAccess, RevokeRefresh bool
	// RevokedParameter is the form field that carries the token there.
	RevokedParameter string

	redirects []Address
}

func (g *LogoutConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Strings("logout_methods", &g.Methods, "DELETE", "POST").OneOf("DELETE", "GET", "POST").
			Doc("HTTP methods on which logout triggers are honoured."),
		schema.String("logout_query_arg", &g.QueryArgument).
			Doc("Query argument whose presence, with an allowed method, triggers logout."),
		schema.String("logout_post_arg", &g.PostArgument).
			Doc("Body argument whose presence, with an allowed method, triggers logout."),
		schema.String("logout_uri_suffix", &g.Suffix).
			Doc("Path ending that, with an allowed method, triggers logout; compared to the normalized forwarded path without query."),
		schema.Texts("logout_redirect_uri", &g.redirects, parseAddress).Referenceable().
			Doc("Per-client post-logout URL; also sent as post_logout_redirect_uri in RP-initiated logout."),
		schema.Bool("logout_revoke", &g.Revoke, false).
			Doc("Master switch for calling the revocation endpoint during logout."),
		schema.Bool("logout_revoke_access_token", &g.RevokeAccess, true).
			Doc("Revokes the session's access token at logout; needs logout_revoke."),
		schema.Bool("logout_revoke_refresh_token", &g.RevokeRefresh, true).
			Doc("Revokes the session's refresh token at logout; needs logout_revoke."),
		schema.String("revocation_token_param_name", &g.RevokedParameter, "token").Check(revokedArgument).
			Doc("Form field name carrying the token in revocation requests."),
	}
}
