package openidconnect

import (
	"strings"

	"sallyport/internal/message"
	"sallyport/internal/oidc"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// byGrant is the method kong_oauth2: an access token that the configuration
// holds, for the application of a consumer. nil means that it is none. It is
// looked up for each request and nothing of it is kept, so that a token which is
// deleted stops counting at once; the identity provider has no part in it.
func (h *handler) byGrant(v *visit, text string) *proof {
	m := &h.config.Method
	if !m.Has(config.MethodKongOAuth2) {
		return nil
	}
	grant, ok := v.q.Consumers.Token(text)
	if !ok || m.Has(config.MethodBearer) && oidc.IsJWT(secret.New(text)) {
		return nil
	}
	token := grant.Token
	switch {
	case token.Expires != 0 && h.Now().Unix() >= token.Expires:
		p := denied("kong_oauth2: the access token has expired", nil, false)
		p.denied.description = describeExpired
		return p
	case token.ServiceID != "" && (v.q.Service == nil || v.q.Service.ID != token.ServiceID):
		return denied("kong_oauth2: the access token is for another service", nil, false)
	}
	e := session.Entry{
		Method: string(config.MethodKongOAuth2), AccessToken: token.AccessToken, TokenType: "Bearer", Scope: token.Scope,
	}
	h.keep(&e, nil, nil) // it has no claims: it meets no rule that demands one
	p := &proof{entry: e, method: config.MethodKongOAuth2, ready: h.prepare(&e)}
	p.ready.who = who{owner: grant.Consumer, credential: grant.Application.ClientID}
	for _, header := range []toldHeader{
		{name: plugin.HeaderAuthenticatedScope, value: token.Scope},
		{name: plugin.HeaderAuthenticatedUserID, value: token.UserID},
	} {
		if header.value != "" && message.ValidValue(header.value) && strings.TrimSpace(header.value) == header.value {
			p.ready.headers = append(p.ready.headers, header)
		}
	}
	return p
}
