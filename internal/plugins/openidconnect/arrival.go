package openidconnect

import (
	"net/http"

	"sallyport/internal/flow"
	"sallyport/internal/httperror"
	"sallyport/internal/session"
)

// tooManyRedirects is the page in place of a redirect that would close a loop
// (decision 11).
func (v *visit) tooManyRedirects(c *callback) error {
	v.emit(flow.Event{Kind: flow.Callback, Step: "redirect to the target", Verdict: flow.Refused, Found: "fourth within 30 s"})
	return v.refuse(outcome{
		status: http.StatusInternalServerError, cause: "redirect loop: the session cookie does not come back", client: c.client,
		title: "Signing in goes round in circles",
		text: "You were signed in several times within half a minute, but the browser does not send the session cookie back. " +
			"Likely causes: the cookie's Secure, SameSite, Domain or Path attribute does not fit this address, cookies are blocked, " +
			"or a rule sends you back to the sign-in.",
		target: v.h.targetFrom(v, c), redirectURI: c.state.RedirectURI,
	})
}

// leaveFor sends the user agent to target, which gets fragment appended.
func (h *handler) leaveFor(w http.ResponseWriter, v *visit, c *callback, target, fragment string) error {
	if err := checkTarget(target, c.state.RedirectURI, v.sessionScope()); err != nil {
		return v.unexpected("redirect target", err)
	}
	return h.moveTo(w, v, c, target, fragment)
}

// maxRedirects is how many callbacks may be answered with a redirect to one
// target within 30 seconds.
const maxRedirects = 3

// moveTo is leaveFor for a target that needs no check: one of the
// configuration.
func (h *handler) moveTo(w http.ResponseWriter, v *visit, c *callback, target, fragment string) error {
	if c.state.Place == targetInCookie {
		v.cookies([]string{h.targetCookie(c.state, "", v.Secure)})
	}
	if c.state.Place == targetCut && target == c.state.Target {
		// A page that waits for a person closes no loop, so it does not count.
		return v.cutTarget(w, target)
	}
	if c.hasKey {
		if h.browser.Redirects(c.key, target) >= maxRedirects {
			return v.tooManyRedirects(c)
		}
		v.cookies(h.browser.Redirected(v.Visit, c.key, target))
	}
	if h.config.Session.Cookie.SameSite == session.SameSiteStrict {
		return writeMoveOn(w, target+fragment)
	}
	redirect(w, v.q.HTTP, target+fragment)
	return nil
}

// cutTarget tells a person that the address was too long to be kept.
func (v *visit) cutTarget(w http.ResponseWriter, target string) error {
	httperror.Render(w, httperror.Request{
		Method: v.q.HTTP.Method, Accept: v.q.HTTP.Header.Get("Accept"), RequestID: v.q.ID,
	}, &httperror.Error{
		Status: http.StatusOK, Message: "Signed in", Shape: httperror.Plugin, FlowID: v.q.FlowID,
		Page: &httperror.Page{
			Title:      "You are signed in",
			Paragraphs: []string{"The address you wanted was too long to be kept during the sign-in. The link leads as close to it as possible."},
			Links:      []httperror.Link{{Text: "Continue", URL: target}},
		},
	})
	return nil
}
