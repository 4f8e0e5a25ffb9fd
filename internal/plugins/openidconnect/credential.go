package openidconnect

import (
	"encoding/base64"
	"strings"

	"sallyport/internal/plugins/openidconnect/config"
)

const (
	// maxCredential bounds a token, maxNamePart a name or a password.
	maxCredential = 32 << 10
	maxNamePart   = 4 << 10
)

// The names of arguments that carry credentials, as in Kong.
const (
	argAccessToken  = "access_token"
	argUsername     = "username"
	argPassword     = "password"
	argClientID     = "client_id"
	argClientSecret = "client_secret"

	argAssertionType = "client_assertion_type"
	argAssertion     = "client_assertion"
)

// jwtBearer is the type of client assertions that are JWTs (RFC 7523 section 2.2).
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" //nolint:gosec // a name

// credential is what an API client showed, and where it stood.
type credential struct {
	// token, or a name and its password.
	token, name, password string
	place                 config.Place
	// carriers are the header, the cookie, or the arguments it came in; empty
	// ones are none.
	carriers [3]string
	// once tells that it counts once: what comes of it is not kept.
	once bool
	// dpop tells that it came by the scheme DPoP (RFC 9449 section 7.1).
	dpop bool
	// malformed tells that it cannot be one, whoever issued it.
	malformed bool
}

// standardHeaders carry an access token where no other is configured.
var standardHeaders = [...]string{"Authorization", "Access-Token", "X-Access-Token"}

// bearerToken finds the access token of a request (RFC 6750 section 2): header,
// cookie, query, body, the first that has one.
func (v *visit) bearerToken() (credential, bool, error) {
	c := &v.h.config.Credential
	if c.Bearer.Header {
		if found, ok := v.headerToken(); ok {
			return found, true, nil
		}
	}
	if c.Bearer.Cookie && c.BearerCookie != "" {
		value, n := cookieValue(v.Cookie, c.BearerCookie)
		if n > 0 {
			return tokenCredential(value, config.PlaceCookie, c.BearerCookie, n > 1), true, nil
		}
	}
	return v.argumentToken(c.Bearer, argAccessToken)
}

func (v *visit) headerToken() (credential, bool) {
	header := v.q.HTTP.Header
	if own := v.h.config.Credential.BearerHeader; own != "" {
		values := header[own]
		if len(values) == 0 || values[0] == "" {
			return credential{}, false
		}
		return v.schemeToken(values[0], own, len(values) > 1), true
	}
	for i, name := range standardHeaders {
		values := header[name]
		if len(values) == 0 || values[0] == "" {
			continue
		}
		if i == 0 {
			_, isBearer := cutScheme(values[0], "Bearer")
			if _, isDPoP := v.cutDPoP(values[0]); !isBearer && !isDPoP {
				continue
			}
		}
		return v.schemeToken(values[0], name, len(values) > 1), true
	}
	return credential{}, false
}

// schemeToken is the token of a header, with the scheme Bearer, DPoP or none.
func (v *visit) schemeToken(text, header string, several bool) credential {
	token, dpop := v.cutDPoP(text)
	if !dpop {
		token = withoutScheme(text)
	}
	found := tokenCredential(token, config.PlaceHeader, header, several)
	found.dpop, v.byDPoP = dpop, dpop
	return found
}

// cutDPoP takes the scheme DPoP from a value where that is known.
func (v *visit) cutDPoP(value string) (string, bool) {
	if v.h.config.Possession.DPoP == config.PossessionOff {
		return "", false
	}
	return cutScheme(value, "DPoP")
}

// cutScheme takes an authentication scheme, in any case, from a value.
func cutScheme(value, scheme string) (string, bool) {
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) || value[len(scheme)] != ' ' {
		return "", false
	}
	return strings.Trim(value[len(scheme):], " "), true
}

func withoutScheme(value string) string {
	if token, ok := cutScheme(value, "Bearer"); ok {
		return token
	}
	return value
}

// tokenCredential holds a token to its shape: one value of printable characters
// without blanks, as short as a header may be.
func tokenCredential(token string, place config.Place, carrier string, several bool) credential {
	return credential{
		token: token, place: place, carriers: [3]string{carrier},
		malformed: several || token == "" || len(token) > maxCredential || !oneWord(token),
	}
}

func oneWord(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// argumentToken finds a token in the query or in the body.
func (v *visit) argumentToken(in config.Locations, name string) (credential, bool, error) {
	if in.Query {
		if value, n := v.q.Argument(name); n > 0 {
			return tokenCredential(value, config.PlaceQuery, name, n > 1), true, nil
		}
	}
	if in.Body {
		values, err := v.bodyValues(name)
		if err != nil || len(values) == 0 {
			return credential{}, false, err
		}
		return tokenCredential(values[0], config.PlaceBody, name, len(values) > 1), true, nil
	}
	return credential{}, false, nil
}

// bodyValues are the values of a field of the body, of a form or a JSON object.
func (v *visit) bodyValues(name string) ([]string, error) {
	if v.q.HTTP.ContentLength <= 0 {
		return nil, nil
	}
	fields, ok, err := v.q.PeekFields()
	if err != nil || !ok {
		return nil, err
	}
	return fields.Values(name), nil
}

// namedToken finds a token that comes under a configured name: in the header
// that the name makes, with or without "Bearer ", in the query or in the body.
func (v *visit) namedToken(in config.Locations, name, header string) (credential, bool, error) {
	if name == "" {
		return credential{}, false, nil
	}
	if in.Header {
		if values := v.q.HTTP.Header[header]; len(values) > 0 && values[0] != "" {
			return tokenCredential(withoutScheme(values[0]), config.PlaceHeader, header, len(values) > 1), true, nil
		}
	}
	return v.argumentToken(in, name)
}

// pair finds a name and its password: in a Basic header (RFC 7617), or in two
// arguments of the query or of the body.
func (v *visit) pair(in config.Locations, nameArg, passwordArg string) (credential, bool, error) {
	if in.Header {
		if found, ok := v.basic(); ok {
			return found, true, nil
		}
	}
	if in.Query {
		name, n := v.q.Argument(nameArg)
		password, m := v.q.Argument(passwordArg)
		if n > 0 && m > 0 {
			return pairCredential(name, password, config.PlaceQuery, nameArg, passwordArg, n+m > 2), true, nil
		}
	}
	if !in.Body {
		return credential{}, false, nil
	}
	names, err := v.bodyValues(nameArg)
	if err != nil || len(names) == 0 {
		return credential{}, false, err
	}
	passwords, err := v.bodyValues(passwordArg)
	if err != nil || len(passwords) == 0 {
		return credential{}, false, err
	}
	return pairCredential(names[0], passwords[0], config.PlaceBody, nameArg, passwordArg, len(names)+len(passwords) > 2), true, nil
}

func (v *visit) basic() (credential, bool) {
	values := v.q.HTTP.Header["Authorization"]
	if len(values) == 0 {
		return credential{}, false
	}
	encoded, ok := cutScheme(values[0], "Basic")
	if !ok {
		return credential{}, false
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	name, password, colon := strings.Cut(string(text), ":")
	found := pairCredential(name, password, config.PlaceHeader, standardHeaders[0], "", len(values) > 1)
	found.malformed = found.malformed || err != nil || !colon
	return found, true
}

func pairCredential(name, password string, place config.Place, nameArg, passwordArg string, several bool) credential {
	return credential{
		name: name, password: password, place: place, carriers: [3]string{nameArg, passwordArg},
		malformed: several || name == "" || len(name) > maxNamePart || len(password) > maxNamePart ||
			strings.ContainsRune(name+password, 0),
	}
}

// assertion finds a client assertion and its type in two arguments of the query
// or of the body. It names its client; a client_id beside it says nothing (RFC
// 7521 section 4.2).
func (v *visit) assertion(in config.Locations) (credential, bool, error) {
	if in.Query {
		kind, n := v.q.Argument(argAssertionType)
		text, m := v.q.Argument(argAssertion)
		if n > 0 && m > 0 {
			return assertionCredential(kind, text, config.PlaceQuery, n+m > 2), true, nil
		}
	}
	if !in.Body {
		return credential{}, false, nil
	}
	kinds, err := v.bodyValues(argAssertionType)
	if err != nil || len(kinds) == 0 {
		return credential{}, false, err
	}
	texts, err := v.bodyValues(argAssertion)
	if err != nil || len(texts) == 0 {
		return credential{}, false, err
	}
	return assertionCredential(kinds[0], texts[0], config.PlaceBody, len(kinds)+len(texts) > 2), true, nil
}

func assertionCredential(kind, text string, place config.Place, several bool) credential {
	found := tokenCredential(text, place, argAssertionType, several || kind != jwtBearer)
	found.carriers, found.once = [3]string{argAssertionType, argAssertion, argClientID}, true
	return found
}

// hide keeps a credential from the upstream, wherever it stood.
func (v *visit) hide(c *credential) {
	switch c.place {
	case config.PlaceHeader:
		v.q.Upstream.RemoveSpellings(c.carriers[0])
	case config.PlaceCookie:
		v.q.DropUpstreamCookies = append(v.q.DropUpstreamCookies, c.carriers[0])
	case config.PlaceQuery:
		v.q.DropArguments(c.names()...)
	case config.PlaceBody:
		v.q.DropFields(c.names()...)
	}
}

func (c *credential) names() []string {
	n := 0
	for n < len(c.carriers) && c.carriers[n] != "" {
		n++
	}
	return c.carriers[:n]
}

// cookieValue is the first value of a cookie, and how many different ones the
// request has.
func cookieValue(lines []string, name string) (value string, n int) {
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			key, text, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			switch {
			case key != name || text == "":
			case n == 0:
				value, n = text, 1
			case text != value:
				n++
			}
		}
	}
	return value, n
}
