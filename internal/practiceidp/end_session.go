package practiceidp

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// serveLogout is the end-session endpoint (OIDC RP-Initiated Logout). It ends
// the login of the browser and the grants of its session. Without a valid hint
// it asks first, so that no page can log a user out by a link alone.
func (p *Provider) serveLogout(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		methodNotAllowed(w, "GET, POST")
		return
	}
	if err := r.ParseForm(); err != nil {
		p.errorPage(w, http.StatusBadRequest, "The request cannot be read.")
		return
	}
	browser := p.browserOf(w, r)
	values, confirmed, problem := p.logoutRequest(r, browser)
	if problem != "" {
		p.errorPage(w, http.StatusForbidden, problem)
		return
	}
	hint, hinted := p.hint(values.Get("id_token_hint"))
	if values.Has("id_token_hint") && !hinted {
		p.errorPage(w, http.StatusBadRequest, "The id_token_hint is not a token of ours.")
		return
	}
	target := values.Get("post_logout_redirect_uri")
	if target != "" && !p.mayReturnTo(target, values.Get("client_id"), hint.Audience) {
		p.errorPage(w, http.StatusBadRequest, "The post_logout_redirect_uri is not registered for this application.")
		return
	}
	if !hinted && !confirmed && p.loginOf(r) != nil {
		p.logoutPage(w, browser, values)
		return
	}
	p.endLogin(r, hint.SID)
	p.setCookie(w, loginCookie, "")
	if target == "" {
		p.page(w, http.StatusOK, pageData{Title: "Signed out", Text: "You are signed out of the practice IdP."})
		return
	}
	if values.Has("state") {
		target = withQuery(target, url.Values{"state": values["state"][:1]})
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}

// logoutRequest is the request itself, or the one that the page that asked
// carried; confirmed tells that the user agreed there.
func (p *Provider) logoutRequest(r *http.Request, browser string) (values url.Values, confirmed bool, problem string) {
	packed := r.PostForm.Get("request")
	if packed == "" {
		return r.Form, false, ""
	}
	if !p.validFormToken(r.PostForm.Get("csrf"), endpointLogout, browser, packed) || p.foreignOrigin(r) {
		return nil, false, "This form does not belong to your browser."
	}
	values, err := url.ParseQuery(packed)
	if err != nil {
		return nil, false, "The form cannot be read."
	}
	return values, true, ""
}

// mayReturnTo reports whether target is registered for the client that
// client_id or the hint names; where both do, they must agree.
func (p *Provider) mayReturnTo(target, clientID, audience string) bool {
	if clientID != "" && audience != "" && clientID != audience {
		return false
	}
	client := p.clients[cmp.Or(clientID, audience)]
	return client != nil && slices.Contains(client.PostLogoutRedirectURIs, target)
}

// endLogin forgets the browser's login and revokes the grants of its session
// and of the session that an ID token named.
func (p *Provider) endLogin(r *http.Request, sid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended := map[string]bool{sid: sid != ""}
	if c, err := r.Cookie(loginCookie); err == nil {
		if session := p.logins[c.Value]; session != nil {
			ended[session.sid] = true
			delete(p.logins, c.Value)
		}
	}
	for _, g := range p.grants {
		if ended[g.sid] {
			g.revoked = true
		}
	}
}

// hintClaims are what the end-session endpoint reads of an ID token.
type hintClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	SID      string `json:"sid"`
}

// hint opens an ID token of ours, expired ones too (RP-Initiated Logout §4).
func (p *Provider) hint(token string) (hintClaims, bool) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil {
		return hintClaims{}, false
	}
	for _, key := range p.currentKeys().signing() {
		payload, err := signed.Verify(key.public())
		if err != nil {
			continue
		}
		var claims hintClaims
		if json.Unmarshal(payload, &claims) == nil && claims.Issuer == p.opts.Issuer {
			return claims, true
		}
	}
	return hintClaims{}, false
}
