package openidconnect

import (
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
)

// chooseClient picks the client that the request asks for in header, query or
// form; nil when none is configured.
func (h *handler) chooseClient(v *visit) *config.Client {
	if len(h.config.Clients) < 2 {
		return h.config.ChooseClient("")
	}
	name := h.config.Client.Argument
	dashed := strings.ReplaceAll(name, "_", "-")
	for _, header := range []string{"X-" + dashed, dashed} {
		if asked := v.q.HTTP.Header.Get(header); asked != "" {
			return h.config.ChooseClient(asked)
		}
	}
	if asked := passedArguments(v.q.Canonical.RawQuery, []string{name}).Get(name); asked != "" {
		return h.config.ChooseClient(asked)
	}
	if v.q.HTTP.Method != http.MethodGet && v.q.HTTP.Method != http.MethodHead {
		if form, ok, err := v.q.PeekForm(); err == nil && ok {
			asked, _ := form.Get(name)
			return h.config.ChooseClient(asked)
		}
	}
	return h.config.ChooseClient("")
}

// maxPassedArgument bounds a query argument that is passed on to the IdP.
const maxPassedArgument = 1024

// passedArguments takes the named arguments from a query.
func passedArguments(rawQuery string, names []string) url.Values {
	if len(names) == 0 || rawQuery == "" {
		return nil
	}
	all, _ := url.ParseQuery(rawQuery) // what cannot be decoded is left out
	out := url.Values{}
	for _, name := range names {
		if value := all.Get(name); value != "" && len(value) <= maxPassedArgument {
			out.Set(name, value)
		}
	}
	return out
}

// maxPassedHeader bounds a header of the user agent that is passed on.
const maxPassedHeader = 4096

// tokenExtra are the additions to a token request that this request causes: what
// it brings along, as far as that is configured, and the fixed ones, which win.
// Nothing of it belongs to the request any more.
func (h *handler) tokenExtra(v *visit) oidc.Extra {
	fixed, t := h.config.TokenExtra(), &h.config.Token
	if len(t.ClientHeaders)+len(t.ClientArguments) == 0 {
		return fixed
	}
	out := oidc.Extra{Args: url.Values{}, Header: http.Header{}}
	for _, name := range t.ClientHeaders {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if value := v.q.HTTP.Header.Get(name); value != "" && len(value) <= maxPassedHeader {
			out.Header.Set(name, strings.Clone(value))
		}
	}
	for _, name := range t.ClientArguments {
		if value := v.argument(name); value != "" {
			out.Args.Set(name, strings.Clone(value))
		}
	}
	maps.Copy(out.Args, fixed.Args)
	for name, values := range fixed.Header {
		out.Header[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	return out
}

// argument is what a request brings along under a name: in its query, its form,
// or a header of that name. One that is too long counts as absent.
func (v *visit) argument(name string) string {
	value := passedArguments(v.q.Canonical.RawQuery, []string{name}).Get(name)
	if value == "" && v.q.HTTP.Method != http.MethodGet && v.q.HTTP.Method != http.MethodHead {
		if form, ok, err := v.q.PeekForm(); err == nil && ok {
			value, _ = form.Get(name)
		}
	}
	if value == "" {
		value = v.q.HTTP.Header.Get(strings.ReplaceAll(name, "_", "-"))
	}
	if len(value) > maxPassedArgument {
		return ""
	}
	return value
}
