package openidconnect

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"

	"sallyport/internal/cache"
	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
)

// admission is a request that carried a good credential.
type admission struct {
	proof *proof
	// credential is what it carried; beside is an ID token that came with it.
	credential, beside credential
	// token is the access token that is verified: what the request carried, or
	// what that was exchanged for.
	token  string
	client *config.Client
}

// identify looks for an API client's credential, in Kong's order, and verifies
// the first one that it finds; nil without one. Whoever carries a credential is
// answered by 401 or 403, never by a redirect.
func (h *handler) identify(v *visit) (*admission, error) {
	m := &h.config.Method
	if m.Has(config.MethodBearer) || m.Has(config.MethodKongOAuth2) || m.Has(config.MethodIntrospection) || m.Has(config.MethodUserInfo) {
		found, ok, err := v.bearerToken()
		if err != nil {
			return nil, err
		}
		if ok {
			return h.byToken(v, found)
		}
	}
	if m.Has(config.MethodRefreshToken) {
		c := &h.config.Credential
		found, ok, err := v.namedToken(c.RefreshTokenPlace, c.RefreshToken, c.RefreshTokenHeader)
		if err != nil {
			return nil, err
		}
		if ok {
			return h.byRefreshToken(v, found)
		}
	}
	if m.Has(config.MethodPassword) || m.Has(config.MethodClientCredentials) {
		return h.byPair(v)
	}
	return nil, nil
}

// letIn makes a session of a good credential where the configuration wants one,
// and prepares the request for the upstream.
func (h *handler) letIn(v *visit, a *admission) error {
	v.carried = true
	if err := h.boundToCookie(v, a); err != nil {
		return err
	}
	if l := h.lacking(v, &a.proof.ready.bound, &a.credential); l != nil {
		return v.unproven(l, a.client)
	}
	if err := h.admit(v, a.proof.ready, a.client); err != nil {
		return err
	}
	if found := h.belowLevel(a.proof.ready); found != nil {
		v.emit(flow.Event{Kind: flow.Access, Step: "level", Verdict: flow.Refused, Found: found.cause, Clause: "RFC 9470 3"})
		if v.mayStandIn() {
			return errStandIn
		}
		return v.insufficient(found, a.client)
	}
	token, err := h.upstreamToken(v, &a.proof.entry, a)
	if err != nil {
		return err
	}
	h.openFor(v, a)
	v.forward(&a.credential)
	if h.config.Header.HideCredentials {
		v.hide(&a.credential)
		if a.beside.token != "" {
			v.hide(&a.beside)
		}
	}
	v.tell(a.proof.ready, nil)
	h.tellToken(v, token)
	h.replay(v, a.proof.method, a.proof.replay)
	return nil
}

// openFor starts a session for whoever proved who they are, unless
// disable_session names the method. Only a credential in a header does so, in a
// request that no other site caused: a link or a form of somebody else must not
// log a user in under another name. A session that cannot be stored is reported
// and does not stop the request, which needs none.
func (h *handler) openFor(v *visit, a *admission) {
	s := &h.config.Session
	if a.proof.method == config.MethodKongOAuth2 {
		return // a session would outlive the token's deletion
	}
	if !h.config.Method.Has(config.MethodSession) || slices.Contains(s.Disabled, a.proof.method) ||
		a.credential.place != config.PlaceHeader || v.foreign() {
		return
	}
	_, lines, err := h.sessions.Start(v.ctx, v.Visit, a.proof.entry)
	if err != nil {
		v.emit(flow.Event{Kind: flow.Access, Step: "open session", Verdict: flow.Failed, Err: err})
		return
	}
	v.cookies(lines)
}

// boundToCookie compares a claim of a bearer token with a cookie, where the
// configuration names one (jwt_session_cookie).
func (h *handler) boundToCookie(v *visit, a *admission) error {
	c := &h.config.Verification
	if c.SessionCookie == "" || a.proof.method != config.MethodBearer {
		return nil
	}
	value, n := cookieValue(v.Cookie, c.SessionCookie)
	claim, ok := a.proof.claims.Text(c.SessionClaim)
	if ok && n == 1 && subtle.ConstantTimeCompare([]byte(value), []byte(claim)) == 1 {
		return nil
	}
	return v.deny(a.credential, &denial{cause: "access token: it does not belong to the cookie " + c.SessionCookie, description: describeRefused}, a.client)
}

// settle turns what came of a credential into an admission, or into the answer
// of its refusal or failure.
func (v *visit) settle(a *admission, err error) (*admission, error) {
	switch {
	case err != nil:
		return nil, v.cannotTell(err, a.client)
	case a.proof.denied != nil:
		return nil, v.deny(a.credential, a.proof.denied, a.client)
	}
	return a, nil
}

// deny is the 401 of a credential that does not count.
func (v *visit) deny(c credential, d *denial, client *config.Client) error {
	v.carried = true
	e := flow.Event{Kind: flow.Access, Step: d.cause, Verdict: flow.Refused, Err: d.err}
	if violation, ok := errors.AsType[*oidc.Violation](d.err); ok {
		e.Clause, e.Expected, e.Found = violation.Clause, violation.Expected, violation.Found
	}
	v.emit(e)
	if v.mayStandIn() {
		return errStandIn
	}
	if err := v.h.endUnusable(v); err != nil {
		return err
	}
	o := outcome{status: http.StatusUnauthorized, cause: d.cause, err: d.err, client: client}
	if c.token != "" {
		o.tokenError, o.description = "invalid_token", d.description
	}
	return v.refuse(o)
}

// malformed is the refusal of something that nobody issued.
func malformed() *denial {
	return &denial{cause: "malformed credentials", description: describeRefused}
}

// cannotTell is the answer when it cannot be found out whether a credential
// counts: 503 where the IdP does not answer, 500 where something is set up
// wrongly.
func (v *visit) cannotTell(err error, client *config.Client) error {
	v.carried = true
	if !v.abandoned(err) {
		v.emit(flow.Event{Kind: flow.Access, Step: "identity provider", Verdict: flow.Failed, Err: err})
	}
	o := outcome{status: http.StatusServiceUnavailable, cause: "identity provider cannot be asked", err: err, client: client}
	oauth, isOAuth := errors.AsType[*oidc.OAuthError](err)
	_, violation := errors.AsType[*oidc.Violation](err)
	switch {
	case isOAuth && oauth.Code != "temporarily_unavailable" && oauth.Code != "server_error":
		o.status, o.cause = http.StatusInternalServerError, "token endpoint answered "+oauth.Code
	case violation:
		o.status, o.cause = http.StatusInternalServerError, "the identity provider's answer does not verify"
	case errors.Is(err, oidc.ErrIssuerMismatch):
		o.status, o.cause = http.StatusInternalServerError, "discovery document names another issuer"
	case errors.Is(err, oidc.ErrNoEndpoint):
		o.status, o.cause = http.StatusInternalServerError, "identity provider names no such endpoint"
	case errors.Is(err, oidc.ErrAuthMethod), errors.Is(err, errNoClient):
		o.status, o.cause = http.StatusInternalServerError, "client authentication"
	case errors.Is(err, cache.ErrBusy):
		o.cause = "too many calls to the identity provider"
	case errors.Is(err, context.Canceled):
		o.cause = "given up"
	}
	return v.refuse(o)
}

// errNoClient: a call needs a client and none is configured.
var errNoClient = errors.New("openid-connect: config.client_id is empty")

// counts tells whether a session that was obtained by method opens this plugin:
// one that an API client's credential began needs that method to be enabled. Where
// methods that are held to no proof of possession are refused, so are their sessions,
// of other instances.
func (h *handler) counts(method config.Method) bool {
	if p := &h.config.Possession; p.On() && p.Validate && !p.Proves(method) {
		return false
	}
	return method == config.MethodAuthorizationCode || h.config.Method.Has(method)
}
