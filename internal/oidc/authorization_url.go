package oidc

import (
	"strconv"
	"strings"
)

// plain tells whether the user agent is sent to an endpoint to which nothing but
// our own parameters is appended.
func (a AuthorizationRequest) plain(endpoint string) bool {
	return !a.RequestObject && !a.Push && len(a.FromUserAgent)+len(a.Fixed)+len(a.Audience)+len(a.ACRValues) == 0 && plainEndpoint(endpoint)
}

// plainURL is what withQuery makes of a plain request, without the maps and copies
// that it takes there.
func (a AuthorizationRequest) plainURL(endpoint string) string {
	var room [1280]byte // on the stack; what is longer is not
	b, separator := append(room[:0], endpoint...), byte('?')
	add := func(name, value string) {
		if value != "" {
			b = append(append(append(b, separator), name...), '=')
			b, separator = appendQueryEscaped(b, value), '&'
		}
	}
	method, maxAge, responseType := "", "", a.ResponseType
	if a.CodeChallenge != "" {
		method = challengeS256
	}
	if a.MaxAge != nil {
		maxAge = strconv.FormatInt(int64(a.MaxAge.Seconds()), 10)
	}
	if responseType == "" {
		responseType = responseTypeCode
	}
	// In the order in which url.Values.Encode writes them.
	add("client_id", a.ClientID)
	add("code_challenge", a.CodeChallenge)
	add("code_challenge_method", method)
	add("max_age", maxAge)
	add("nonce", a.Nonce)
	add("redirect_uri", a.RedirectURI)
	add("response_mode", a.ResponseMode)
	add("response_type", responseType)
	if len(a.Scopes) == 1 {
		add("scope", a.Scopes[0])
	} else {
		add("scope", strings.Join(a.Scopes, " "))
	}
	add("state", a.State)
	return string(b)
}

// plainEndpoint tells whether an endpoint, which is an absolute URL, has no query
// and nothing that net/url would write in another way.
func plainEndpoint(endpoint string) bool {
	for i := range len(endpoint) {
		if c := endpoint[i]; !unreserved[c] && c != '/' && c != ':' {
			return false
		}
	}
	return strings.HasPrefix(endpoint, "https://") || strings.HasPrefix(endpoint, "http://")
}

// unreserved are the characters of RFC 3986 section 2.3.
var unreserved = func() (set [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") {
		set[c] = true
	}
	return set
}()

// appendQueryEscaped appends what url.QueryEscape makes of text. Most of it
// stays as it is, and is copied as a whole.
func appendQueryEscaped(b []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	done := 0
	for i := range len(text) {
		c := text[i]
		if unreserved[c] {
			continue
		}
		b = append(b, text[done:i]...)
		done = i + 1
		if c == ' ' {
			b = append(b, '+')
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return append(b, text[done:]...)
}
