package config

import (
	"time"

	"sallyport/internal/schema"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// SessionConfig shapes sessions and their cookie; where they are kept is
// StoreConfig. A timeout of 0 is off.
type SessionConfig struct {
	// Secret keys the session and authorization cookies; empty means that one
	// is generated for the issuer.
	Secret   secret.String
	Cookie   session.Cookie
	Audience string
	Idling   time.Duration
	Rolling  time.Duration
	Absolute time.Duration
	// Bind names what of the request a session is bound to: ip, scheme,
	// user-agent.
	Bind []string
	// SameSubject drops entries of other audiences with another subject.
	SameSubject bool
	// Disabled are methods that start no session.
	Disabled []Method
	// Refresh renews access tokens that expire.
	Refresh bool
}

// sessionProperties are what Session-* headers can show.
func sessionProperties() []string {
	return []string{"absolute-timeout", "audience", "id", "idling-timeout", "rolling-timeout", "subject", "timeout"}
}

func (g *SessionConfig) fields() []*schema.Field {
	return append(g.cookieFields(), []*schema.Field{
		schema.Secret("session_secret", &g.Secret).Referenceable().
			Doc("Secret that keys session and authorization cookies; unset means that one is generated for the issuer, with a warning."),
		schema.String("session_audience", &g.Audience, "default").
			Doc("Audience slot inside the session; one session can hold separate entries for several audiences."),
		schema.Seconds("session_idling_timeout", &g.Idling, 15*time.Minute).
			Doc("Seconds of inactivity after which the session is invalid; zero disables the check and touching."),
		schema.Seconds("session_rolling_timeout", &g.Rolling, time.Hour).
			Doc("Seconds one session id is usable before renewal; renewed in its last quarter; zero disables."),
		schema.Seconds("session_absolute_timeout", &g.Absolute, 24*time.Hour).
			Doc("Seconds since first creation after which renewal stops and login is required; zero disables."),
		schema.Strings("session_bind", &g.Bind).OneOf("ip", "scheme", "user-agent").
			Doc("Request properties mixed into the cookie MAC; a change of IP, scheme or User-Agent invalidates the session."),
		schema.Bool("session_enforce_same_subject", &g.SameSubject, false).
			Doc("On save, drops data of other audiences whose subject differs from the current one."),
		schema.Bool("refresh_tokens", &g.Refresh, true).
			Doc("Renews an expired access token of a session with its refresh token, once per session at a time."),
		schema.Enums("disable_session", &g.Disabled, allMethods()).
			UnsupportedValues("every login starts a session, and every session is renewed", string(MethodAuthorizationCode), string(MethodSession)).
			Doc("Auth methods that must not start a session; listing session stops renewal of existing ones."),
		schema.Bool("reverify", nil, false).
			Unsupported("tokens are verified when they are received").
			Doc("Re-runs signature and claims verification on tokens loaded from the session for every request."),
		schema.Bool("session_remember", nil, false).
			Unsupported(noRemember).
			Doc("Issues an additional persistent cookie that can recreate an expired session."),
		schema.String("session_remember_cookie_name", nil, "remember").
			Unsupported(noRemember).
			Doc("Name of the persistent remember cookie."),
		schema.Number("session_remember_rolling_timeout", nil, 604800).
			Unsupported(noRemember).
			Doc("Seconds a remember cookie stays valid before renewal, also its Max-Age; zero disables the check."),
		schema.Number("session_remember_absolute_timeout", nil, 2592000).
			Unsupported(noRemember).
			Doc("Seconds since creation after which remembering ends and login is required; zero disables."),
		schema.Strings("session_request_headers", nil).OneOf(sessionProperties()...).
			Unsupported("Session-* headers are not available").
			Doc("Session properties sent upstream as Session-* request headers."),
		schema.Strings("session_response_headers", nil).OneOf(sessionProperties()...).
			Unsupported("Session-* headers are not available").
			Doc("Session properties sent to the client as Session-* response headers."),
		schema.Bool("session_store_metadata", nil, false).
			Inert("sessions can always be found by their user, through sealed entries beside them").
			Doc("Indexes active session ids per audience and subject in the server-side store."),
		schema.Bool("session_hash_subject", nil, false).
			Inert("the subject is always hashed under the session secret").
			Doc("Stores a truncated SHA-256 of the subject instead of the subject in session metadata."),
		schema.Bool("session_hash_storage_key", nil, false).
			Inert("the key in the store is always a hash of the session id").
			Doc("Stores session data under SHA-256 of the session id, so store contents alone cannot be decrypted."),
	}...)
}

func (g *SessionConfig) cookieFields() []*schema.Field {
	return []*schema.Field{
		schema.String("session_cookie_name", &g.Cookie.Name, "session").Check(cookieName).
			Doc("Name of the session cookie; chunks of a long one append digits 2 to 9."),
		schema.String("session_cookie_path", &g.Cookie.Path, "/").Check(cookiePath).
			Doc("Path attribute of the session cookie."),
		schema.String("session_cookie_domain", &g.Cookie.Domain).Check(cookieDomain).
			Doc("Domain attribute of the session cookie; omitted when unset."),
		schema.Enum("session_cookie_same_site", &g.Cookie.SameSite, session.SameSiteLax, sameSites()...).
			Doc("SameSite attribute of the session cookie; None forces Secure, Default lets browsers decide."),
		schema.Bool("session_cookie_http_only", &g.Cookie.HTTPOnly, true).
			Doc("Adds HttpOnly to the session cookie."),
		schema.OptBool("session_cookie_secure", &g.Cookie.Secure).
			Doc("Adds Secure to the session cookie; when unset it follows the request scheme."),
	}
}
