package openidconnect

import (
	"encoding/base64"
	"slices"
	"time"

	"sallyport/internal/message"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
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
	q.Upstream.RemoveSpellings(h.managed...)
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

// ready is what every request of a session needs, computed once each time that
// its record is opened (session.Options.Derive). Requests share it: nobody
// writes to it.
type ready struct {
	// headers are what the upstream is told, in this order.
	headers []upstreamHeader
	// violated is the first claims rule that the access token breaks.
	violated string
	// until is when the access token must not be used any more, zero for never.
	until time.Time
}

type upstreamHeader struct {
	name, value string
	// id: the session id comes after value. A renewal changes it, and not the
	// record.
	id bool
}

// ready computes what requests of e need, and says how much memory it takes.
func (h *handler) ready(e *session.Entry) (any, int) {
	r := &ready{headers: h.introduction(e), violated: h.violated(e), until: h.until(e)}
	size := len(r.violated)
	for i := range r.headers {
		size += len(r.headers[i].value) + 64
	}
	return r, size
}

// readyOf is what ready has computed for s.
func readyOf(s *session.Session) *ready {
	r, ok := s.Derived().(*ready)
	if !ok {
		panic("openid-connect: session of another manager")
	}
	return r
}

// introduction is what the upstream is told of a session.
func (h *handler) introduction(e *session.Entry) []upstreamHeader {
	var all []upstreamHeader
	hc := &h.config.Header
	add := func(header config.TokenHeader, value string, id bool) {
		if header.Name == "" || value == "" && !id {
			return
		}
		if header.Bearer {
			value = "Bearer " + value
		}
		all = append(all, upstreamHeader{header.Name, value, id})
	}
	add(hc.AccessToken, e.AccessToken.Reveal(), false)
	add(hc.IDToken, e.IDToken.Reveal(), false)
	add(hc.RefreshToken, e.RefreshToken.Reveal(), false)
	add(hc.SessionID, "", true)
	if hc.UserInfo.Name != "" {
		add(hc.UserInfo, userInfoHeader(e), false)
	}
	for i := range hc.Claims {
		if value := claimValue(e, hc.Claims[i].Path); value != "" {
			all = append(all, upstreamHeader{name: hc.Claims[i].Name, value: value})
		}
	}
	return slices.Clip(all)
}

// introduce tells the upstream who is there.
func (h *handler) introduce(v *visit, s *session.Session) {
	for _, header := range readyOf(s).headers {
		if header.id {
			header.value += s.ID()
		}
		v.q.Upstream.Set(header.name, header.value)
	}
	if name := h.config.Header.DownstreamSessionID.Name; name != "" {
		v.q.Response.Set(name, s.ID())
	}
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
