package openidconnect

import (
	"encoding/base64"
	"slices"

	"sallyport/internal/message"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// identityHeaders are what Kong's authentication plugins tell the upstream;
// nobody else may.
var identityHeaders = []string{
	"X-Consumer-Id", "X-Consumer-Username", "X-Consumer-Custom-Id", "X-Credential-Identifier",
	"X-Anonymous-Consumer", "X-Authenticated-Groups", "X-Consumer-Groups",
}

// managedHeaders lists the upstream headers that only this plugin sets.
func managedHeaders(c *config.Config) []string {
	names := append([]string(nil), identityHeaders...)
	hc := &c.Header
	for _, t := range []config.TokenHeader{hc.AccessToken, hc.IDToken, hc.RefreshToken, hc.SessionID, hc.UserInfo} {
		if t.Name != "" {
			names = append(names, t.Name)
		}
	}
	for _, claim := range c.Header.Claims {
		names = append(names, claim.Name)
	}
	return names
}

// protect removes, on every path through the plugin, what only we may say: the
// managed headers in all spellings, and our cookies.
func (h *handler) protect(q *plugin.Request) {
	for _, name := range h.managed {
		q.Upstream.RemoveSpellings(name)
	}
	if q.DropUpstreamCookies == nil && q.OwnCookies == nil {
		q.DropUpstreamCookies, q.OwnCookies = slices.Clip(h.dropped), slices.Clip(h.own) // shared: an append copies
		return
	}
	q.DropUpstreamCookies = append(q.DropUpstreamCookies, h.dropped...)
	q.OwnCookies = append(q.OwnCookies, h.own...)
}

// ownCookies collects the names of all cookies that only we set, and of those
// among them that the upstream must not get: all, unless hide_credentials is
// off, which leaves it the session cookie.
func (h *handler) ownCookies() {
	for _, name := range h.sessions.CookieNames() {
		h.own = append(h.own, message.OwnCookie{Name: name, Setting: "config.session_cookie_name"})
	}
	for _, name := range append(h.targetCookieNames(), h.config.Callback.Cookie.Name) {
		h.own = append(h.own, message.OwnCookie{Name: name, Setting: "config.authorization_cookie_name"})
	}
	for _, c := range h.own {
		if h.config.Header.HideCredentials || !slices.Contains(h.sessions.CookieNames(), c.Name) {
			h.dropped = append(h.dropped, c.Name)
		}
	}
}

// introduce tells the upstream who is there.
func (h *handler) introduce(v *visit, s *session.Session) {
	e := s.Entry()
	hc := &h.config.Header
	h.setToken(v, hc.AccessToken, e.AccessToken)
	h.setToken(v, hc.IDToken, e.IDToken)
	h.setToken(v, hc.RefreshToken, e.RefreshToken)
	if hc.SessionID.Name != "" {
		h.setToken(v, hc.SessionID, secret.New(s.ID()))
	}
	if hc.UserInfo.Name != "" {
		h.setToken(v, hc.UserInfo, secret.New(userInfoHeader(&e)))
	}
	for i := range hc.Claims {
		if value := claimValue(&e, hc.Claims[i].Path); value != "" {
			v.q.Upstream.Set(hc.Claims[i].Name, value)
		}
	}
	if hc.DownstreamSessionID.Name != "" {
		v.q.Response.Set(hc.DownstreamSessionID.Name, s.ID())
	}
}

func (h *handler) setToken(v *visit, header config.TokenHeader, token secret.String) {
	if header.Name == "" || token.Empty() {
		return
	}
	value := token.Reveal()
	if header.Bearer {
		value = "Bearer " + value
	}
	v.q.Upstream.Set(header.Name, value)
}

// userInfoHeader is base64 of the user info document.
func userInfoHeader(e *session.Entry) string {
	for _, c := range e.Claims {
		if c.Name == userInfoClaim {
			return base64.StdEncoding.EncodeToString([]byte(c.Value))
		}
	}
	return ""
}
