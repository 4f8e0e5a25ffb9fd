package practiceidp

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	modeQuery    = "query"
	modeFormPost = "form_post"
)

// authRequest is a checked authorization request (OIDC Core §3.1.2.1).
type authRequest struct {
	client       *Client
	redirectURI  string
	mode         string
	scope        []string
	state, nonce string
	challenge    string
	prompt       []string
	maxAge       time.Duration // negative: not asked for
	raw          url.Values
	loginHint    string
}

// oauthError is an error that is reported to the client.
type oauthError struct{ code, description string }

func (p *Provider) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		methodNotAllowed(w, "GET, POST")
		return
	}
	if err := r.ParseForm(); err != nil {
		p.errorPage(w, http.StatusBadRequest, "The request cannot be read.")
		return
	}
	for _, lie := range p.active() {
		if lie.onAuthorize != nil {
			lie.onAuthorize(p)
		}
	}
	values, problem := p.expand(r.Form)
	if problem != "" {
		p.errorPage(w, http.StatusBadRequest, problem)
		return
	}
	p.authorize(w, r, values, nil)
}

// authorize decides what the user agent gets. fresh is the login that was made
// for this very request, which satisfies prompt=login and max_age.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request, values url.Values, fresh *login) {
	q, problem := p.checkTarget(values)
	if problem != "" {
		p.errorPage(w, http.StatusBadRequest, problem) // never redirect to an unchecked URI
		return
	}
	if e := q.check(values); e != nil {
		p.respondError(w, r, q, e)
		return
	}
	if e := p.demandedError(); e != nil {
		p.respondError(w, r, q, e)
		return
	}
	if user := p.autoUser(); user != nil {
		p.respondCode(w, r, q, &login{user: user, at: p.opts.Now(), sid: p.newID()})
		return
	}
	session := fresh
	if session == nil {
		session = p.loginOf(r)
	}
	switch {
	case session == nil || (fresh == nil && p.tooOld(q, session)):
		if slices.Contains(q.prompt, "none") {
			p.respondError(w, r, q, &oauthError{"login_required", "the user is not logged in"})
			return
		}
		p.loginPage(w, r, q, "")
	case p.needsConsent(q, session):
		if slices.Contains(q.prompt, "none") {
			p.respondError(w, r, q, &oauthError{"consent_required", "the user has not consented"})
			return
		}
		p.consentPage(w, r, q, session)
	default:
		p.respondCode(w, r, q, session)
	}
}

// checkTarget finds the client and holds the redirect URI against its list,
// byte for byte. Nothing may be sent to a URI before this.
func (p *Provider) checkTarget(v url.Values) (*authRequest, string) {
	for name, values := range v {
		if len(values) > 1 && name != "audience" {
			return nil, "The parameter " + name + " is sent twice."
		}
	}
	client := p.clients[v.Get("client_id")]
	if client == nil {
		return nil, "The application is not known here: no such client_id."
	}
	if uri := v.Get("redirect_uri"); !slices.Contains(client.RedirectURIs, uri) {
		return nil, "The redirect_uri is not registered for this application: " + uri
	}
	q := &authRequest{
		client: client, redirectURI: v.Get("redirect_uri"), mode: v.Get("response_mode"),
		scope: strings.Fields(v.Get("scope")), state: v.Get("state"), nonce: v.Get("nonce"),
		challenge: v.Get("code_challenge"), prompt: strings.Fields(v.Get("prompt")), maxAge: -1,
		raw: v, loginHint: v.Get("login_hint"),
	}
	switch q.mode {
	case modeFormPost, modeFormPostJWT:
		q.mode = modeFormPost
	default:
		q.mode = modeQuery // also the mode in which an unknown mode is refused
	}
	return q, ""
}

// check holds the rest of the request against the rules and reads max_age.
func (q *authRequest) check(v url.Values) *oauthError {
	switch mode := v.Get("response_mode"); {
	case v.Get("response_type") != "code":
		return &oauthError{"unsupported_response_type", "response_type must be code"}
	case mode != "" && mode != modeQuery && mode != modeFormPost && !q.signed():
		return &oauthError{"invalid_request", "response_mode must be query, form_post, or one of them signed"}
	case !slices.Contains(q.scope, "openid"):
		return &oauthError{"invalid_scope", "scope must contain openid"}
	case len(q.prompt) > 1 && slices.Contains(q.prompt, "none"):
		return &oauthError{"invalid_request", "prompt none stands alone"}
	}
	if raw := v.Get("max_age"); raw != "" {
		seconds, err := strconv.ParseUint(raw, 10, 31)
		if err != nil {
			return &oauthError{"invalid_request", "max_age must be a number of seconds"}
		}
		q.maxAge = time.Duration(seconds) * time.Second
	}
	return q.checkPKCE(v.Get("code_challenge_method"))
}

// checkPKCE holds the challenge against RFC 7636 §4.2 to §4.4: S256 alone.
func (q *authRequest) checkPKCE(method string) *oauthError {
	switch {
	case q.challenge == "" && (q.client.RequirePKCE || method != ""):
		return &oauthError{"invalid_request", "code_challenge is missing"}
	case q.challenge != "" && method != "S256":
		return &oauthError{"invalid_request", "code_challenge_method must be S256"}
	case q.challenge != "" && len(q.challenge) != 43:
		return &oauthError{"invalid_request", "code_challenge must have 43 characters"}
	}
	return nil
}

// tooOld reports whether the request wants the user to log in again.
func (p *Provider) tooOld(q *authRequest, session *login) bool {
	if slices.Contains(q.prompt, "login") {
		return true
	}
	return q.maxAge >= 0 && p.opts.Now().Sub(session.at) > q.maxAge
}

func (p *Provider) needsConsent(q *authRequest, session *login) bool {
	if q.client.SkipConsent {
		return false
	}
	if slices.Contains(q.prompt, "consent") && !session.consented {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.consents[consentKey(session.user, q)]
}

func consentKey(u *User, q *authRequest) string {
	scope := slices.Clone(q.scope)
	slices.Sort(scope)
	return u.Name + "\x00" + q.client.ID + "\x00" + strings.Join(scope, " ")
}

func (p *Provider) autoUser() *User {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users[p.autoLogin]
}

func methodNotAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
}
