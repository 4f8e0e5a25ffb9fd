package practiceidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"time"
)

// login is a user's session with the provider.
type login struct {
	user    *User
	at      time.Time
	sid     string
	expires time.Time
	// consented is set on the copy that is passed on right after the consent
	// page, so that prompt=consent asks once.
	consented bool
}

// Cookies of the provider itself. formCookie binds the pages' forms to the
// browser that got them.
const (
	loginCookie = "practice_idp_session"
	formCookie  = "practice_idp_form"
)

// serveLogin takes the credentials of the login page.
func (p *Provider) serveLogin(w http.ResponseWriter, r *http.Request) {
	values, q := p.openForm(w, r, endpointLogin)
	if q == nil {
		return
	}
	user := p.authenticate(r.PostForm.Get("username"), r.PostForm.Get("password"))
	if user == nil {
		p.loginPage(w, r, q, "User name or password is wrong. Please try again.")
		return
	}
	now := p.opts.Now()
	session := &login{user: user, at: now, sid: p.newID(), expires: now.Add(p.opts.SessionTTL)}
	id := p.newID() // a new id at every login: a planted cookie gains nothing
	p.mu.Lock()
	if old, err := r.Cookie(loginCookie); err == nil {
		delete(p.logins, old.Value)
	}
	p.sweep(now)
	p.logins[id] = session
	p.mu.Unlock()
	p.setCookie(w, loginCookie, id)
	p.authorize(w, r, values, session)
}

// serveConsent takes the answer of the consent page.
func (p *Provider) serveConsent(w http.ResponseWriter, r *http.Request) {
	values, q := p.openForm(w, r, endpointConsent)
	if q == nil {
		return
	}
	session := p.loginOf(r)
	if session == nil {
		p.loginPage(w, r, q, "Your login has ended in the meantime. Please log in again.")
		return
	}
	if r.PostForm.Get("answer") != "allow" {
		p.respondError(w, r, q, &oauthError{"access_denied", "the user denied access"})
		return
	}
	p.mu.Lock()
	p.consents[consentKey(session.user, q)] = true
	p.mu.Unlock()
	agreed := *session
	agreed.consented = true
	p.authorize(w, r, values, &agreed)
}

// openForm checks that a form comes from a page of ours in the same browser
// and returns the authorization request that the page carried. Otherwise it
// answers and returns nil.
func (p *Provider) openForm(w http.ResponseWriter, r *http.Request, step string) (url.Values, *authRequest) {
	if r.Method != http.MethodPost {
		methodNotAllowed(w, "POST")
		return nil, nil
	}
	if err := r.ParseForm(); err != nil {
		p.errorPage(w, http.StatusBadRequest, "The form cannot be read.")
		return nil, nil
	}
	request := r.PostForm.Get("request")
	cookie, err := r.Cookie(formCookie)
	if err != nil || !p.validFormToken(r.PostForm.Get("csrf"), step, cookie.Value, request) || p.foreignOrigin(r) {
		p.errorPage(w, http.StatusForbidden, "This form does not belong to your browser, or cookies are blocked. Please go back to the application and start again.")
		return nil, nil
	}
	values, err := url.ParseQuery(request)
	if err != nil {
		p.errorPage(w, http.StatusBadRequest, "The form cannot be read.")
		return nil, nil
	}
	q, problem := p.checkTarget(values)
	if problem != "" {
		p.errorPage(w, http.StatusBadRequest, problem)
		return nil, nil
	}
	if e := q.check(values); e != nil {
		p.respondError(w, r, q, e)
		return nil, nil
	}
	return values, q
}

// formToken authenticates a form: which page, which browser, which request.
func (p *Provider) formToken(step, browser, request string) string {
	mac := hmac.New(sha256.New, p.formKey)
	for _, part := range []string{step, browser, request} {
		sum := sha256.Sum256([]byte(part)) // fixed length: no two field lists share an encoding
		mac.Write(sum[:])
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (p *Provider) validFormToken(got, step, browser, request string) bool {
	return browser != "" && hmac.Equal([]byte(got), []byte(p.formToken(step, browser, request)))
}

func (p *Provider) foreignOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && origin != p.issuer.Scheme+"://"+p.issuer.Host
}

// browserOf is the value of the form cookie, which is set if it is missing.
func (p *Provider) browserOf(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(formCookie); err == nil && len(c.Value) == 43 {
		return c.Value
	}
	id := p.newID()
	p.setCookie(w, formCookie, id)
	return id
}

func (p *Provider) setCookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{ //nolint:gosec // Secure follows the issuer: the demo is plain http on loopback
		Name: name, Value: value, Path: p.base + "/", HttpOnly: true,
		Secure: p.issuer.Scheme == "https", SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// authenticate compares in constant time, also for an unknown user.
func (p *Provider) authenticate(name, password string) *User {
	p.mu.Lock()
	user := p.users[name]
	p.mu.Unlock()
	expected := ""
	if user != nil {
		expected = user.Password
	}
	a, b := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(expected))
	if subtle.ConstantTimeCompare(a[:], b[:]) != 1 || user == nil {
		return nil
	}
	return user
}

func (p *Provider) loginOf(r *http.Request) *login {
	c, err := r.Cookie(loginCookie)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	session := p.logins[c.Value]
	if session == nil || p.opts.Now().After(session.expires) {
		return nil
	}
	return session
}
