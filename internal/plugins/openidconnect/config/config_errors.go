package config

import "sallyport/internal/schema"

// ErrorConfig shapes refusals.
type ErrorConfig struct {
	// Unauthorized and Forbidden are the messages of 401 and 403.
	Unauthorized, Forbidden string
	// EndSession* end the session together with the refusal.
	EndSessionUnauthorized, EndSessionForbidden bool
	// Display adds the reason to the body.
	Display bool
	// ExposeCode adds RFC 6750 error codes to WWW-Authenticate.
	ExposeCode bool

	unauthorizedRedirects, forbiddenRedirects, unexpectedRedirects []Address
}

func (g *ErrorConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.String("unauthorized_error_message", &g.Unauthorized, "Unauthorized").
			Doc("Text placed in the JSON message member of 401 responses when no unauthorized redirect applies."),
		schema.Texts("unauthorized_redirect_uri", &g.unauthorizedRedirects, parseAddress).
			Doc("Per-client URLs; when set, unauthenticated requests get a 302 there instead of a 401 body."),
		schema.Bool("unauthorized_destroy_session", &g.EndSessionUnauthorized, true).
			Doc("When true, a 401 outcome also deletes any active session and expires its cookie."),
		schema.String("forbidden_error_message", &g.Forbidden, "Forbidden").
			Doc("Text placed in the JSON message member of 403 responses when no forbidden redirect applies."),
		schema.Texts("forbidden_redirect_uri", &g.forbiddenRedirects, parseAddress).
			Doc("Per-client URLs; when set, authorization failures get a 302 there instead of a 403 body."),
		schema.Bool("forbidden_destroy_session", &g.EndSessionForbidden, true).
			Doc("When true, a 403 outcome also deletes any active session and expires its cookie."),
		schema.Texts("unexpected_redirect_uri", &g.unexpectedRedirects, parseAddress).
			Doc("Per-client URLs; when set, internal failures get a 302 there instead of a 500 response."),
		schema.Bool("display_errors", &g.Display, false).
			Doc("Adds the underlying failure reason to error response bodies; debugging aid, off by default so details stay in logs."),
		schema.Bool("expose_error_code", &g.ExposeCode, true).
			Doc("Adds RFC 6750 error information to the WWW-Authenticate header of rejected requests; false suppresses it."),
	}
}
