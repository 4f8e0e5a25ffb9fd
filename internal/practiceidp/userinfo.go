package practiceidp

import (
	"net/http"
	"strings"
)

// serveUserInfo answers with the claims of the access token's user (OIDC Core
// §5.3). The token comes in the Authorization header, or in a form body.
func (p *Provider) serveUserInfo(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		methodNotAllowed(w, "GET, POST")
		return
	}
	if p.faulty(w, r, endpointUserInfo) {
		return
	}
	token, ok := bearerToken(r)
	p.mu.Lock()
	known, found := p.access[token]
	good := ok && found && !known.grant.revoked && !known.grant.machine && p.opts.Now().Before(known.expires)
	p.mu.Unlock()
	if !good {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	claims := map[string]any{"sub": known.grant.user.Subject}
	addClaims(claims, known.grant.user, known.grant.scope)
	signed := wantsJWT(r)
	if signed {
		claims["iss"], claims["aud"] = p.opts.Issuer, known.grant.client.ID
	}
	for _, lie := range p.active() {
		if lie.userInfo != nil {
			lie.userInfo(claims)
		}
	}
	if signed {
		p.writeJWT(w, "JWT", claims)
		return
	}
	writeJSON(w, http.StatusOK, claims)
}

// bearerToken finds the one access token of a request (RFC 6750 §2); a second
// one, or one in the query, makes the request bad.
func bearerToken(r *http.Request) (string, bool) {
	if r.URL.Query().Has("access_token") || r.ParseForm() != nil {
		return "", false
	}
	scheme, header, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	inHeader := strings.EqualFold(scheme, "Bearer")
	inForm := r.PostForm.Has("access_token")
	if inHeader == inForm {
		return "", false
	}
	if inForm {
		return r.PostForm.Get("access_token"), true
	}
	return header, true
}
