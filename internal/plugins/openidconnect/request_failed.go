package openidconnect

import (
	"errors"
	"net/http"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
)

// demanded tells whether something is done: by its setting, and where that is
// not set because the IdP's document demands it.
func demanded(setting *bool, document bool) bool {
	if setting != nil {
		return *setting
	}
	return document
}

// requestFailed is the outcome of an authorization request that could not be
// made: it cannot be signed, or the IdP did not take it when it was pushed.
func (v *visit) requestFailed(err error, client *config.Client) error {
	const step = "pushed authorization request"
	oauth, refused := errors.AsType[*oidc.OAuthError](err)
	switch {
	case refused:
		v.emit(flow.Event{Kind: flow.Login, Step: step, Verdict: flow.Refused, Found: oauth.Code, Err: err, Clause: "RFC 9126 2.3"})
		return v.refuse(outcome{
			status: http.StatusInternalServerError, cause: "identity provider answered " + oauth.Code + " to the pushed request",
			err: err, client: client,
		})
	case errors.Is(err, oidc.ErrPushedRequest): // nothing was spent: it can be tried again
		v.emit(flow.Event{Kind: flow.Login, Step: step, Verdict: flow.Failed, Err: err})
		return v.refuse(outcome{status: http.StatusServiceUnavailable, cause: step, err: err, client: client})
	}
	return v.providerFailed(flow.Login, "authorization request", err, client)
}
