package oidc

import (
	"encoding/base64"
	"strings"

	"sallyport/internal/secret"
)

// maxToken bounds a token before it is looked into. ID tokens with hundreds of
// groups stay below it.
const maxToken = 128 << 10

const clauseJWS = "RFC 7515 5.2"

// jws is a compact JWS, taken apart and not yet verified. Keys in its header
// (jwk, jku, x5c, x5u) are not looked at.
type jws struct {
	raw       string
	algorithm algorithm
	kid, typ  string
	claims    *Claims
}

// compactShape reports whether text has the shape of a compact JWS: bounded,
// three parts, and base64url characters only. It looks at each byte once and
// splits nothing.
func compactShape(text string) bool {
	if len(text) == 0 || len(text) > maxToken {
		return false
	}
	dots := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.':
			if dots++; dots > 2 {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return dots == 2
}

// parseJWS takes a token apart. Errors are violations: ErrMalformed,
// ErrCritical or ErrAlgorithm.
func parseJWS(raw secret.String) (*jws, error) {
	text := raw.Reveal()
	if raw.Empty() {
		return nil, refuse(ErrMissing, "OpenID Connect Core 3.1.3.3", "", "")
	}
	if !compactShape(text) {
		return nil, malformed("three base64url parts within 128 KiB")
	}
	first, rest, _ := strings.Cut(text, ".")
	second, _, _ := strings.Cut(rest, ".")
	header, err := decodePart(first)
	if err != nil {
		return nil, malformed("a json object as header")
	}
	t := &jws{raw: text}
	if t.kid, err = textMember(header, "kid"); err != nil {
		return nil, malformed("kid as a string")
	}
	if t.typ, err = textMember(header, "typ"); err != nil {
		return nil, malformed("typ as a string")
	}
	// RFC 7515 §4.1.11: no extension is understood here, RFC 7797's b64
	// included, whether or not it is marked.
	for _, name := range []string{"crit", "b64"} {
		if _, there := header[name]; there {
			return nil, refuse(ErrCritical, "RFC 7515 4.1.11", "no extension", name)
		}
	}
	name, err := textMember(header, "alg")
	if err != nil {
		return nil, malformed("alg as a string")
	}
	known := false
	if t.algorithm, known = knownAlgorithm(name); !known {
		return nil, refuse(ErrAlgorithm, clauseAlgorithm, "a signature algorithm", quoted(name))
	}
	payload, err := base64.RawURLEncoding.DecodeString(second)
	if err != nil {
		return nil, malformed("a json object as payload")
	}
	if t.claims, err = ParseClaims(payload); err != nil {
		return nil, malformed("a json object as payload")
	}
	return t, nil
}

func malformed(expected string) error { return refuse(ErrMalformed, clauseJWS, expected, "") }

func decodePart(part string) (map[string]any, error) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, err
	}
	return decodeObject(string(text))
}
