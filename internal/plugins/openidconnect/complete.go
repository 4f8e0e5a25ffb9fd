package openidconnect

import (
	"encoding/json"
	"net/http"
	"net/url"

	"sallyport/internal/flow"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/session"
)

// complete opens the session of a login and carries out the login action.
func (h *handler) complete(w http.ResponseWriter, v *visit, c *callback, g *grant) (after, error) {
	entry := h.entry(c.client, g)
	if !usable(&entry, h.Now(), h.config.Verification.Leeway) {
		return after{}, v.unexpected("token endpoint issued an access token that has expired already", nil)
	}
	if err := h.welcome(v, h.judge(&entry), c.client); err != nil {
		return after{}, err
	}
	start := h.Now()
	s, lines, err := h.sessions.Start(v.ctx, v.Visit, entry)
	v.step(flow.Callback, "session", "", start, err)
	if err != nil {
		return after{}, v.saveFailed("open session", err)
	}
	h.Meter.Login(resultCompleted)
	v.cookies(lines)
	h.replay(v, config.MethodAuthorizationCode, h.replayed(g.tokens.Header))
	l := &h.config.Login
	if !l.Applies(config.MethodAuthorizationCode) {
		return h.onward(v, s), nil
	}
	switch l.Action {
	case config.LoginResponse:
		return after{}, h.respond(w, g)
	case config.LoginRedirect:
		return after{}, h.goToTarget(w, v, c, g)
	case config.LoginUpstream:
	}
	return h.onward(v, s), nil
}

// onward proxies the request that completed the login, without what the IdP
// put into it (decision 14).
func (h *handler) onward(v *visit, s *session.Session) after {
	v.q.Rewrite = &plugin.Rewrite{Method: http.MethodGet, RawQuery: stripCallback(v.q.Canonical.RawQuery)}
	return after{proxy: s}
}

// goToTarget is the login action redirect: to login_redirect_uri, or back to where
// the login began.
func (h *handler) goToTarget(w http.ResponseWriter, v *visit, c *callback, g *grant) error {
	target, configured := h.targetFrom(v, c), false
	if !c.client.AfterLogin.IsZero() {
		target, configured = c.client.AfterLogin.Text, true
	}
	fragment := ""
	if tokens := h.handedOut(g); len(tokens) > 0 {
		values := url.Values{}
		for name, value := range tokens {
			if text, ok := value.(string); ok {
				values.Set(name, text)
			}
		}
		if h.config.Login.RedirectMode == config.RedirectQuery {
			target = withArguments(target, values)
		} else {
			fragment = "#" + values.Encode()
		}
	}
	if configured {
		return h.moveTo(w, v, c, target, fragment)
	}
	return h.leaveFor(w, v, c, target, fragment)
}

func withArguments(target string, values url.Values) string {
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += values.Encode()
	return u.String()
}

// handedOut are the tokens that login_tokens hands to the user agent.
func (h *handler) handedOut(g *grant) map[string]any {
	l := &h.config.Login
	if len(l.Tokens) == 0 {
		return nil
	}
	out := map[string]any{}
	for _, t := range []struct {
		name  config.LoginToken
		value string
	}{
		{config.TokenID, g.tokens.IDToken.Reveal()},
		{config.TokenAccess, g.tokens.AccessToken.Reveal()},
		{config.TokenRefresh, g.tokens.RefreshToken.Reveal()},
	} {
		if (l.Gives(t.name) || l.Gives(config.TokenResponse)) && t.value != "" {
			out[string(t.name)] = t.value
		}
	}
	return out
}

// respond is the login action response: 200 with the tokens as JSON.
func (h *handler) respond(w http.ResponseWriter, g *grant) error {
	body := []byte(g.tokens.Body.Reveal())
	if !h.config.Login.Gives(config.TokenResponse) {
		var err error
		if body, err = json.Marshal(h.handedOut(g)); err != nil {
			return err
		}
	}
	head := w.Header()
	head.Set("Content-Type", "application/json; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(body)
	return err
}
