package practiceidp

import "net/http"

// serveRevoke takes tokens back (RFC 7009 §2). A refresh token ends its grant,
// an access token ends by itself alone.
func (p *Provider) serveRevoke(w http.ResponseWriter, r *http.Request) {
	if !posted(w, r) {
		return
	}
	p.count(endpointRevoke + " " + r.PostForm.Get("token_type_hint"))
	if p.faulty(w, r, endpointRevoke) {
		return
	}
	client, e := p.authenticateClient(r)
	if e != nil {
		writeTokenError(w, e)
		return
	}
	token := r.PostForm.Get("token")
	p.mu.Lock()
	if g := p.grants[p.refresh[token]]; g != nil && g.client == client {
		g.revoked = true
	}
	if a, ok := p.access[token]; ok && a.grant.client == client {
		delete(p.access, token)
	}
	p.mu.Unlock()
	w.WriteHeader(http.StatusOK)
}
