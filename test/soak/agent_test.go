//go:build integration

package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// agent is a user agent of one user at one site.
type agent struct {
	w         *worker
	site      *site
	user      string
	jar       http.CookieJar
	direct    *http.Client // follows no redirect
	following *http.Client
	sid       string // of the IdP's session, once logged in
}

// agent makes one without a login, for a user chosen by chance; over h2 or not
// matters to sites with TLS only.
func (w *worker) agent(s *site, h2 bool) *agent {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it has no reason to
	}
	transport := w.transports.plain
	switch {
	case s.scheme == "https" && h2:
		transport = w.transports.h2
	case s.scheme == "https":
		transport = w.transports.tls
	}
	a := &agent{w: w, site: s, user: userName(w.chance.IntN(numUsers)), jar: jar}
	a.following = &http.Client{Jar: jar, Transport: transport, Timeout: patience}
	a.direct = &http.Client{
		Jar: jar, Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if s.plugin == "" {
		a.user = ""
	}
	return a
}

// loggedIn is agent, with a login.
func (w *worker) loggedIn(s *site, h2 bool) (*agent, error) {
	a := w.agent(s, h2)
	return a, a.login()
}

// request makes a request that says whose it is. Its mark has no equal.
func (a *agent) request(method, pathAndQuery string, body io.Reader) (r *http.Request, mark string) {
	r, err := http.NewRequest(method, a.site.url(pathAndQuery), body)
	if err != nil {
		panic(err) // a typing error of a task
	}
	mark = a.w.mark()
	r.Header.Set(headerMark, mark)
	if a.user != "" {
		r.Header.Set(headerExpect, a.user)
	}
	r.Header.Set("User-Agent", "soak")
	return r, mark
}

// send does a request that the upstream must answer with 200, and see that the
// answer is its own. The caller closes the body.
func (a *agent) send(r *http.Request) (*http.Response, error) {
	res, err := a.direct.Do(r)
	if err != nil {
		return nil, err
	}
	mark := r.Header.Get(headerMark)
	if res.StatusCode != http.StatusOK || res.Header.Get(headerMark) != mark {
		defer func() { _ = res.Body.Close() }()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 600)) // for the report
		return nil, fmt.Errorf("%s %s at %s: %d for mark %q, want 200 for %q; Location %q: %s", r.Method, r.URL.Path, a.site.name,
			res.StatusCode, res.Header.Get(headerMark), mark, res.Header.Get("Location"), text)
	}
	return res, nil
}

// ask is an ordinary request with a small answer, which is checked.
func (a *agent) ask(method, path string, body io.Reader) (mirror, error) {
	r, mark := a.request(method, path, body)
	res, err := a.send(r) //nolint:bodyclose // read does
	if err != nil {
		return mirror{}, err
	}
	return a.read(res, mark)
}

// read reads the answer of /anything and checks whose it is.
func (a *agent) read(res *http.Response, mark string) (m mirror, err error) {
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("the answer is none of the upstream's: %w: %.300q", err, text)
	}
	switch {
	case m.Mark != mark:
		return m, fmt.Errorf("the answer to %s came for %s", m.Mark, mark)
	case m.User != a.user || m.Token.Subject != a.user:
		return m, fmt.Errorf("the upstream saw %q with the token of %q, want %q", m.User, m.Token.Subject, a.user)
	case a.sid != "" && m.Token.SID != a.sid:
		return m, fmt.Errorf("the token is of session %q, want %q", m.Token.SID, a.sid)
	}
	return m, nil
}

var (
	formAction = regexp.MustCompile(`<form method="post" action="([^"]*)"`)
	formField  = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)
)

// login goes from a page of the site over the IdP's login page and back.
func (a *agent) login() error {
	r, _ := a.request(http.MethodGet, "/anything/start", nil)
	r.Header.Set("Accept", "text/html")
	res, err := a.following.Do(r)
	if err != nil {
		return err
	}
	page, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // it was read
	if err != nil {
		return err
	}
	action := formAction.FindSubmatch(page)
	if res.StatusCode != http.StatusOK || action == nil || !strings.HasPrefix(res.Request.URL.String(), a.w.idp.URL("authorize")) {
		return fmt.Errorf("no login page: %d at %s: %.300s", res.StatusCode, res.Request.URL.Redacted(), page)
	}
	form := url.Values{"username": {a.user}, "password": {password}}
	for _, field := range formField.FindAllSubmatch(page, -1) {
		form.Set(html.UnescapeString(string(field[1])), html.UnescapeString(string(field[2])))
	}
	target, err := res.Request.URL.Parse(html.UnescapeString(string(action[1])))
	if err != nil {
		return err
	}
	post, err := http.NewRequest(http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	post.Header.Set("User-Agent", "soak")
	mark := a.w.mark()
	post.Header.Set(headerMark, mark) // the redirects keep both, up to the upstream
	post.Header.Set(headerExpect, a.user)
	if res, err = a.following.Do(post); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || res.Request.URL.String() != a.site.url("/anything/start") {
		defer func() { _ = res.Body.Close() }()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 600)) // for the report
		return fmt.Errorf("login at %s ended with %d at %s: %s", a.site.name, res.StatusCode, res.Request.URL.Redacted(), text)
	}
	m, err := a.read(res, mark)
	if err != nil {
		return err
	}
	a.sid = m.Token.SID
	a.w.ledger.done(kindLogin)
	return nil
}

// cookies is the Cookie line that the user agent would send now.
func (a *agent) cookies() string {
	u, err := url.Parse(a.site.url("/"))
	if err != nil {
		panic(err) // a typing error of ours
	}
	var pairs []string
	for _, c := range a.jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// keep takes over the cookies of an answer that came on a raw connection.
func (a *agent) keep(res *http.Response) {
	if u, err := url.Parse(a.site.url("/")); err == nil {
		a.jar.SetCookies(u, res.Cookies())
	}
}

// logout ends the session and sees that nobody can go on with its cookie.
func (a *agent) logout() error {
	old := a.cookies()
	r, mark := a.request(http.MethodGet, "/anything/logout", nil)
	r.Header.Set("Accept", "text/html")
	r.Header.Del(headerExpect) // it ends at a route without users
	res, err := a.following.Do(r)
	if err != nil {
		return err
	}
	nobody := &agent{w: a.w, site: a.w.bare}
	if res.Request.URL.String() != a.w.bare.url("/anything/goodbye") {
		_ = res.Body.Close() // of no interest
		return fmt.Errorf("logout at %s ended with %d at %s", a.site.name, res.StatusCode, res.Request.URL.Redacted())
	}
	if _, err := nobody.read(res, mark); err != nil {
		return err
	}
	if strings.Contains(a.cookies(), a.site.cookie+"=") {
		return errors.New("the session cookie was not taken away")
	}
	if a.site.storage == "cookie" {
		// Nobody can end it but the IdP, when the access token has expired.
		time.Sleep(tokenLife + time.Second)
		a.w.refusals.Add(1)
	}
	return a.refused(old)
}

// refused demands that a cookie open nothing.
func (a *agent) refused(cookie string) error {
	r, _ := a.request(http.MethodGet, "/anything/stolen", nil)
	r.Header.Set("Cookie", cookie)
	client := &http.Client{Transport: a.direct.Transport, CheckRedirect: a.direct.CheckRedirect, Timeout: patience}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // of no interest
	if res.StatusCode != http.StatusFound || !strings.HasPrefix(res.Header.Get("Location"), a.w.idp.URL("authorize")) {
		return fmt.Errorf("the cookie of a session that was ended gets %d at %s", res.StatusCode, a.site.name)
	}
	return nil
}
