package practiceidp

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// code is an authorization code that was handed out.
type code struct {
	grant       *grant
	clientID    string
	redirectURI string
	challenge   string
	expires     time.Time
	used        bool
}

// respondCode sends the user agent back with a code.
func (p *Provider) respondCode(w http.ResponseWriter, r *http.Request, q *authRequest, session *login) {
	now := p.opts.Now()
	g := &grant{
		id: p.newID(), client: q.client, user: session.user, scope: q.scope, nonce: q.nonce,
		sid: session.sid, authTime: session.at, maxAgeAsked: q.maxAge >= 0, expires: now.Add(p.opts.SessionTTL),
	}
	p.levelOf(g, q)
	value := p.newID()
	p.mu.Lock()
	p.sweep(now)
	p.grants[g.id] = g
	p.codes[value] = &code{
		grant: g, clientID: q.client.ID, redirectURI: q.redirectURI, challenge: q.challenge,
		expires: now.Add(p.opts.CodeTTL),
	}
	p.mu.Unlock()
	p.respond(w, r, q, url.Values{"code": {value}, "session_state": {session.sid}})
}

// levelOf settles what the tokens say of how and when the user authenticated: at
// the first level that was asked for, and when they did, unless Options say
// otherwise.
func (p *Provider) levelOf(g *grant, q *authRequest) {
	g.acr = p.opts.FixedACR
	if asked := strings.Fields(q.raw.Get("acr_values")); g.acr == "" && len(asked) > 0 {
		g.acr = asked[0]
	}
	g.authTime = g.authTime.Add(-p.opts.AuthAge)
}

// respondError sends the user agent back with an error.
func (p *Provider) respondError(w http.ResponseWriter, r *http.Request, q *authRequest, e *oauthError) {
	p.respond(w, r, q, url.Values{"error": {e.code}, "error_description": {e.description}})
}

// respond adds state and iss (RFC 9207) and answers in the response mode.
func (p *Provider) respond(w http.ResponseWriter, r *http.Request, q *authRequest, v url.Values) {
	if q.raw.Has("state") {
		v.Set("state", q.state)
	}
	if !p.opts.OmitResponseIssuer {
		v.Set("iss", p.opts.Issuer)
	}
	for _, lie := range p.active() {
		if lie.response != nil {
			lie.response(v)
		}
	}
	v = p.sealResponse(q, v)
	w.Header().Set("Cache-Control", "no-store")
	if q.mode == modeFormPost {
		p.formPostPage(w, q.redirectURI, v)
		return
	}
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther // never post the credentials on
	}
	w.Header().Set("Location", withQuery(q.redirectURI, v))
	w.WriteHeader(status)
}

// withQuery appends parameters to a registered URI, which may have a query.
func withQuery(uri string, v url.Values) string {
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	return uri + separator + v.Encode()
}
