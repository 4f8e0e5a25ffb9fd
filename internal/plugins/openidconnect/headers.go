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

// managedHeaders lists the upstream headers that only this plugin sets, and those
// that are for nobody else.
func managedHeaders(c *config.Config) []string {
	names := c.Header.Upstream.Names()
	if name := c.Header.SessionID.Name; name != "" {
		names = append(names, name)
	}
	if c.Possession.DPoP != config.PossessionOff {
		names = append(names, "DPoP") // a proof is for us
	}
	if name := c.Possession.Header.Name; name != "" {
		names = append(names, name)
	}
	return names
}

// protect removes, on every path through the plugin, what only we may say: the
// managed headers and those of identities in all spellings, and our cookies. What
// a plugin before us has said of an identity stays.
func (h *handler) protect(q *plugin.Request) {
	q.ForgetIdentity()
	if len(h.managed) > 0 {
		q.Upstream.RemoveSpellings(h.managed...)
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

// ready is what every request of a session or of an API client needs, computed
// once each time that a record is opened (session.Options.Derive) or a
// credential is verified. Requests share it: nobody writes to it.
type ready struct {
	// headers are what the upstream is told, in this order, and response what
	// the user agent is.
	headers, response []toldHeader
	// violated is the first rule that the token breaks, nil for none.
	violated *violation
	// who is what it says of the person.
	who who
	// acr and authTime tell how and when the user authenticated.
	acr      string
	authTime time.Time
	// until is when the access token must not be used any more, zero for never.
	until time.Time
	// bound is to whom its token is bound.
	bound bound
	// counts: a session that was obtained like this opens this plugin.
	counts bool
}

type toldHeader struct {
	name, value string
	// id: the session id comes after value. A renewal changes it, and not the
	// record.
	id bool
}

// ready computes what requests of e need, and says how much memory it takes.
func (h *handler) ready(e *session.Entry) (any, int) {
	r := h.prepare(e)
	size := r.violated.size() + r.who.size() + r.bound.size() + len(r.acr)
	for _, list := range [][]toldHeader{r.headers, r.response} {
		for i := range list {
			size += len(list[i].value) + 64
		}
	}
	return r, size
}

// judge is prepare without headers.
func (h *handler) judge(e *session.Entry) *ready {
	r := &ready{
		violated: h.violated(e), until: h.until(e), counts: h.counts(config.Method(e.Method)),
		who: whoIs(&h.config.Consumer, e), acr: e.ACR, authTime: e.AuthTime, bound: h.boundOf(e),
	}
	r.who.header = plugin.JoinGroups(r.who.groups)
	return r
}

func (h *handler) prepare(e *session.Entry) *ready {
	hc := &h.config.Header
	r := h.judge(e)
	r.headers, r.response = told(&hc.Upstream, e), told(&hc.Downstream, e)
	for _, x := range []struct {
		to     *[]toldHeader
		header config.TokenHeader
	}{{&r.headers, hc.SessionID}, {&r.response, hc.DownstreamSessionID}} {
		if x.header.Name != "" {
			header := toldHeader{name: x.header.Name, id: true}
			if x.header.Bearer {
				header.value = "Bearer "
			}
			*x.to = append(*x.to, header)
		}
	}
	return r
}

// readyOf is what ready has computed for s.
func readyOf(s *session.Session) *ready {
	r, ok := s.Derived().(*ready)
	if !ok {
		panic("openid-connect: session of another manager")
	}
	return r
}

// introduce tells the upstream who is there.
func (h *handler) introduce(v *visit, s *session.Session) error {
	if h.config.Exchange.Endpoint == "" {
		v.tell(readyOf(s), s.ID)
		return nil
	}
	e := s.Entry()
	token, err := h.upstreamToken(v, &e, nil)
	if err != nil {
		return err
	}
	v.tell(readyOf(s), s.ID)
	h.tellToken(v, token)
	return nil
}

// tell sets the headers of both directions; id gives the session id, and is nil
// without a session.
func (v *visit) tell(r *ready, id func() string) {
	setTold(&v.q.Upstream, r.headers, id)
	if len(r.response) > 0 {
		setTold(&v.q.Response, r.response, id)
		v.q.Response.Set("Cache-Control", "no-store")
	}
}

func setTold(to *message.Overlay, headers []toldHeader, id func() string) {
	for _, header := range headers {
		if header.id {
			if id == nil {
				continue
			}
			header.value += id()
		}
		to.Set(header.name, header.value)
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
