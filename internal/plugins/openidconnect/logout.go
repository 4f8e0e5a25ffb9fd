package openidconnect

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sallyport/internal/flow"
	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// isLogout tells whether a request asks for a logout: by its method together
// with the end of its path, a query argument, or a form argument.
func (h *handler) isLogout(v *visit) (bool, error) {
	l := &h.config.Logout
	if !slices.Contains(l.Methods, v.q.HTTP.Method) {
		return false, nil
	}
	c := &v.q.Canonical
	if l.Suffix != "" {
		path := c.Path
		if c.ForwardedPath != "" {
			path = c.ForwardedPath
		}
		if strings.HasSuffix(path, l.Suffix) {
			return true, nil
		}
	}
	if l.QueryArgument != "" && c.RawQuery != "" {
		values, _ := url.ParseQuery(c.RawQuery) // what cannot be decoded triggers nothing
		if values.Has(l.QueryArgument) {
			return true, nil
		}
	}
	if l.PostArgument == "" || v.q.HTTP.Method != http.MethodPost {
		return false, nil
	}
	form, _, err := v.q.PeekForm()
	if err != nil {
		return false, err
	}
	_, has := form.Get(l.PostArgument)
	return has, nil
}

// revoke tells the IdP to forget the tokens of a session that ends, each by its
// own setting (RFC 7009). What goes wrong is reported and stops nothing.
func (h *handler) revoke(v *visit, e *session.Entry, client *config.Client) {
	l := &h.config.Logout
	if !l.Revoke {
		return
	}
	for _, t := range []struct {
		wanted bool
		hint   string
		token  secret.String
	}{
		{l.RevokeRefresh, "refresh_token", e.RefreshToken},
		{l.RevokeAccess, "access_token", e.AccessToken},
	} {
		if !t.wanted || t.token.Empty() {
			continue
		}
		start := h.Now()
		err := h.provider.Revoke(v.ctx, client.Client, oidc.Revocation{Token: t.token, Hint: t.hint, Parameter: l.RevokedParameter})
		v.step(flow.Logout, "token revocation", "RFC 7009 2.1", start, err)
	}
}

// logoutAddress is where a link can lead to sign out near the page of this request,
// empty where only other requests do.
func (v *visit) logoutAddress() string {
	l := &v.h.config.Logout
	if l.Suffix == "" || !slices.Contains(l.Methods, http.MethodGet) {
		return ""
	}
	return v.q.Canonical.Origin() + strings.TrimSuffix(v.q.Canonical.RawPath, "/") + l.Suffix
}

// logout ends the session here, then sends the user agent to the IdP's end
// session endpoint (OpenID Connect RP-Initiated Logout 1.0), or to
// logout_redirect_uri where the IdP has none. It is never proxied.
func (h *handler) logout(w http.ResponseWriter, v *visit) error {
	client := h.chooseClient(v)
	request := oidc.EndSession{}
	came := len(v.q.HTTP.CookiesNamed(h.config.Session.Cookie.Name)) > 0
	if !came && v.foreign() {
		// The browser withheld the cookie: the session cannot be ended, and
		// nobody may be told that it was.
		return v.refuse(outcome{
			status: http.StatusForbidden, cause: "logout from another site", client: client,
			title: "You are still signed in", text: "The request to sign out came from another site, and the browser kept your session from it. Sign out on this site.",
		})
	}
	s, err := v.load()
	if err != nil {
		return err
	}
	if s != nil {
		e := s.Entry()
		request.IDTokenHint = e.IDToken
		if own, ok := h.config.ClientByID(e.Realm.ClientID); ok {
			client = own
			h.revoke(v, &e, own)
		}
	}
	start := h.Now()
	lines, err := h.sessions.End(v.ctx, v.Visit)
	v.step(flow.Logout, "end session", "", start, err)
	if err != nil {
		return v.storeDown("end session", err)
	}
	if came {
		v.cookies(lines)
	}
	if client != nil {
		request.ClientID, request.PostLogoutRedirectURI = client.ID, client.AfterLogout.Text
	}
	md, err := h.provider.Metadata(v.ctx)
	if err != nil {
		md = h.provider.Known() // the session is gone in any case
		v.step(flow.Logout, "discovery", "", start, err)
	}
	location, err := oidc.EndSessionURL(md, request)
	switch {
	case err == nil:
		v.step(flow.Logout, "logout request", "OpenID Connect RP-Initiated Logout 2", start, nil)
	case request.PostLogoutRedirectURI != "":
		location = request.PostLogoutRedirectURI
	default:
		head := w.Header()
		head.Set("Content-Type", "application/json; charset=utf-8")
		head.Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusOK)
		_, err := w.Write([]byte(`{"message":"Signed out"}`))
		return err
	}
	redirect(w, v.q.HTTP, location)
	return nil
}
