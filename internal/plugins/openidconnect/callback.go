package openidconnect

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sallyport/internal/flow"
	"sallyport/internal/message"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// callback is an authorization response on its way through the checks.
type callback struct {
	// callbackParams are what counts: those of the request or, for a signed
	// response, those inside it.
	callbackParams
	// sent are the parameters of the request.
	sent callbackParams
	// signed is a signed response, not verified yet, and malformed why there is
	// none; both are nil unless response_mode asks for one. brokenToken tells that
	// the malformed one has the parts of a token.
	signed      *oidc.SignedResponse
	malformed   error
	brokenToken bool
	// state is nil when it did not open or was missing.
	state  *loginState
	client *config.Client
	// key is the browser key of the request, zero where it has none.
	key    session.BrowserKey
	hasKey bool
}

// readCallback decides whether a request is a callback (decision 8). It is
// looked at before the session, so that parallel tabs all finish.
func (h *handler) readCallback(v *visit) (*callback, error) {
	if v.q.Canonical.RawQuery == "" && v.q.HTTP.Method != http.MethodPost {
		return nil, nil // has no parameters at all
	}
	var read callback
	at := h.atRedirectURI(v)
	if err := h.readParams(v, &read, at); err != nil {
		return nil, err
	}
	h.openResponse(&read)
	if !read.mayBeOne(at) {
		return nil, nil
	}
	c := new(callback)
	*c = read
	if c.hasState {
		if st, err := openState(h.keys, c.State); err == nil {
			c.state = st
			v.q.FlowID = st.FlowID()
			c.key, c.hasKey = h.browser.Find(v.Visit)
			return c, nil
		}
	}
	if at || c.marked {
		return c, nil
	}
	if !c.hasCode && !c.hasError && !c.brokenToken {
		return nil, nil // an application's own state
	}
	if _, has := h.browser.Find(v.Visit); !has {
		return nil, nil
	}
	s, err := v.good()
	if err != nil {
		return nil, err
	}
	if s != nil {
		return nil, nil // an application's own callback, right after our login
	}
	return c, nil
}

// mayBeOne tells whether there is anything of a callback at all. at is as for
// readParams.
func (c *callback) mayBeOne(at bool) bool {
	return c.looksLikeCallback() || c.marked || c.brokenToken || at && c.malformed != nil
}

// readParams collects the parameters of query and form. at tells that the
// request is at a configured redirect URI, where a POST must be a form.
func (h *handler) readParams(v *visit, c *callback, at bool) error {
	bad := func(cause string, err error) error {
		return v.refuse(outcome{status: http.StatusBadRequest, cause: cause, err: err})
	}
	if raw := v.q.Canonical.RawQuery; raw != "" {
		err := c.parseQuery(raw)
		if at && (err != nil || c.overflow) {
			return bad("callback parameters cannot be decoded, or are too many", err)
		}
	}
	if v.q.HTTP.Method != http.MethodPost {
		return nil
	}
	form, ok, err := v.q.PeekForm()
	if err != nil {
		return err
	}
	if !ok {
		if at {
			return bad("the body of a callback must be a form (application/x-www-form-urlencoded, 64 KiB at most)", nil)
		}
		return nil
	}
	for _, p := range form {
		if ownParam(p.Name) {
			c.set(p.Name, p.Value)
		}
	}
	return nil
}

// atRedirectURI tells whether the request is at a configured redirect URI.
func (h *handler) atRedirectURI(v *visit) bool {
	return slices.ContainsFunc(h.redirects, func(p place) bool { return p.holds(v) || p.isSpelledLike(v) })
}

// place is where a URL leads, as the canonical request says it.
type place struct {
	host, rawPath string
	// path is the normalised path, empty where it has none.
	path string
}

// redirectPlaces are the places of the configured redirect URIs.
func redirectPlaces(c *config.Config) (all []place) {
	for i := range c.Clients {
		if redirect := c.Clients[i].Redirect; !redirect.IsZero() {
			all = append(all, placeOf(redirect.URL))
		}
	}
	return all
}

func placeOf(u *url.URL) place {
	p := place{host: hostOf(u), rawPath: u.EscapedPath()}
	if path, err := message.NormalizePath(p.rawPath); err == nil {
		p.path = path
	}
	if p.rawPath == "" {
		p.rawPath = "/"
	}
	return p
}

// holds tells whether the request is at p, its path spelled as received. A
// proxy in front may have changed scheme and port.
func (p place) holds(v *visit) bool {
	return p.host == v.q.Canonical.ForwardedHost && p.rawPath == v.q.Canonical.RawPath
}

// isSpelledLike is holds for every spelling of the path that the router takes
// for the same.
func (p place) isSpelledLike(v *visit) bool {
	return p.path != "" && p.path == v.q.Canonical.Path && p.host == v.q.Canonical.ForwardedHost
}

// hostOf is the host of a URL as the canonical request writes it.
func hostOf(u *url.URL) string {
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host
}

// isAt tells whether the request is for uri: its host and path as received.
func isAt(v *visit, uri string) bool {
	if u, ok := plainURL(uri); ok {
		return place{host: u.host, rawPath: cmp.Or(u.path, "/")}.holds(v)
	}
	u, err := url.Parse(uri)
	return err == nil && placeOf(u).holds(v)
}

// callback checks an authorization response in the order of decision 9 and
// carries a good one to its end. Before the code is redeemed, every answer
// other than success may be put off by the relay page.
func (h *handler) callback(w http.ResponseWriter, v *visit, c *callback) (after, error) {
	refused, err := h.belongs(v, c)
	if err != nil || refused {
		return after{}, err
	}
	if s, err := v.good(); err != nil {
		return after{}, err
	} else if s != nil && c.state.Reason == firstLogin {
		return h.alreadyIn(w, v, c)
	}
	todo, err := h.transaction(v, c)
	if todo.login == nil && err == nil {
		return h.redeem(w, v, c)
	}
	if h.putOff(v, c) {
		return after{}, h.relay(w, v, c)
	}
	return todo, err
}

// belongs checks that the response is one to a login of this plugin. What
// fails here is refused without a target.
func (h *handler) belongs(v *visit, c *callback) (refused bool, err error) {
	no := func(status int, cause string) (bool, error) {
		v.emit(flow.Event{Kind: flow.Callback, Step: "state", Verdict: flow.Refused, Found: cause, Err: c.malformed, Clause: "RFC 6749 10.12"})
		return true, v.refuse(outcome{
			status: status, cause: cause, title: "This sign-in cannot be finished",
			text: "The answer of the identity provider does not belong to a sign-in that was started here. Go back to the page you wanted and try again.",
		})
	}
	switch {
	case c.duplicate != "":
		return no(http.StatusBadRequest, "callback parameter "+c.duplicate+" occurs twice")
	case c.overflow:
		return no(http.StatusBadRequest, "callback has too many parameters")
	case c.oversized != "" && c.oversized != "state":
		return no(http.StatusBadRequest, "callback parameter "+c.oversized+" is too long")
	case h.signedResponses() && c.signed == nil:
		return no(http.StatusUnauthorized, "authorization response is not signed as response_mode demands")
	case c.state == nil && c.hasState:
		return no(http.StatusUnauthorized, "state does not open")
	case c.state == nil:
		return no(http.StatusUnauthorized, "state is missing")
	case c.state.Realm != h.realm:
		return no(http.StatusUnauthorized, "state belongs to another plugin")
	case !isAt(v, c.state.RedirectURI):
		return no(http.StatusUnauthorized, "state belongs to another redirect_uri")
	}
	client, ok := h.config.ClientByID(c.state.ClientID)
	if !ok {
		return no(http.StatusUnauthorized, "state belongs to a client that is not configured any more")
	}
	if !client.Redirect.IsZero() && client.Redirect.Text != c.state.RedirectURI {
		return no(http.StatusUnauthorized, "state belongs to a redirect_uri that is not configured any more")
	}
	c.client = client
	return false, nil
}

// putOff tells whether an answer other than success must wait for a repeat
// from our own origin: the browser may have withheld cookies (decision 12).
func (h *handler) putOff(v *visit, c *callback) bool {
	return !c.marked && (v.q.HTTP.Method == http.MethodPost || h.strict())
}

func (h *handler) strict() bool {
	return h.config.Callback.Cookie.SameSite == session.SameSiteStrict || h.config.Session.Cookie.SameSite == session.SameSiteStrict
}

func (h *handler) relay(w http.ResponseWriter, v *visit, c *callback) error {
	v.emit(flow.Event{Kind: flow.Callback, Step: "same-origin repeat", Verdict: flow.Passed})
	if v.q.HTTP.Method == http.MethodPost {
		return writeRelayPost(w, c.state.RedirectURI, &c.sent)
	}
	return writeRelayGet(w, c.state.RedirectURI, &c.sent)
}

// targetFrom is the target of the login: from the state, or from the companion
// cookie.
func (h *handler) targetFrom(v *visit, c *callback) string {
	if c.state.Place != targetInCookie {
		return c.state.Target
	}
	for _, cookie := range v.q.HTTP.CookiesNamed(h.targetCookieName(c.state)) {
		if target, err := openTarget(h.keys, c.state.Flow, cookie.Value); err == nil {
			return target
		}
	}
	c.state.Place = targetCut // another tab's took its place
	return c.state.Target
}

// alreadyIn answers a callback in a browser that is signed in: a second tab,
// Back, a bookmark. Nothing is redeemed.
func (h *handler) alreadyIn(w http.ResponseWriter, v *visit, c *callback) (after, error) {
	v.emit(flow.Event{Kind: flow.Callback, Step: "session exists", Verdict: flow.Passed})
	return after{}, h.leaveFor(w, v, c, h.targetFrom(v, c), "")
}
