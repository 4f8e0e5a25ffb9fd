package openidconnect

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// callbackParams are the parameters of an authorization response (RFC 6749
// section 4.1.2, RFC 9207), from the query or from a form body.
type callbackParams struct {
	State, Code, Issuer         string
	Error, Description, URI     string
	SessionState, Response      string
	hasState, hasCode, hasError bool
	hasIssuer                   bool
	// marked: the request comes from our own relay page (decision 12).
	marked bool
	// duplicate is the first parameter that occurred twice, empty if none.
	duplicate string
	// oversized is the first parameter that is too long, empty if none.
	oversized string
	// overflow: there are more pairs than are looked at.
	overflow bool
}

// relayMark is the field by which the relay page marks its request.
const relayMark = "sallyport_relay"

const (
	// maxCallbackParam bounds each parameter of a callback but state.
	maxCallbackParam = 8 << 10
	// maxCallbackPairs bounds the pairs that are looked at.
	maxCallbackPairs = 100
)

var errParams = errors.New("openid-connect: callback parameters")

// callbackNames are the parameters of an authorization response: what a
// callback takes, and what never reaches the upstream (decision 14).
var callbackNames = []string{
	"state", "code", "iss", "error", "error_description", "error_uri", "session_state", "response",
}

// looksLikeCallback tells whether there is anything of a callback at all.
func (c *callbackParams) looksLikeCallback() bool {
	return c.hasState || c.hasCode || c.hasError
}

// parseQuery reads the parameters of a query or of an urlencoded body. A pair
// that cannot be decoded is an error only under one of our names.
func (c *callbackParams) parseQuery(raw string) error {
	for n := 0; raw != ""; n++ {
		if n == maxCallbackPairs {
			c.overflow = true
			return nil
		}
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		if err != nil {
			continue
		}
		if !ownParam(name) {
			continue
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			return fmt.Errorf("%w: %s is not decodable", errParams, name)
		}
		c.set(name, text)
	}
	return nil
}

func ownParam(name string) bool {
	if name == relayMark {
		return true
	}
	return slices.Contains(callbackNames, name)
}

// set stores one decoded pair.
func (c *callbackParams) set(name, value string) {
	limit := maxCallbackParam
	if name == "state" {
		limit = maxState
	}
	if len(value) > limit && c.oversized == "" {
		c.oversized = name
	}
	if name == relayMark {
		c.marked = true
		return
	}
	field, seen := c.place(name)
	if *seen || *field != "" {
		if c.duplicate == "" {
			c.duplicate = name
		}
		return
	}
	*seen, *field = true, value
}

// place is where the value of one of callbackNames goes, and where it is noted
// that it came.
func (c *callbackParams) place(name string) (field *string, seen *bool) {
	switch name {
	case "state":
		return &c.State, &c.hasState
	case "code":
		return &c.Code, &c.hasCode
	case "iss":
		return &c.Issuer, &c.hasIssuer
	case "error":
		return &c.Error, &c.hasError
	case "error_description":
		field = &c.Description
	case "error_uri":
		field = &c.URI
	case "session_state":
		field = &c.SessionState
	default:
		field = &c.Response
	}
	return field, new(bool)
}

// pairs lists what a relay page repeats, in a fixed order.
func (c *callbackParams) pairs() [][2]string {
	var out [][2]string
	for _, p := range []struct{ name, value string }{
		{"state", c.State},
		{"code", c.Code},
		{"iss", c.Issuer},
		{"error", c.Error},
		{"error_description", c.Description},
		{"error_uri", c.URI},
		{"session_state", c.SessionState},
		{"response", c.Response},
	} {
		if p.value != "" {
			out = append(out, [2]string{p.name, p.value})
		}
	}
	return out
}

// stripCallback removes the parameters of an authorization response from a
// raw query and leaves everything else byte for byte.
func stripCallback(raw string) string {
	if raw == "" {
		return ""
	}
	kept := make([]string, 0, 4)
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err == nil && ownParam(name) {
			continue
		}
		kept = append(kept, pair)
	}
	return strings.Join(kept, "&")
}
