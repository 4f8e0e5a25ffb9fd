package openidconnect

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"sallyport/internal/flow"
	"sallyport/internal/httperror"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// outcome is a refusal or a failure (decision 17).
type outcome struct {
	// status is 400, 401, 403, 500 or 503.
	status int
	// cause is a short text for logs and, with display_errors, for the user
	// agent: no secret, no text of the IdP.
	cause string
	// title and text explain it to a person; empty ones give the default.
	title, text string
	// foreign is the IdP's own text, shown escaped.
	foreign string
	// target, when set, is offered as "Start again". It is checked here.
	target, redirectURI string
	// other offers to sign in as somebody else.
	other bool
	// tokenError is the error code of WWW-Authenticate.
	tokenError string
	// description and scope are its parameters of these names (RFC 6750
	// section 3); either may be empty.
	description, scope string
	// err is for the log.
	err error
	// client is whose redirects apply; nil means the one that the request asks
	// for.
	client *config.Client
}

// retryAfter is what a 503 advises, in seconds.
const retryAfter = 5

// refuse turns an outcome into the error that is rendered.
func (v *visit) refuse(o outcome) error {
	if o.status >= http.StatusInternalServerError && v.abandoned(o.err) {
		return httperror.ClientGone(errors.Join(errors.New("openid-connect: "+o.cause), o.err))
	}
	h := v.h
	e := &httperror.Error{
		Status: o.status, Message: v.message(o), Shape: httperror.Plugin, FlowID: v.q.FlowID,
		Err: errors.Join(errors.New("openid-connect: "+o.cause), o.err), Header: http.Header{},
	}
	client := o.client
	if client == nil {
		client = h.chooseClient(v)
	}
	if !v.carried {
		e.RedirectTo = redirectFor(client, o.status)
	}
	switch o.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		v.challenges(e.Header, o)
	case http.StatusServiceUnavailable:
		e.Header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	e.Page = v.page(o)
	return e
}

func (v *visit) message(o outcome) string {
	var text string
	switch o.status {
	case http.StatusUnauthorized:
		text = v.h.config.Error.Unauthorized
	case http.StatusForbidden:
		text = v.h.config.Error.Forbidden
	default:
		text = httperror.StatusMessage(o.status)
	}
	if v.h.config.Error.Display {
		text += " (" + o.cause + ")"
	}
	return text
}

func redirectFor(client *config.Client, status int) string {
	if client == nil {
		return ""
	}
	switch status {
	case http.StatusUnauthorized:
		return client.Unauthorized.Text
	case http.StatusForbidden:
		return client.Forbidden.Text
	case http.StatusInternalServerError:
		return client.Unexpected.Text
	}
	return ""
}

func (v *visit) page(o outcome) *httperror.Page {
	p := &httperror.Page{Title: o.title}
	if p.Title == "" {
		p.Title = map[int]string{
			http.StatusBadRequest:          "This request cannot be read",
			http.StatusUnauthorized:        "You are not signed in",
			http.StatusForbidden:           "You may not open this page",
			http.StatusInternalServerError: "Signing in failed",
			http.StatusServiceUnavailable:  "Signing in is not possible right now",
		}[o.status]
	}
	text := o.text
	if text == "" {
		text = map[int]string{
			http.StatusServiceUnavailable:  "A service that is needed for signing in does not answer. Please try again in a moment.",
			http.StatusInternalServerError: "Something is wrong with the sign-in service. The identifiers below help its operator to find out what.",
		}[o.status]
	}
	if text != "" {
		p.Paragraphs = append(p.Paragraphs, text)
	}
	if o.foreign != "" {
		p.Paragraphs = append(p.Paragraphs, "The identity provider says: "+o.foreign)
	}
	if v.h.config.Error.Display {
		p.Paragraphs = append(p.Paragraphs, "Cause: "+o.cause)
	}
	if o.target != "" && checkTarget(o.target, o.redirectURI, v.sessionScope()) == nil {
		p.Links = append(p.Links, httperror.Link{Text: "Start again", URL: o.target})
	}
	if location := v.logoutAddress(); o.other && location != "" {
		p.Links = append(p.Links, httperror.Link{Text: "Sign in with another account", URL: location})
	}
	return p
}

// unexpected is a 500: an internal failure, or one of the IdP's.
func (v *visit) unexpected(step string, err error) error {
	v.emit(flow.Event{Kind: flow.Login, Step: step, Verdict: flow.Failed, Err: err})
	return v.refuse(outcome{status: http.StatusInternalServerError, cause: step, err: err})
}

// storeDown is the 503 of a session store that cannot be asked (decision 18):
// never a new login, no cookie cleared, nothing upstream.
func (v *visit) storeDown(step string, err error) error {
	v.emit(flow.Event{Kind: flow.Session, Step: step, Verdict: flow.Failed, Err: err})
	return v.refuse(outcome{status: http.StatusServiceUnavailable, cause: "session store cannot be asked", err: err})
}

// saveFailed is the outcome of a session that could not be stored.
func (v *visit) saveFailed(step string, err error) error {
	if errors.Is(err, session.ErrUnavailable) {
		return v.storeDown(step, err)
	}
	if errors.Is(err, session.ErrTooLarge) {
		v.emit(flow.Event{Kind: flow.Session, Step: step, Verdict: flow.Failed, Err: err})
		return v.refuse(outcome{
			status: http.StatusInternalServerError, cause: "session too large for its storage", err: err,
			text: "The tokens of this login do not fit into the session storage. Its operator can choose another session_storage.",
		})
	}
	return v.unexpected(step, err)
}

// providerFailed maps what goes wrong before the IdP had anything to say: its
// document, its keys, its endpoints.
func (v *visit) providerFailed(kind flow.Kind, step string, err error, client *config.Client) error {
	v.emit(flow.Event{Kind: kind, Step: step, Verdict: flow.Failed, Err: err})
	o := outcome{status: http.StatusInternalServerError, cause: step, err: err, client: client}
	switch {
	case errors.Is(err, oidc.ErrIssuerMismatch):
		o.cause = "discovery document names another issuer"
		o.text = "The identity provider calls itself by another name than it is configured under. Its operator must compare the issuer setting with the discovery document."
	case errors.Is(err, oidc.ErrUnreachable):
		o.status, o.cause = http.StatusServiceUnavailable, "identity provider cannot be reached"
	case errors.Is(err, oidc.ErrNoEndpoint):
		o.cause = "identity provider names no such endpoint"
	}
	return v.refuse(o)
}

// invalidGrant is the code with which an identity provider refuses a code or a
// refresh token (RFC 6749 section 5.2).
const invalidGrant = "invalid_grant"

// grantRefused tells whether err is such a refusal.
func grantRefused(err error) bool {
	oauth, ok := errors.AsType[*oidc.OAuthError](err)
	return ok && oauth.Code == invalidGrant
}

// tokenRefused is the outcome of a callback whose token or answer broke a rule.
func (v *visit) tokenRefused(err error, o outcome) error {
	name, clause, _ := oidc.Rule(err)
	e := flow.Event{Kind: flow.Callback, Step: o.cause, Verdict: flow.Refused, Err: err, Clause: clause}
	if violation, ok := errors.AsType[*oidc.Violation](err); ok {
		e.Expected, e.Found = violation.Expected, violation.Found
		e.Step = fmt.Sprintf("%s: %s", o.cause, name)
	}
	v.emit(e)
	o.status, o.err, o.tokenError = http.StatusUnauthorized, err, "invalid_token"
	o.title = "Your identity could not be confirmed"
	o.text = "What the identity provider sent does not pass the checks of this gateway, so nobody was signed in."
	return v.refuse(o)
}
