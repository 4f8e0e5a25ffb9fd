package openidconnect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"sallyport/internal/flow"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// visit is one request on its way through the plugin.
type visit struct {
	h *handler
	q *plugin.Request
	session.Visit
	ctx context.Context //nolint:containedctx // the visit is the request's own

	// session and err are what load found; loaded says that it was asked.
	session *session.Session
	err     error
	loaded  bool
	// carried tells that the request came with an API client's credential: it
	// is answered without redirects.
	carried bool
	// byDPoP tells that it carried a token by the scheme DPoP.
	byDPoP bool
	// isCallback tells that it is an authorization response.
	isCallback bool
	// here is what place has made.
	here string
}

// place is the URL of the request without its query.
func (v *visit) place() string {
	if v.here == "" {
		v.here = v.q.Canonical.Place()
	}
	return v.here
}

func (h *handler) arrive(q *plugin.Request) *visit {
	c := &q.Canonical
	v := &visit{h: h, q: q, ctx: q.Context(), Visit: session.Visit{
		Cookie: q.HTTP.Header["Cookie"], Secure: c.Scheme == "https", Host: c.ForwardedHost,
		Path: c.RawPath, Scheme: c.Scheme, UserAgent: userAgent(q.HTTP.Header["User-Agent"]),
	}}
	if h.bindIP {
		v.IP = c.Client.String()
	}
	return v
}

// load returns the session of the request, nil without one. The error is a 503:
// the store could not be asked, and nothing is known.
func (v *visit) load() (*session.Session, error) {
	if v.loaded {
		return v.session, v.err
	}
	v.loaded = true
	if !v.h.config.Method.Has(config.MethodSession) {
		return nil, nil
	}
	s, err := v.h.sessions.Load(v.ctx, v.Visit)
	if err == nil && !readyOf(s).counts {
		v.h.Meter.SessionLoad(string(session.ReasonRealm))
		v.emit(flow.Event{Kind: flow.Session, Step: "session cookie", Verdict: flow.Refused, Found: "obtained by a method that is not enabled"})
		return nil, nil
	}
	if err == nil {
		v.h.Meter.SessionLoad(loadFound)
		v.session = s
		return s, nil
	}
	none, ok := errors.AsType[*session.NoSession](err)
	switch {
	case ok:
		v.h.Meter.SessionLoad(string(none.Reason))
		v.cookies(none.Cookies)
		if none.Reason != session.ReasonNoCookie {
			v.emit(flow.Event{Kind: flow.Session, Step: "session cookie", Verdict: flow.Refused, Found: string(none.Reason)})
		}
	default:
		if !v.abandoned(err) {
			v.h.Meter.SessionLoad(loadUnavailable)
		}
		v.err = v.storeDown("load session", err)
	}
	return nil, v.err
}

// good returns the session if the plugin accepts it without a login (decision
// 10): loaded, and with an access token that is valid or can be refreshed.
func (v *visit) good() (*session.Session, error) {
	s, err := v.load()
	if err != nil || s == nil {
		return nil, err
	}
	if e := s.Entry(); v.h.expired(s) && !v.h.refreshable(&e) {
		return nil, nil
	}
	return s, nil
}

// cookies sets and expires cookies. Of several lines about the same cookie the
// last one alone is sent (RFC 6265 section 4.1.1): a session that is rotated and
// then ended is ended for every user agent.
func (v *visit) cookies(lines []string) {
	for _, line := range lines {
		v.q.Response.Withdraw("Set-Cookie", func(earlier string) bool { return sameCookie(earlier, line) })
		v.q.Response.Add("Set-Cookie", line)
	}
}

// sameCookie tells whether two Set-Cookie lines are about one cookie: a user
// agent knows it by name, domain and path.
func sameCookie(a, b string) bool {
	identity := func(line string) (name, domain, path string) {
		name, attributes, _ := strings.Cut(line, "; ")
		name, _, _ = strings.Cut(name, "=")
		for attribute := range strings.SplitSeq(attributes, "; ") {
			switch key, value, _ := strings.Cut(attribute, "="); key {
			case "Domain":
				domain = value
			case "Path":
				path = value
			}
		}
		return name, domain, path
	}
	nameA, domainA, pathA := identity(a)
	nameB, domainB, pathB := identity(b)
	return nameA == nameB && domainA == domainB && pathA == pathB
}

// emit reports a step of a flow. What goes wrong outside of any flow begins one,
// so that page and log can be brought together (C11).
func (v *visit) emit(e flow.Event) {
	if e.Verdict == flow.Failed && v.abandoned(e.Err) {
		e.Verdict = flow.Abandoned
	}
	if v.q.FlowID == "" && e.Verdict != flow.Passed {
		v.newFlow()
	}
	e.Flow, e.Plugin = v.q.FlowID, v.h.id
	if v.q.Route != nil {
		e.Route = v.q.Route.ID
	}
	v.h.Events.Emit(v.ctx, e)
}

// abandoned tells whether err is there only because the user agent left.
func (v *visit) abandoned(err error) bool {
	ctx := v.q.HTTP.Context()
	return errors.Is(context.Cause(ctx), context.Canceled) && errors.Is(err, context.Canceled)
}

// newFlow gives the request a fresh flow id.
func (v *visit) newFlow() {
	var id [flowIDSize]byte
	if _, err := io.ReadFull(v.h.random(), id[:]); err == nil {
		v.q.FlowID = flowIDText(id)
	}
}

// step reports a step that took place, passed or failed by err, or refused: a
// grant that is good no more is no failure of anybody.
func (v *visit) step(kind flow.Kind, step, clause string, start time.Time, err error) {
	e := flow.Event{Kind: kind, Step: step, Clause: clause, Verdict: flow.Passed, Err: err, Duration: v.h.Now().Sub(start)}
	if err != nil {
		e.Verdict = flow.Failed
		if grantRefused(err) {
			e.Verdict = flow.Refused
		}
	}
	v.emit(e)
}

// mayRedirect tells whether a redirect to the IdP makes sense: a script, an
// embedded resource or a WebSocket handshake cannot log anybody in, and gets a
// 401 that it can read. Without such a mark the answer is a redirect, as Kong's.
func mayRedirect(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && !strings.EqualFold(mode, "navigate") {
		return false
	}
	return !strings.EqualFold(r.Header.Get("X-Requested-With"), "XMLHttpRequest") && r.Header.Get("Upgrade") == ""
}

// foreign tells whether the request says that another site caused it.
func (v *visit) foreign() bool {
	header := v.q.HTTP.Header
	if site := header.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "same-site" && site != "none"
	}
	origin := header.Get("Origin")
	return origin != "" && origin != v.q.Canonical.Origin()
}

// topLevel tells whether the request is a person's browser on its way in its
// own window: only then a login may start again by itself.
func topLevel(r *http.Request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return mayRedirect(r) && (dest == "" || strings.EqualFold(dest, "document")) &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}

// userAgent is the first value of the header, empty without one.
func userAgent(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
