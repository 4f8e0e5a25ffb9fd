package oidc

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The classes of errors that a caller decides on. Test with errors.Is.
var (
	// ErrUnreachable: the discovery document or the signing keys cannot be
	// had. It covers no answer, a bad status, and an answer that is none.
	ErrUnreachable = errors.New("provider unreachable")
	// ErrIssuerMismatch: the discovery document names another issuer than the
	// configured one (OpenID Connect Discovery 1.0 §4.3).
	ErrIssuerMismatch = errors.New("discovery document names another issuer")
	// ErrTokenEndpoint: the token endpoint gave neither tokens nor an OAuth
	// error: no answer, a server error, or garbage.
	ErrTokenEndpoint = errors.New("token endpoint")
	// ErrExchangeEndpoint: an endpoint of Kong's own exchange gave no token.
	ErrExchangeEndpoint = errors.New("token exchange endpoint")
	// ErrUserInfo: the user info endpoint gave no usable claims.
	ErrUserInfo = errors.New("user info endpoint")
	// ErrNoEndpoint: neither the configuration nor the discovery document
	// names the endpoint that is needed.
	ErrNoEndpoint = errors.New("endpoint unknown")
	// ErrAuthMethod: no client authentication method can be used at an endpoint
	// with the credentials at hand.
	ErrAuthMethod = errors.New("no usable client authentication method")
	// ErrClientKey: secret or private key of the client cannot make the
	// signature that is asked for.
	ErrClientKey = errors.New("no usable client key")
	// ErrPushedRequest: the pushed authorization request endpoint gave neither a
	// reference nor an OAuth error.
	ErrPushedRequest = errors.New("pushed authorization request endpoint")
	// ErrRevocation: the revocation endpoint neither revoked nor gave an OAuth
	// error.
	ErrRevocation = errors.New("revocation endpoint")
	// ErrIDToken: an ID token broke a rule. The error is a *Violation.
	ErrIDToken = errors.New("id token refused")
	// ErrResponseIssuer: the iss parameter of an authorization response is
	// wrong or missing (RFC 9207 §2.4). The error is a *Violation.
	ErrResponseIssuer = errors.New("authorization response refused")
	// ErrAccessToken: a JWT access token broke a rule. The error is a
	// *Violation.
	ErrAccessToken = errors.New("access token refused")
	// ErrIntrospection: the introspection endpoint gave no usable answer.
	ErrIntrospection = errors.New("introspection endpoint")
	// ErrSignedAnswer: an answer that came as a JWT broke a rule. The error is
	// a *Violation.
	ErrSignedAnswer = errors.New("signed answer refused")
	// ErrUserInfoSubject: user info is about somebody else than the ID token
	// (OpenID Connect Core 1.0 §5.3.2). The error is a *Violation.
	ErrUserInfoSubject = errors.New("user info refused")
)

const (
	maxErrorCode        = 64
	maxErrorDescription = 200
	maxFound            = 120
)

// OAuthError is an error response of the authorization server (RFC 6749 §5.2
// and §4.1.2.1).
type OAuthError struct {
	// Code is the error code, for example invalid_grant; printable ASCII, at
	// most 64 characters.
	Code string
	// Description is the provider's text for developers: printable, at most
	// 200 characters, and still foreign text that must be escaped.
	Description string
	// Status is the HTTP status it came with; 0 for an error that came through
	// the user agent.
	Status int
}

// NewOAuthError returns an OAuthError with foreign texts cut and made
// printable.
func NewOAuthError(code, description string, status int) *OAuthError {
	return &OAuthError{
		Code:        printable(code, maxErrorCode),
		Description: printable(description, maxErrorDescription),
		Status:      status,
	}
}

// Error implements error: the code, and the description where there is one.
func (e *OAuthError) Error() string {
	if e.Description == "" {
		return "oauth error " + e.Code
	}
	return "oauth error " + e.Code + ": " + e.Description
}

// Violation is the error of a check that something sent by the provider did
// not pass.
type Violation struct {
	// Rule is the sentinel of the rule, for example ErrNonce.
	Rule error
	// Clause is the specification that demands it.
	Clause string
	// Expected and Found say what was compared: printable, cut, and never a
	// token, a code, a nonce or a secret. Either may be empty.
	Expected, Found string

	class error
}

// Error implements error.
func (v *Violation) Error() string {
	text := "oidc: " + v.class.Error() + ": " + v.Rule.Error()
	switch {
	case v.Expected != "" && v.Found != "":
		text += fmt.Sprintf(": expected %s, found %s", v.Expected, v.Found)
	case v.Found != "":
		text += ": found " + v.Found
	case v.Expected != "":
		text += ": expected " + v.Expected
	}
	return text + " (" + v.Clause + ")"
}

// Unwrap gives the class of the check and the sentinel of the rule.
func (v *Violation) Unwrap() []error { return []error{v.class, v.Rule} }

// Rule gives name and clause of the rule that err broke, and whether it broke
// one at all.
func Rule(err error) (name, clause string, ok bool) {
	var v *Violation
	if !errors.As(err, &v) {
		return "", "", false
	}
	return v.Rule.Error(), v.Clause, true
}

// printable makes foreign text fit for logs and pages: what is not printable
// becomes a space, and what is longer than limit characters is cut.
func printable(s string, limit int) string {
	if len(s) > limit*utf8.UTFMax {
		s = s[:limit*utf8.UTFMax]
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == limit {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			r = ' '
		}
		b.WriteRune(r)
		n++
	}
	return strings.TrimSpace(b.String())
}

// quoted is printable text between quotation marks, cut for an error.
func quoted(s string) string { return `"` + printable(s, maxFound) + `"` }
