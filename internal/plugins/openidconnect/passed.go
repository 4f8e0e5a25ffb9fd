package openidconnect

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"sallyport/internal/oidc"
)

// What the configuration passes on of a request to the IdP. Values are bounded,
// and copies: what the IdP answers to them is kept under them.

// passedHeaders are headers by their names.
func (v *visit) passedHeaders(into http.Header, names []string) http.Header {
	for _, name := range names {
		name = textproto.CanonicalMIMEHeaderKey(name)
		values := v.q.HTTP.Header[name]
		if len(values) == 0 || len(values[0]) > maxPassedArgument {
			continue
		}
		if into == nil {
			into = make(http.Header, len(names))
		}
		if _, fixed := into[name]; !fixed {
			into[name] = []string{strings.Clone(values[0])}
		}
	}
	return into
}

// passedFields are arguments from query, body or header, in this order.
func (v *visit) passedFields(into url.Values, names []string) (url.Values, error) {
	for _, name := range names {
		value, n := queryValue(v.q.Canonical.RawQuery, name)
		if n == 0 {
			values, err := v.bodyValues(name)
			if err != nil {
				return nil, err
			}
			if len(values) > 0 {
				value = values[0]
			} else {
				value = v.q.HTTP.Header.Get(strings.ReplaceAll(name, "_", "-"))
			}
		}
		into = setPassed(into, name, value)
	}
	return into, nil
}

// setPassed adds an argument, unless the configuration fixes it.
func setPassed(into url.Values, name, value string) url.Values {
	if value == "" || len(value) > maxPassedArgument || into.Has(name) {
		return into
	}
	if into == nil {
		into = make(url.Values)
	}
	into.Set(name, strings.Clone(value))
	return into
}

// tokenExtra are the additions to a token request, fixed and passed on.
func (v *visit) tokenExtra() (oidc.Extra, error) {
	t := &v.h.config.Token
	extra := v.h.config.TokenExtra()
	if len(t.ClientHeaders)+len(t.ClientArguments) == 0 {
		return extra, nil
	}
	extra.Header = v.passedHeaders(extra.Header.Clone(), t.ClientHeaders)
	var err error
	extra.Args, err = v.passedFields(cloneValues(extra.Args), t.ClientArguments)
	return extra, err
}

// introspectionExtra are the additions to an introspection request.
func (v *visit) introspectionExtra() (oidc.Extra, error) {
	i := &v.h.config.Introspection
	extra := oidc.Extra{Args: i.Arguments, Header: i.Header}
	if len(i.ClientHeaders)+len(i.ClientArguments)+len(i.ClientHeaderArguments) == 0 {
		return extra, nil
	}
	extra.Header = v.passedHeaders(extra.Header.Clone(), i.ClientHeaders)
	args, err := v.passedFields(cloneValues(extra.Args), i.ClientArguments)
	for _, name := range i.ClientHeaderArguments {
		args = setPassed(args, name, v.q.HTTP.Header.Get(name))
	}
	extra.Args = args
	return extra, err
}

// userInfoExtra are the additions to a user info request.
func (v *visit) userInfoExtra() oidc.Extra {
	u := &v.h.config.UserInfo
	extra := oidc.Extra{Args: u.Query, Header: u.Header}
	if len(u.ClientHeaders)+len(u.ClientArguments) == 0 {
		return extra
	}
	extra.Header = v.passedHeaders(extra.Header.Clone(), u.ClientHeaders)
	args := cloneValues(extra.Args)
	for name, values := range passedArguments(v.q.Canonical.RawQuery, u.ClientArguments) {
		args = setPassed(args, name, values[0])
	}
	extra.Args = args
	return extra
}

func cloneValues(v url.Values) url.Values { return url.Values(http.Header(v).Clone()) }
