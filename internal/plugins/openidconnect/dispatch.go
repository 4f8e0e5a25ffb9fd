package openidconnect

import (
	"errors"
	"net/http"

	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// after is what a step leaves to be done.
type after struct {
	// login starts a login.
	login *loginStart
	// proxy goes on to the upstream with this session.
	proxy *session.Session
	// admitted goes on to the upstream without one.
	admitted *admission
}

// Serve implements plugin.Handler. It decides which step a request needs; the
// steps return to it and know nothing of each other.
func (h *handler) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	h.protect(q)
	if q.HTTP.Method == http.MethodOptions && !h.config.Method.Preflight {
		return next(w, q)
	}
	if h.config.Consumer.Anonymous != "" && q.Authenticated {
		return next(w, q) // Kong's OR: any of the plugins that have a stand-in suffices
	}
	v := h.arrive(q)
	if h.provider == nil {
		return v.unexpected("configuration", errNoIssuer)
	}
	todo, err := h.step(w, v)
	if err == nil && todo.admitted != nil {
		err = h.letIn(v, todo.admitted)
	}
	switch {
	case errors.Is(err, errStandIn):
		return h.standIn(w, v, next)
	case err != nil: // a todo beside it does not count
		return err
	case todo.login != nil:
		return h.login(w, v, *todo.login)
	case todo.proxy != nil:
		if err := h.introduce(v, todo.proxy); err != nil {
			return err
		}
		return next(w, q)
	case todo.admitted != nil:
		return next(w, q)
	}
	return nil // answered
}

func (h *handler) step(w http.ResponseWriter, v *visit) (after, error) {
	c, err := h.readCallback(v)
	if err != nil {
		return after{}, err
	}
	if c != nil {
		v.isCallback = true
		todo, err := h.callback(w, v, c)
		if err != nil && !v.abandoned(err) {
			h.Meter.Login(failureResult(err))
		}
		return todo, err
	}
	is, err := h.isLogout(v)
	if err != nil {
		return after{}, err
	}
	if is {
		return after{}, h.logout(w, v)
	}
	return h.byWhom(v)
}

// byWhom finds out who sent the request: by its session, by its credential, or
// by a login. A session whose token is bound to somebody who is not there does not
// count, and a credential beside it does by itself.
func (h *handler) byWhom(v *visit) (after, error) {
	s, err := h.resume(v)
	if err != nil {
		return after{}, err
	}
	var missing *lack
	if s != nil {
		if missing = h.lacking(v, &readyOf(s).bound, nil); missing == nil {
			return h.withSession(v, s)
		}
	}
	if a, err := h.identify(v); err != nil || a != nil {
		return after{admitted: a}, err
	}
	if missing != nil { // a session of somebody else, and nothing of their own
		return after{}, v.unproven(missing, nil)
	}
	if h.config.Method.Has(config.MethodAuthorizationCode) && mayRedirect(v.q.HTTP) {
		return after{login: &loginStart{reason: firstLogin, target: h.targetOf(v)}}, nil
	}
	if v.mayStandIn() {
		return after{}, errStandIn
	}
	if err := h.endUnusable(v); err != nil {
		return after{}, err
	}
	return after{}, v.refuse(outcome{status: http.StatusUnauthorized, cause: "no session"})
}

// withSession lets a session in, by the rules and at the demanded level.
func (h *handler) withSession(v *visit, s *session.Session) (after, error) {
	if err := h.admitSession(v, s); err != nil {
		return after{}, err
	}
	if found := h.belowLevel(readyOf(s)); found != nil {
		return h.raise(v, found)
	}
	return after{proxy: s}, nil
}
