package openidconnect

import (
	"net/http"
	"slices"

	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// told are the headers of one direction about e.
func told(t *config.TokenHeaders, e *session.Entry) []toldHeader {
	var all []toldHeader
	add := func(header config.TokenHeader, value string) {
		if header.Name == "" || value == "" {
			return
		}
		if header.Bearer {
			value = "Bearer " + value
		}
		all = append(all, toldHeader{name: header.Name, value: value})
	}
	add(t.AccessToken, e.AccessToken.Reveal())
	add(t.IDToken, e.IDToken.Reveal())
	add(t.RefreshToken, e.RefreshToken.Reveal())
	if t.UserInfo.Name != "" {
		add(t.UserInfo, userInfoHeader(e))
	}
	add(t.Introspection, documentOf(e, docIntrospection))
	add(t.IntrospectionJWT, documentOf(e, docIntrospectionJWT))
	add(t.UserInfoJWT, documentOf(e, docUserInfoJWT))
	add(t.AccessTokenJWK, documentOf(e, docAccessJWK))
	add(t.IDTokenJWK, documentOf(e, docIDJWK))
	for i := range t.Claims {
		if value := claimValue(e, t.Claims[i].Path); value != "" {
			all = append(all, toldHeader{name: t.Claims[i].Name, value: value})
		}
	}
	return slices.Clip(all)
}

func documentOf(e *session.Entry, name string) string {
	for i := range e.Claims {
		if e.Claims[i].Name == name {
			return e.Claims[i].Value
		}
	}
	return ""
}

// replayed picks the headers of a token endpoint's answer that the user agent
// may get. They are copies.
func (h *handler) replayed(answer http.Header) http.Header {
	var out http.Header
	for _, r := range h.config.Token.Replay {
		if values := answer[r.Name]; len(values) > 0 {
			if out == nil {
				out = http.Header{}
			}
			out[r.As] = append(out[r.As], values...)
		}
	}
	return out
}

// replay sends headers of the token endpoint to the user agent.
func (h *handler) replay(v *visit, method config.Method, headers http.Header) {
	if len(headers) == 0 || !h.config.Token.Replays(method) {
		return
	}
	for name, values := range headers {
		v.q.Response.Remove(name)
		for _, value := range values {
			v.q.Response.Add(name, value)
		}
	}
}
