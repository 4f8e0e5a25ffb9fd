package openidconnect

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// loginStart says how a login begins.
type loginStart struct {
	reason reason
	// target is where the user agent wanted to go: an absolute URL.
	target string
	// restarts counts logins that were started again by themselves.
	restarts byte
	// client is nil for the one that the request chooses.
	client *config.Client
}

// login sends the user agent to the IdP with an authorization request.
func (h *handler) login(w http.ResponseWriter, v *visit, s loginStart) error {
	client := s.client
	if client == nil {
		client = h.chooseClient(v)
	}
	if client == nil {
		return v.unexpected("no client is configured: config.client_id is empty", nil)
	}
	st := &loginState{
		Reason: s.reason, Restarts: s.restarts, Started: h.Now(), Realm: h.realm,
		RedirectURI: h.redirectURI(v, client), Target: s.target, ClientID: client.ID,
	}
	if _, err := io.ReadFull(h.random(), st.Flow[:]); err != nil {
		return v.unexpected("flow id", err)
	}
	v.q.FlowID = st.FlowID()
	if err := h.feasible(v, st); err != nil {
		v.emit(flow.Event{Kind: flow.Login, Step: "cookies and target", Verdict: flow.Refused, Err: err})
		return v.refuse(outcome{
			status: http.StatusInternalServerError, cause: strings.TrimPrefix(err.Error(), "openid-connect: "), client: client,
			title: "Signing in cannot work here",
			text:  "The browser would not get the cookies of this login where it needs them: " + err.Error() + ".",
		})
	}
	start := h.Now()
	md, err := h.provider.Metadata(v.ctx)
	if err != nil {
		return v.providerFailed(flow.Login, "discovery", err, client)
	}
	v.step(flow.Login, "discovery", "OpenID Connect Discovery 4", start, nil)
	location, err := h.authorizationRequest(v, st, md, client)
	if err != nil {
		return v.requestFailed(err, client)
	}
	v.step(flow.Login, "authorization request", "OpenID Connect Core 3.1.2.1", start, nil)
	h.Meter.Login(resultStarted)
	redirect(w, v.q.HTTP, location)
	return nil
}

// errLongRedirectURI refuses a login whose state would not come back whole.
var errLongRedirectURI = errors.New("openid-connect: the redirect_uri that is derived from the request is too long for the state; configure redirect_uri")

// feasible checks that the cookies of a login can exist and reach their place
// (decision 15, C8).
func (h *handler) feasible(v *visit, st *loginState) error {
	if err := h.config.Session.Cookie.Obstacle(v.Secure); err != nil {
		return err
	}
	if err := h.config.Callback.Cookie.Obstacle(v.Secure); err != nil {
		return err
	}
	if err := checkTarget(st.RedirectURI, v.place(), scopeOf("authorization", h.config.Callback.Cookie, v.Secure)); err != nil {
		return err
	}
	return checkTarget(st.Target, st.RedirectURI, v.sessionScope())
}

// sessionScope is where a session cookie goes that is set now.
func (v *visit) sessionScope() cookieScope {
	return scopeOf("session", v.h.config.Session.Cookie, v.Secure)
}

func (h *handler) authorizationRequest(v *visit, st *loginState, md *oidc.Metadata, client *config.Client) (string, error) {
	browser, lines, err := h.browser.Issue(v.Visit)
	if err != nil {
		return "", err
	}
	key := browser.Key()
	st.Key = keyHash(key[:])
	target, err := h.placeTarget(v, st)
	if err != nil {
		return "", err
	}
	state, err := st.seal(h.keys, h.random())
	if err != nil {
		return "", err
	}
	if len(state) > maxState {
		return "", errLongRedirectURI
	}
	a := &h.config.Authorization
	request := oidc.AuthorizationRequest{
		ClientID: client.ID, RedirectURI: st.RedirectURI, ResponseMode: string(a.ResponseMode), Scopes: a.Scopes,
		State: state, Nonce: st.nonce(h.keys, key[:]), MaxAge: a.MaxAge, Audience: a.Audience,
		Fixed: a.Fixed, FromUserAgent: passedArguments(v.q.Canonical.RawQuery, a.ClientArguments),
		Push: demanded(a.PAR, md.RequirePAR), RequestObject: demanded(a.RequestObject, md.RequireRequestObject),
	}
	h.ask(&request)
	use, onlyPlain := oidc.UsePKCE(a.PKCE, md)
	if use {
		request.CodeChallenge = oidc.S256Challenge(st.verifier(h.keys, key[:]))
	}
	if onlyPlain {
		h.Logger.WarnContext(v.ctx, "the identity provider offers no code challenge method but plain: none is sent", "plugin_id", h.id)
	}
	start := h.Now()
	location, err := h.provider.Location(v.ctx, client.Client, md, request)
	if err != nil {
		return "", err
	}
	if request.Push {
		v.step(flow.Login, "pushed authorization request", "RFC 9126 2", start, nil)
	}
	v.cookies(lines)
	v.cookies(target)
	return location, nil
}

// placeTarget puts the target into the state or, where it is too long, into a
// companion cookie of the redirect URI's path; beyond that it is cut to its
// path.
func (h *handler) placeTarget(v *visit, st *loginState) ([]string, error) {
	full := st.Target
	if len(full) <= stateRoom(st) {
		return nil, nil
	}
	st.Target = withoutQuery(full)
	if len(st.Target) > stateRoom(st) {
		st.Target = v.q.Canonical.Origin() + h.cookiePath()
	}
	value, ok, err := sealTarget(h.keys, h.random(), st.Flow, full)
	if err != nil {
		return nil, err
	}
	if !ok {
		st.Place = targetCut
		return nil, nil
	}
	st.Place = targetInCookie
	return []string{h.targetCookie(st, value, v.Secure)}, nil
}

// cookiePath is the highest path to which the session cookie is sent.
func (h *handler) cookiePath() string {
	if path := h.config.Session.Cookie.Path; path != "" {
		return path
	}
	return "/"
}

// targetSlots is how many companion cookies there may be: so many tabs can log
// in at once with a long target.
const targetSlots = 8

// targetCookieNames are the names of the companion cookies.
func (h *handler) targetCookieNames() []string {
	names := make([]string, targetSlots)
	for i := range names {
		names[i] = h.config.Callback.Cookie.Name + "_target" + strconv.Itoa(i+1)
	}
	return names
}

// targetCookieName is the name of a login's companion cookie.
func (h *handler) targetCookieName(st *loginState) string {
	return h.config.Callback.Cookie.Name + "_target" + strconv.Itoa(int(st.Flow[0]%targetSlots)+1)
}

// targetCookie is the Set-Cookie line of the companion cookie; an empty value
// removes it.
func (h *handler) targetCookie(st *loginState, value string, secure bool) string {
	path := "/"
	hostOnly := strings.HasPrefix(strings.ToLower(h.config.Callback.Cookie.Name), "__host-") // demands Path=/
	if u, err := url.Parse(st.RedirectURI); err == nil && !hostOnly && u.EscapedPath() != "" && !strings.ContainsAny(u.EscapedPath(), ";,") {
		path = u.EscapedPath()
	}
	line := http.Cookie{ //nolint:gosec // Secure follows the scheme, as for the cookie beside it
		Name: h.targetCookieName(st), Value: value, Path: path, HttpOnly: true,
		Secure: secure, MaxAge: int(h.config.Callback.Lifetime.Seconds()),
	}
	if h.config.Callback.Cookie.SameSite == session.SameSiteNone {
		line.SameSite = http.SameSiteNoneMode
	}
	if value == "" {
		line.MaxAge = -1
	}
	return line.String()
}

// redirectURI is the configured one of the client, else the URL of the request
// without its query, its path as received (decision 7).
func (h *handler) redirectURI(v *visit, client *config.Client) string {
	if !client.Redirect.IsZero() {
		return client.Redirect.Text
	}
	return v.place()
}

// targetOf is where the user agent wants to go, as it will be redirected.
func (h *handler) targetOf(v *visit) string {
	if c := &v.q.Canonical; h.config.Authorization.PreserveQuery && (c.RawQuery != "" || c.ForceQuery) {
		return c.URL()
	}
	return v.place()
}

func (h *handler) random() io.Reader {
	if h.Rand != nil {
		return h.Rand
	}
	return rand.Reader
}
