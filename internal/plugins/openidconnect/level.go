package openidconnect

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
)

// insufficientAuthentication is the error code of RFC 9470 section 3.
const insufficientAuthentication = "insufficient_user_authentication"

// belowLevel tells how an authentication falls short of what this route demands
// (sallyport.acr, sallyport.max_age), nil where it does not.
func (h *handler) belowLevel(r *ready) *violation {
	own := &h.config.Own
	if len(own.ACR) > 0 && !slices.Contains(own.ACR, r.acr) {
		found := "no acr claim"
		if r.acr != "" {
			found = shown([]string{r.acr})
		}
		return &violation{
			cause: "sallyport.acr: none of " + shown(own.ACR) + "; there is " + found,
			text:  "You are signed in, but this page asks for a stronger sign-in than the identity provider confirmed." + askTheOperator,
		}
	}
	if own.MaxAge == nil {
		return nil
	}
	text := "You are signed in, but this page asks for a more recent sign-in than the identity provider confirmed." + askTheOperator
	if r.authTime.IsZero() {
		return &violation{cause: "sallyport.max_age: there is no auth_time claim", text: text}
	}
	if age := h.Now().Sub(r.authTime); age > *own.MaxAge+h.config.Verification.Leeway {
		return &violation{cause: fmt.Sprintf("sallyport.max_age: authenticated %s ago, more than %s", age.Truncate(time.Second), *own.MaxAge), text: text}
	}
	return nil
}

// raise sends the user of a session that falls short to the identity provider,
// to authenticate at the demanded level; the session stays. What cannot be
// redirected gets a 401 that says what is missing.
func (h *handler) raise(v *visit, found *violation) (after, error) {
	v.emit(flow.Event{Kind: flow.Login, Step: "level", Verdict: flow.Refused, Found: found.cause, Clause: "RFC 9470 3"})
	if h.config.Method.Has(config.MethodAuthorizationCode) && mayRedirect(v.q.HTTP) {
		return after{login: &loginStart{reason: stepUp, target: h.targetOf(v)}}, nil
	}
	return after{}, v.insufficient(found, nil)
}

// insufficient is the 401 of somebody who is known, and not well enough.
func (v *visit) insufficient(found *violation, client *config.Client) error {
	return v.refuse(outcome{
		status: http.StatusUnauthorized, cause: found.cause, client: client, tokenError: insufficientAuthentication,
		title: "This page asks for a stronger sign-in", text: found.text,
	})
}

// levelParameters are the parameters of a challenge that tell what is demanded
// (RFC 9470 section 3).
func (h *handler) levelParameters() string {
	own, text := &h.config.Own, ""
	if len(own.ACR) > 0 {
		text += ", acr_values=" + strconv.Quote(strings.Join(own.ACR, " "))
	}
	if own.MaxAge != nil {
		text += ", max_age=" + strconv.Itoa(int(own.MaxAge.Seconds()))
	}
	return text
}

// ask puts the demanded level into an authorization request.
func (h *handler) ask(request *oidc.AuthorizationRequest) {
	own := &h.config.Own
	request.ACRValues = own.ACR
	if own.MaxAge != nil && (request.MaxAge == nil || *own.MaxAge < *request.MaxAge) {
		request.MaxAge = own.MaxAge
	}
}

// welcome lets in whoever just signed in: by the rules, and at the demanded level.
// One who falls short of it is told so. Nothing is asked again by itself: the
// identity provider has just answered, and the session that was there stays.
func (h *handler) welcome(v *visit, r *ready, client *config.Client) error {
	if err := h.admit(v, r, client); err != nil {
		return err
	}
	found := h.belowLevel(r)
	if found == nil {
		return nil
	}
	v.emit(flow.Event{Kind: flow.Callback, Step: "level", Verdict: flow.Refused, Found: found.cause, Clause: "OpenID Connect Core 5.5.1.1"})
	return v.refuse(outcome{status: http.StatusForbidden, cause: found.cause, client: client, tokenError: insufficientAuthentication, text: found.text, other: true})
}
