package openidconnect

import (
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"sallyport/internal/oidc"
)

// introspectionExtra are the additions to an introspection request that this
// request causes: what it brings along, as far as that is configured, and the
// fixed ones, which win. Nothing of it belongs to the request any more.
func (v *visit) introspectionExtra() oidc.Extra {
	i := &v.h.config.Introspection
	out := oidc.Extra{Args: url.Values{}, Header: v.passedHeaders(i.ClientHeaders)}
	for _, name := range i.ClientArguments {
		if value := v.argument(name); value != "" {
			out.Args.Set(name, strings.Clone(value))
		}
	}
	for _, name := range i.ClientHeaderArguments {
		if value := v.q.HTTP.Header.Get(name); value != "" && len(value) <= maxPassedHeader {
			out.Args.Set(name, strings.Clone(value))
		}
	}
	return fixedWins(out, oidc.Extra{Args: i.Arguments, Header: i.Header})
}

// userInfoExtra are the additions to a user info request, likewise.
func (v *visit) userInfoExtra() oidc.Extra {
	u := &v.h.config.UserInfo
	fixed := oidc.Extra{Args: u.Query, Header: u.Header}
	if len(u.ClientHeaders)+len(u.ClientArguments) == 0 {
		return fixed
	}
	out := oidc.Extra{Args: url.Values{}, Header: v.passedHeaders(u.ClientHeaders)}
	for name, values := range passedArguments(v.q.Canonical.RawQuery, u.ClientArguments) {
		out.Args.Set(name, strings.Clone(values[0]))
	}
	return fixedWins(out, fixed)
}

// passedHeaders are copies of headers of the user agent.
func (v *visit) passedHeaders(names []string) http.Header {
	out := http.Header{}
	for _, name := range names {
		if value := v.q.HTTP.Header.Get(name); value != "" && len(value) <= maxPassedHeader {
			out.Set(name, strings.Clone(value))
		}
	}
	return out
}

func fixedWins(out, fixed oidc.Extra) oidc.Extra {
	maps.Copy(out.Args, fixed.Args)
	for name, values := range fixed.Header {
		out.Header[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	return out
}
