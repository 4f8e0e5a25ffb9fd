package oidc

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/secret"
)

// Claims is a set of claims about a subject: the payload of a token or the
// answer of the user info endpoint. It is immutable and safe for concurrent
// use; what Lookup returns must not be changed.
type Claims struct {
	raw     string
	members map[string]any
}

// ParseClaims reads a JSON object. It is bounded in depth and in the number of
// values, and refuses members that are named twice. raw is copied.
func ParseClaims(raw []byte) (*Claims, error) {
	text := string(raw)
	members, err := decodeObject(text)
	if err != nil {
		return nil, err
	}
	return &Claims{raw: text, members: members}, nil
}

// UnverifiedClaims reads the payload of a JWT without verifying anything: for
// tokens that came straight from the token endpoint and are read for headers
// or expiry. An opaque token is an error.
func UnverifiedClaims(token secret.String) (*Claims, error) {
	text := token.Reveal()
	if !compactShape(text) {
		return nil, errors.New("oidc: token is not a jwt")
	}
	_, rest, _ := strings.Cut(text, ".")
	second, _, _ := strings.Cut(rest, ".")
	payload, err := base64.RawURLEncoding.DecodeString(second)
	if err != nil {
		return nil, errors.New("oidc: token is not a jwt")
	}
	return ParseClaims(payload)
}

// Raw is the JSON text as it came.
func (c *Claims) Raw() []byte { return []byte(c.raw) }

// Lookup descends into objects by member name and into arrays by 1-based
// position, one element of path a step. A step that is not there, and a null
// at the end, count as absent. Values are string, bool, json.Number,
// map[string]any and []any.
func (c *Claims) Lookup(path ...string) (any, bool) {
	var v any = c.members
	for _, step := range path {
		switch parent := v.(type) {
		case map[string]any:
			v = parent[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 1 || i > len(parent) {
				return nil, false
			}
			v = parent[i-1]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// Text is the claim as text: a string as it is, a number or boolean in its
// JSON form. Objects and arrays have no text.
func (c *Claims) Text(path ...string) (string, bool) {
	v, ok := c.Lookup(path...)
	if !ok {
		return "", false
	}
	return scalarText(v)
}

// Texts is the claim as a list: the scalar members of an array, or the one
// element that a scalar is. It does not split a string at its spaces.
func (c *Claims) Texts(path ...string) ([]string, bool) {
	v, ok := c.Lookup(path...)
	if !ok {
		return nil, false
	}
	list, isList := v.([]any)
	if !isList {
		s, ok := scalarText(v)
		if !ok {
			return nil, false
		}
		return []string{s}, true
	}
	out := make([]string, 0, len(list))
	for _, item := range list {
		if s, ok := scalarText(item); ok {
			out = append(out, s)
		}
	}
	return out, true
}

// Time is the claim as a NumericDate; absent and malformed are both false.
func (c *Claims) Time(path ...string) (time.Time, bool) {
	v, ok := c.Lookup(path...)
	if !ok {
		return time.Time{}, false
	}
	t, err := numericDate(v)
	return t, err == nil
}

// Issuer is iss, empty where it is absent or no string.
func (c *Claims) Issuer() string { return c.str("iss") }

// Subject is sub, empty where it is absent or no string.
func (c *Claims) Subject() string { return c.str("sub") }

// Audience is aud: one string or a list of strings. It is nil where aud is
// absent or anything else.
func (c *Claims) Audience() []string {
	if s := c.str("aud"); s != "" {
		return []string{s}
	}
	list, err := textsMember(c.members, "aud")
	if err != nil {
		return nil
	}
	return list
}

func (c *Claims) str(name string) string {
	s, _ := c.members[name].(string)
	return s
}

func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
