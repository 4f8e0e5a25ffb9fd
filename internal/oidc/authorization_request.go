package oidc

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// AuthorizationRequest is what a login asks of the provider (OpenID Connect
// Core 1.0 §3.1.2.1). Empty fields send no parameter.
type AuthorizationRequest struct {
	ClientID, RedirectURI string
	// ResponseType empty means code.
	ResponseType, ResponseMode string
	Scopes                     []string
	State, Nonce               string
	// CodeChallenge is the S256 challenge of a verifier; see S256Challenge.
	CodeChallenge string
	// MaxAge nil sends no max_age; zero sends max_age=0.
	MaxAge *time.Duration
	// ACRValues are the levels of authentication that are asked for, best first;
	// they replace those of Fixed and FromUserAgent.
	ACRValues []string
	// Audience sends one audience parameter a value.
	Audience []string
	// Fixed are configured extra parameters. They win over FromUserAgent,
	// which the user agent brought along. Neither replaces a protected
	// parameter; scope, max_age and audience can be replaced.
	Fixed, FromUserAgent url.Values
	// RequestObject signs the parameters, Push hands them over beforehand; see
	// Provider.Location.
	RequestObject, Push bool
}

// protectedAuthorizationParameter names what no extra parameter may replace:
// each of them binds the answer to this login.
func protectedAuthorizationParameter(name string) bool {
	switch name {
	case "state", "nonce", "redirect_uri", "response_type", "response_mode", "client_id",
		"code_challenge", "code_challenge_method", "request", "request_uri":
		return true
	}
	return false
}

// responseTypeCode is the response type of a request that names none.
const responseTypeCode = "code"

func (a AuthorizationRequest) parameters() url.Values {
	q := url.Values{}
	if len(a.Scopes) > 0 {
		q.Set("scope", strings.Join(a.Scopes, " "))
	}
	if a.MaxAge != nil {
		q.Set("max_age", strconv.FormatInt(int64(a.MaxAge.Seconds()), 10))
	}
	if len(a.Audience) > 0 {
		q["audience"] = a.Audience
	}
	for _, extra := range []url.Values{a.FromUserAgent, a.Fixed} {
		for name, values := range extra {
			if !protectedAuthorizationParameter(name) {
				q[name] = values
			}
		}
	}
	if len(a.ACRValues) > 0 {
		q.Set("acr_values", strings.Join(a.ACRValues, " "))
	}
	responseType := a.ResponseType
	if responseType == "" {
		responseType = responseTypeCode
	}
	for _, x := range []struct{ name, value string }{
		{"response_type", responseType},
		{"response_mode", a.ResponseMode},
		{"client_id", a.ClientID},
		{"redirect_uri", a.RedirectURI},
		{"state", a.State},
		{"nonce", a.Nonce},
		{"code_challenge", a.CodeChallenge},
	} {
		if x.value != "" {
			q.Set(x.name, x.value)
		}
	}
	if a.CodeChallenge != "" {
		q.Set("code_challenge_method", challengeS256)
	}
	return q
}
