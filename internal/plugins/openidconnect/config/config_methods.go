package config

import (
	"slices"

	"sallyport/internal/schema"
)

// Method is a kind of credential.
type Method string

// The kinds of credentials by Kong's names.
const (
	MethodAuthorizationCode Method = "authorization_code"
	MethodBearer            Method = "bearer"
	MethodClientCredentials Method = "client_credentials"
	MethodIntrospection     Method = "introspection"
	MethodKongOAuth2        Method = "kong_oauth2"
	MethodPassword          Method = "password"
	MethodRefreshToken      Method = "refresh_token"
	MethodSession           Method = "session"
	MethodUserInfo          Method = "userinfo"
)

// allMethods are the methods in the order of Kong's default.
func allMethods() []Method {
	return []Method{
		MethodAuthorizationCode, MethodBearer, MethodClientCredentials, MethodIntrospection, MethodKongOAuth2,
		MethodPassword, MethodRefreshToken, MethodSession, MethodUserInfo,
	}
}

// withoutLoginAction are the methods that no login action follows.
func withoutLoginAction() []string {
	var out []string
	for _, m := range allMethods() {
		if m != MethodAuthorizationCode && m != MethodSession {
			out = append(out, string(m))
		}
	}
	return out
}

// MethodConfig says which credentials count.
type MethodConfig struct {
	// Enabled are the credentials that are looked for.
	Enabled []Method
	// Preflight false lets OPTIONS requests pass the plugin by.
	Preflight bool
}

// Has tells whether credentials of method m are looked for.
func (g *MethodConfig) Has(m Method) bool { return slices.Contains(g.Enabled, m) }

func (g *MethodConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Enums("auth_methods", &g.Enabled, allMethods(), allMethods()...).
			Doc("Enables credential types; the search order among enabled ones is fixed and independent of this list's order."),
		schema.Bool("run_on_preflight", &g.Preflight, true).
			Doc("When false, OPTIONS requests skip this plugin entirely and are proxied unauthenticated."),
	}
}
