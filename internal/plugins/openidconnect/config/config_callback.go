package config

import (
	"time"

	"sallyport/internal/schema"
	"sallyport/internal/session"
)

// CallbackConfig shapes the way back from the provider: the key cookie that
// binds a login to one browser, and how long a login may take.
type CallbackConfig struct {
	Cookie session.Cookie
	// Lifetime is how long a started login stays redeemable; 0 means without
	// limit.
	Lifetime time.Duration

	redirects []Address
}

func (g *CallbackConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Texts("redirect_uri", &g.redirects, parseAddress).
			Doc("Per-client callback URL for authorization and code redemption; when absent derived from the current request URL without query."),
		schema.String("authorization_cookie_name", &g.Cookie.Name, "authorization").Check(cookieName).
			Doc("Name of the cookie that binds logins to one browser; the state of a login itself travels sealed in the state parameter."),
		schema.String("authorization_cookie_path", &g.Cookie.Path, "/").Check(cookiePath).
			Doc("Path attribute of the authorization cookie."),
		schema.String("authorization_cookie_domain", &g.Cookie.Domain).Check(cookieDomain).
			Doc("Domain attribute of the authorization cookie; omitted when unset."),
		schema.Enum("authorization_cookie_same_site", &g.Cookie.SameSite, session.SameSiteDefault, sameSites()...).
			Doc("SameSite attribute of the authorization cookie; Default leaves it out, so that browsers apply their own rule."),
		schema.Bool("authorization_cookie_http_only", &g.Cookie.HTTPOnly, true).
			Doc("Adds HttpOnly to the authorization cookie."),
		schema.OptBool("authorization_cookie_secure", &g.Cookie.Secure).
			Doc("Adds Secure to the authorization cookie; when unset it follows the request scheme."),
		schema.Seconds("authorization_rolling_timeout", &g.Lifetime, 10*time.Minute).
			Doc("Seconds for which a started login can be finished; zero means without limit."),
	}
}
