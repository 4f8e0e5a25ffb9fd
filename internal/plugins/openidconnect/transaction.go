package openidconnect

import (
	"net/http"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
)

// transaction checks time, browser, sender and error of a response. A login in
// the result is one that starts again by itself.
func (h *handler) transaction(v *visit, c *callback) (after, error) {
	st := c.state
	if lifetime := h.config.Callback.Lifetime; lifetime > 0 && h.Now().Sub(st.Started) > lifetime {
		return h.stale(v, c, "the sign-in took too long", "It was started more than "+lifetime.String()+" ago.")
	}
	key := c.key.Key()
	switch {
	case !c.hasKey:
		return h.stale(v, c, "the key cookie is missing",
			"The browser did not send the cookie of this sign-in: it was started in another browser, or cookies are blocked.")
	case !st.boundTo(key[:]):
		return h.stale(v, c, "the key cookie is another browser's", "The sign-in was started in another browser.")
	}
	if err := h.verifyResponse(v, c); err != nil {
		return after{}, err
	}
	if c.hasError {
		return h.providerError(v, c)
	}
	if c.Code == "" {
		v.emit(flow.Event{Kind: flow.Callback, Step: "authorization response", Verdict: flow.Refused, Found: "neither code nor error"})
		return after{}, v.refuse(outcome{
			status: http.StatusUnauthorized, cause: "authorization response has neither code nor error", client: c.client,
			target: h.targetFrom(v, c), redirectURI: st.RedirectURI,
		})
	}
	return after{}, nil
}

// stale is the outcome of a response that came too late, twice, or to the
// wrong browser. A page offers to start again; the first time a person's
// browser does so by itself (decision 10).
func (h *handler) stale(v *visit, c *callback, cause, text string) (after, error) {
	v.emit(flow.Event{Kind: flow.Callback, Step: "transaction", Verdict: flow.Refused, Found: cause})
	target := h.targetFrom(v, c)
	if c.state.Restarts == 0 && topLevel(v.q.HTTP) {
		return after{login: &loginStart{reason: c.state.Reason, target: target, restarts: 1, client: c.client}}, nil
	}
	return after{}, v.refuse(outcome{
		status: http.StatusUnauthorized, cause: cause, client: c.client,
		title: "This sign-in cannot be finished", text: text, target: target, redirectURI: c.state.RedirectURI,
	})
}

// providerError maps an error response (RFC 6749 section 4.1.2.1, OpenID
// Connect Core 3.1.2.6).
func (h *handler) providerError(v *visit, c *callback) (after, error) {
	e := oidc.NewOAuthError(c.Error, c.Description, 0)
	v.emit(flow.Event{
		Kind: flow.Callback, Step: "authorization response", Verdict: flow.Refused, Found: e.Code, Err: e, Clause: "RFC 6749 4.1.2.1",
	})
	o := outcome{
		status: http.StatusUnauthorized, cause: "identity provider answered " + e.Code, err: e, client: c.client,
		foreign: e.Description, target: h.targetFrom(v, c), redirectURI: c.state.RedirectURI,
	}
	switch e.Code {
	case "invalid_request", "unauthorized_client", "invalid_scope", "unsupported_response_type":
		o.status, o.target = http.StatusInternalServerError, ""
	case "server_error":
		o.status = http.StatusServiceUnavailable
	case "temporarily_unavailable":
		// Keycloak's word for a stale or double-clicked login page.
		if c.state.Restarts == 0 {
			return after{login: &loginStart{reason: c.state.Reason, target: o.target, restarts: 1, client: c.client}}, nil
		}
		o.status = http.StatusServiceUnavailable
	}
	return after{}, v.refuse(o)
}
