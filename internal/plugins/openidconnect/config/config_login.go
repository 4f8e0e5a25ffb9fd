package config

import (
	"slices"

	"sallyport/internal/schema"
)

// LoginAction is what follows a login.
type LoginAction string

// The login actions by Kong's names.
const (
	LoginUpstream LoginAction = "upstream"
	LoginResponse LoginAction = "response"
	LoginRedirect LoginAction = "redirect"
)

// RedirectMode is where the tokens stand in the URL of a login redirect.
type RedirectMode string

// The redirect modes by Kong's names.
const (
	RedirectFragment RedirectMode = "fragment"
	RedirectQuery    RedirectMode = "query"
)

// LoginToken is something that a login hands to the user agent.
type LoginToken string

// The login tokens by Kong's names; TokenResponse is the whole answer of the
// token endpoint.
const (
	TokenID            LoginToken = "id_token"
	TokenAccess        LoginToken = "access_token"
	TokenRefresh       LoginToken = "refresh_token"
	TokenResponse      LoginToken = "tokens"
	tokenIntrospection LoginToken = "introspection"
)

func loginTokens() []LoginToken {
	return []LoginToken{TokenAccess, TokenID, tokenIntrospection, TokenRefresh, TokenResponse}
}

// LoginConfig says what follows a login.
type LoginConfig struct {
	Action LoginAction
	// Methods are the credentials whose success is a login.
	Methods []Method
	// Tokens go with a response or a redirect; usually none should.
	Tokens       []LoginToken
	RedirectMode RedirectMode

	redirects []Address
}

// Applies tells whether the action follows a success of method m.
func (g *LoginConfig) Applies(m Method) bool { return slices.Contains(g.Methods, m) }

// Gives tells whether t is among the tokens handed out.
func (g *LoginConfig) Gives(t LoginToken) bool { return slices.Contains(g.Tokens, t) }

func (g *LoginConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Enum("login_action", &g.Action, LoginUpstream, LoginRedirect, LoginResponse, LoginUpstream).
			Doc("After a login: proxy upstream, answer with tokens directly, or redirect elsewhere."),
		schema.Enums("login_methods", &g.Methods, allMethods(), MethodAuthorizationCode).UnsupportedValues(noLoginAction, withoutLoginAction()...).
			Doc("Auth methods whose success triggers login_action; other methods always proxy upstream regardless."),
		schema.Enums("login_tokens", &g.Tokens, loginTokens(), TokenID).
			UnsupportedValues("a login introspects nothing", string(tokenIntrospection)).
			Doc("Which tokens or results accompany a response or redirect login; null or empty returns none."),
		schema.Texts("login_redirect_uri", &g.redirects, parseAddress).Referenceable().
			Doc("Per-client target for redirect logins; when empty, goes back to the URL that started the flow."),
		schema.Enum("login_redirect_mode", &g.RedirectMode, RedirectFragment, RedirectFragment, RedirectQuery).
			Doc("Puts login_tokens in the redirect URL's fragment or in its query string."),
	}
}
