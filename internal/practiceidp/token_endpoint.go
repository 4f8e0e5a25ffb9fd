package practiceidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// grant is what a user allowed a client, from the code to the last refresh.
type grant struct {
	id          string
	client      *Client
	user        *User
	scope       []string
	nonce       string
	sid         string
	authTime    time.Time
	acr         string
	maxAgeAsked bool
	// machine: there is no user, and so neither ID token nor refresh token.
	machine bool
	expires time.Time
	revoked bool   // guarded by Provider.mu
	refresh string // the one refresh token that is good; guarded by Provider.mu
}

// accessToken is an access token that was handed out.
type accessToken struct {
	grant   *grant
	expires time.Time
}

// tokenError is an error answer of the token endpoint (RFC 6749 §5.2).
type tokenError struct {
	status            int
	code, description string
}

// posted tells whether a program has posted a form that can be read; others get
// their answer here.
func posted(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost {
		methodNotAllowed(w, "POST")
		return false
	}
	if err := r.ParseForm(); err != nil {
		writeTokenError(w, &tokenError{http.StatusBadRequest, "invalid_request", "the form cannot be read"})
		return false
	}
	return true
}

func (p *Provider) serveToken(w http.ResponseWriter, r *http.Request) {
	if !posted(w, r) {
		return
	}
	kind := "code"
	switch r.PostForm.Get("grant_type") {
	case grantRefresh:
		kind = "refresh"
	case grantPassword, grantClient:
		kind = r.PostForm.Get("grant_type")
	}
	p.count(kind)
	if p.faulty(w, r, kind) {
		return
	}
	answer, e := p.token(r)
	if e != nil {
		writeTokenError(w, e)
		return
	}
	for _, lie := range p.active() {
		if lie.tokens != nil {
			lie.tokens(kind, answer)
		}
	}
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) token(r *http.Request) (map[string]any, *tokenError) {
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, &tokenError{http.StatusBadRequest, "invalid_request", "parameter sent twice: " + name}
		}
	}
	client, e := p.authenticateClient(r)
	if e != nil {
		return nil, e
	}
	switch r.PostForm.Get("grant_type") {
	case grantCode:
		g, e := p.redeem(r, client)
		if e != nil {
			return nil, e
		}
		return p.issue(g, g.scope, false), nil
	case grantRefresh:
		g, scope, e := p.useRefreshToken(r, client)
		if e != nil {
			return nil, e
		}
		return p.issue(g, scope, true), nil
	case grantPassword:
		g, e := p.byPassword(r, client)
		if e != nil {
			return nil, e
		}
		return p.issue(g, g.scope, false), nil
	case grantClient:
		g, e := p.byClient(r, client)
		if e != nil {
			return nil, e
		}
		return p.issue(g, g.scope, false), nil
	}
	return nil, &tokenError{http.StatusBadRequest, "unsupported_grant_type", "grant_type must be authorization_code, refresh_token, password or client_credentials"}
}

// redeem takes a code, once. A second redemption revokes everything that the
// first one gave (RFC 6749 §4.1.2).
func (p *Provider) redeem(r *http.Request, client *Client) (*grant, *tokenError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.codes[r.PostForm.Get("code")]
	verifier := r.PostForm.Get("code_verifier")
	switch {
	case c == nil || c.clientID != client.ID:
		return nil, invalidGrant("the code is not known")
	case c.used:
		c.grant.revoked = true
		return nil, invalidGrant("the code was used before")
	case p.opts.Now().After(c.expires):
		return nil, invalidGrant("the code is too old")
	case c.grant.revoked:
		return nil, invalidGrant("the session has ended")
	case r.PostForm.Get("redirect_uri") != c.redirectURI:
		return nil, invalidGrant("the redirect_uri is not that of the authorization request")
	case c.challenge == "" && verifier != "":
		return nil, invalidGrant("code_verifier without code_challenge")
	case c.challenge != "" && !verifies(c.challenge, verifier):
		return nil, invalidGrant("the code_verifier is wrong")
	}
	c.used = true
	return c.grant, nil
}

// verifies holds a PKCE verifier against its S256 challenge (RFC 7636 §4.6).
func verifies(challenge, verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(got), []byte(challenge)) == 1
}

// useRefreshToken takes a refresh token. One that was replaced already ends
// the grant: it may have been stolen (RFC 9700 §4.14.2).
func (p *Provider) useRefreshToken(r *http.Request, client *Client) (*grant, []string, *tokenError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	presented := r.PostForm.Get("refresh_token")
	g := p.grants[p.refresh[presented]]
	if presented == "" || g == nil || g.client != client {
		return nil, nil, invalidGrant("the refresh token is not known")
	}
	if g.refresh != presented && !p.keepsRefreshTokens() {
		g.revoked = true
		return nil, nil, invalidGrant("the refresh token was used before")
	}
	if g.revoked || p.opts.Now().After(g.expires) {
		return nil, nil, invalidGrant("the session has ended")
	}
	scope := g.scope
	if asked := strings.Fields(r.PostForm.Get("scope")); len(asked) > 0 {
		for _, s := range asked {
			if !slices.Contains(g.scope, s) {
				return nil, nil, &tokenError{http.StatusBadRequest, "invalid_scope", "more than was granted: " + s}
			}
		}
		scope = asked
	}
	return g, scope, nil
}

// issue makes the tokens of one answer.
func (p *Provider) issue(g *grant, scope []string, refreshed bool) map[string]any {
	now := p.opts.Now()
	access := p.mintAccessToken(g, scope, now)
	for _, lie := range p.active() {
		if lie.accessToken != nil {
			access = lie.accessToken(access)
		}
	}
	answer := map[string]any{
		"access_token": access,
		"token_type":   "Bearer",
		"scope":        strings.Join(scope, " "),
	}
	if !p.opts.OmitExpiresIn {
		answer["expires_in"] = int(p.opts.AccessTokenTTL / time.Second)
	}
	if slices.Contains(scope, "openid") && !g.machine {
		if idToken, ok := p.mintIDToken(g, access, now, refreshed); ok {
			answer["id_token"] = idToken
		}
	}
	refresh := p.newID()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.access[access] = accessToken{grant: g, expires: now.Add(p.opts.AccessTokenTTL)}
	if g.machine {
		return answer
	}
	if !refreshed || !p.keepsRefreshTokens() {
		p.refresh[refresh] = g.id
		g.refresh = refresh
		answer["refresh_token"] = refresh
	}
	return answer
}

func invalidGrant(description string) *tokenError {
	return &tokenError{http.StatusBadRequest, "invalid_grant", description}
}

func writeTokenError(w http.ResponseWriter, e *tokenError) {
	if e.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="practice"`)
	}
	writeJSON(w, e.status, map[string]any{"error": e.code, "error_description": e.description})
}

// sweep forgets what has expired. The caller holds p.mu.
func (p *Provider) sweep(now time.Time) {
	for k, c := range p.codes {
		if now.After(c.grant.expires) {
			delete(p.codes, k)
		}
	}
	for k, t := range p.access {
		if now.After(t.expires) {
			delete(p.access, k)
		}
	}
	for k, id := range p.refresh {
		if g := p.grants[id]; g == nil || now.After(g.expires) {
			delete(p.refresh, k)
		}
	}
	for k, g := range p.grants {
		if now.After(g.expires) {
			delete(p.grants, k)
		}
	}
	for k, l := range p.logins {
		if now.After(l.expires) {
			delete(p.logins, k)
		}
	}
}
