package practiceidp

import (
	"net/http"
	"strings"
)

// serveIntrospection tells a client what a token of this provider is worth (RFC
// 7662), as JSON or, for whoever asks for it, as a JWT (RFC 9701).
func (p *Provider) serveIntrospection(w http.ResponseWriter, r *http.Request) {
	if !posted(w, r) {
		return
	}
	if p.faulty(w, r, endpointIntrospection) {
		return
	}
	client, e := p.authenticateClient(r)
	if e != nil {
		writeTokenError(w, e)
		return
	}
	about := p.describe(r.PostForm.Get("token"))
	if wantsJWT(r) {
		p.writeJWT(w, "token-introspection+jwt", map[string]any{
			"iss": p.opts.Issuer, "aud": client.ID, "iat": p.opts.Now().Unix(), "token_introspection": about,
		})
		return
	}
	writeJSON(w, http.StatusOK, about)
}

// describe is what introspection says of an access token.
func (p *Provider) describe(token string) map[string]any {
	p.mu.Lock()
	known, found := p.access[token]
	good := found && !known.grant.revoked && p.opts.Now().Before(known.expires)
	p.mu.Unlock()
	if !good {
		return map[string]any{"active": false}
	}
	g := known.grant
	about := map[string]any{
		"active": true, "iss": p.opts.Issuer, "sub": g.user.Subject, "username": g.user.Name, "client_id": g.client.ID,
		"token_type": "Bearer", "exp": known.expires.Unix(), "scope": strings.Join(g.scope, " "),
	}
	addClaims(about, g.user, g.scope)
	return about
}

// wantsJWT tells whether an answer is to be a JWT.
func wantsJWT(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return accept == "application/jwt" || accept == "application/token-introspection+jwt"
}

// writeJWT answers with signed claims.
func (p *Provider) writeJWT(w http.ResponseWriter, typ string, claims map[string]any) {
	key := p.currentKeys().forAlg(p.opts.SigningAlgs[0])
	m := &minting{key: key.private, header: map[string]any{"alg": key.alg, "kid": key.kid, "typ": typ}, claims: claims}
	media := "application/jwt; charset=UTF-8" // the conformance suite has a parameter there, too
	if typ != "JWT" {
		media = "application/" + typ
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(m.compact())) // the client may be gone
}
