package config

import (
	"net/url"
	"slices"
	"time"

	"sallyport/internal/schema"
)

// ResponseMode is how the provider hands over its answer.
type ResponseMode string

// The response modes by their registered names. Those of a fragment are known
// and refused.
const (
	ModeQuery       ResponseMode = "query"
	ModeFormPost    ResponseMode = "form_post"
	ModeJWT         ResponseMode = "jwt"
	ModeQueryJWT    ResponseMode = "query.jwt"
	ModeFormPostJWT ResponseMode = "form_post.jwt"
	modeFragment    ResponseMode = "fragment"
	modeFragmentJWT ResponseMode = "fragment.jwt"
)

// Signed tells whether the answer comes in a JWT (JARM).
func (m ResponseMode) Signed() bool { return m == ModeJWT || m == ModeQueryJWT || m == ModeFormPostJWT }

func responseModes() []ResponseMode {
	return []ResponseMode{
		ModeFormPost, ModeFormPostJWT, modeFragment, modeFragmentJWT, ModeJWT, ModeQuery, ModeQueryJWT,
	}
}

// AuthorizationConfig shapes the authorization request.
type AuthorizationConfig struct {
	ResponseMode ResponseMode
	// Scopes may be empty: then no scope is sent.
	Scopes []string
	// MaxAge is the greatest time since the user's authentication; nil means
	// that it does not matter.
	MaxAge *time.Duration
	// PKCE true always sends a code challenge, false never, nil when the
	// provider lists S256.
	PKCE *bool
	// PAR true always pushes the request, RequestObject true always signs it;
	// false never, nil where the provider demands it.
	PAR, RequestObject *bool
	// Audience is sent as one parameter a value.
	Audience []string
	// Fixed are further arguments; none of them is one that binds the answer to
	// the login.
	Fixed url.Values
	// ClientArguments are query arguments of the request that are passed on;
	// none of them is one that binds the answer to the login.
	ClientArguments []string
	// PreserveQuery keeps the query of the request that starts the login.
	PreserveQuery bool

	argNames, argValues []string
}

func (g *AuthorizationConfig) compile() {
	g.Fixed = pairValues(g.argNames, g.argValues)
	g.Scopes = slices.DeleteFunc(g.Scopes, isEmpty)
}

func (g *AuthorizationConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Enum("response_mode", &g.ResponseMode, ModeQuery, responseModes()...).
			UnsupportedValues(noFragment, string(modeFragment), string(modeFragmentJWT)).
			Doc("response_mode sent to the authorization endpoint; the .jwt and jwt values request JARM-signed responses."),
		schema.Strings("response_type", nil, "code").
			Unsupported("only the code flow is available").
			Doc("response_type values sent to the authorization endpoint, joined by spaces; code is the practical setting."),
		schema.Strings("scopes", &g.Scopes, "openid").Referenceable().CheckEach(scopeText).
			Doc("Scopes requested at authorization and token endpoints; empty or null sends none and does not force openid."),
		schema.Strings("audience", &g.Audience).
			Doc("audience values sent to the authorization endpoint (and reused by token exchange unless overridden there)."),
		schema.OptSeconds("max_age", &g.MaxAge).
			Doc("Maximum seconds since auth_time that is acceptable; also sent as max_age on the authorization request."),
		schema.OptBool("require_proof_key_for_code_exchange", &g.PKCE).
			Doc("True always sends a code challenge (PKCE), false never, unset when discovery lists S256."),
		schema.OptBool("require_pushed_authorization_requests", &g.PAR).
			Doc("True forces PAR, false disables it, unset follows the discovery flag of the same name (default false)."),
		schema.OptBool("require_signed_request_object", &g.RequestObject).
			Doc("True forces signed request objects (JAR), false disables them, unset follows the discovery flag of the same name."),
		schema.Strings("authorization_query_args_names", &g.argNames).CheckEach(authorizationArgument).
			Doc("Names of fixed extra query arguments for the authorization request, paired by index with their values."),
		schema.Strings("authorization_query_args_values", &g.argValues).
			Doc("Values of fixed extra query arguments for the authorization request, paired by index with their names."),
		schema.Strings("authorization_query_args_client", &g.ClientArguments).CheckEach(authorizationArgument).
			Doc("Names of client-request query arguments copied onto the authorization request, for example login_hint."),
		schema.Bool("preserve_query_args", &g.PreserveQuery, false).
			Doc("Keeps the original request's query arguments across the login round trip and restores them afterwards."),
	}
}
