package openidconnect_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// apiConfig recognises the given methods and nothing else.
func apiConfig(methods ...any) map[string]any {
	return map[string]any{"auth_methods": methods}
}

// with lays changes over a configuration.
func with(config map[string]any, changes ...map[string]any) map[string]any {
	config = maps.Clone(config)
	for _, c := range changes {
		maps.Copy(config, c)
	}
	return config
}

// issue asks the IdP for tokens, as an application does that is no browser.
func (r *rig) issue(form url.Values) map[string]any {
	r.t.Helper()
	return r.issueAt(r.idp, form)
}

// issueAt is issue at any IdP.
func (r *rig) issueAt(p *practiceidp.Provider, form url.Values) map[string]any {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, p.URL("token"), strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := r.do(req)
	var tokens map[string]any
	if err := json.Unmarshal([]byte(a.body), &tokens); err != nil || a.status != http.StatusOK {
		r.t.Fatalf("tokens: %d %s", a.status, a.body)
	}
	return tokens
}

// tokens are those of the user, with everything that the IdP knows in scope.
func (r *rig) tokens() (access, id, refresh string) {
	r.t.Helper()
	all := r.issue(url.Values{
		"grant_type": {"password"}, "username": {userName}, "password": {"lovelace"}, "scope": {"openid email groups"},
	})
	access, _ = all["access_token"].(string)
	id, _ = all["id_token"].(string)
	refresh, _ = all["refresh_token"].(string)
	return access, id, refresh
}

func (r *rig) accessToken() string {
	r.t.Helper()
	access, _, _ := r.tokens()
	return access
}

// do sends a request without cookies, following nothing.
func (r *rig) do(req *http.Request) answer {
	r.t.Helper()
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	if r.shows != nil {
		config.Certificates = []tls.Certificate{*r.shows}
	}
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		r.t.Error(err)
		return answer{}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Error(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(body)}
}

// call asks the gateway as a program does. target is a path with a query; pairs
// are header names and values.
func (r *rig) call(method, target, body string, pairs ...string) answer {
	r.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.gateway.URL+target, reader)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		req.Header.Add(pairs[i], pairs[i+1])
	}
	return r.do(req)
}

func (r *rig) bearer(token string, pairs ...string) answer {
	r.t.Helper()
	return r.call(http.MethodGet, "/", "", append([]string{"Authorization", "Bearer " + token}, pairs...)...)
}

func basicAuth(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// admitted demands that the upstream was reached and returns what it saw.
func (r *rig) admitted(a answer) seen {
	r.t.Helper()
	if a.status != http.StatusOK {
		r.t.Fatalf("got %d %s\n%s", a.status, a.body, r.log)
	}
	var s seen
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		r.t.Fatalf("the echo said %s", a.body)
	}
	return s
}

// seen is what the echo upstream saw.
type seen struct {
	URL     string         `json:"url"`
	Headers map[string]any `json:"headers"`
	Args    map[string]any `json:"args"`
	Data    string         `json:"data"`
	Form    map[string]any `json:"form"`
}

func (s seen) header(name string) string {
	text, _ := s.Headers[name].(string)
	return text
}

// tap stands before an endpoint of the IdP: it notes what is asked and passes it
// on, or answers in its place.
type tap struct {
	server *httptest.Server
	mu     sync.Mutex
	forms  []url.Values
	heads  []http.Header
	query  []url.Values
	// answer, when set, answers in place of the IdP.
	answer http.HandlerFunc
}

func newTap(t testing.TB, target string) *tap {
	t.Helper()
	p := &tap{}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		form, _ := url.ParseQuery(string(body))
		p.mu.Lock()
		p.forms, p.heads, p.query = append(p.forms, form), append(p.heads, req.Header.Clone()), append(p.query, req.URL.Query())
		answer := p.answer
		p.mu.Unlock()
		if answer != nil {
			answer(w, req)
			return
		}
		out, err := http.NewRequestWithContext(req.Context(), req.Method, target, strings.NewReader(string(body)))
		if err != nil {
			t.Error(err)
			return
		}
		out.Header = req.Header.Clone()
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(out)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		maps.Copy(w.Header(), res.Header)
		w.Header().Set("X-Tap", "planted-tap-value")
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *tap) url() string { return p.server.URL + "/tap" }

func (p *tap) respond(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = h
}

func (p *tap) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.forms)
}

// last is the form, header and query of the last call; empty ones without any.
func (p *tap) last() (url.Values, http.Header, url.Values) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.forms) == 0 {
		return url.Values{}, http.Header{}, url.Values{}
	}
	n := len(p.forms) - 1
	return p.forms[n], p.heads[n], p.query[n]
}

// tapped puts a tap before the named endpoint of a rig: introspection, token or
// userinfo.
func (r *rig) tapped(endpoint string) *tap {
	r.t.Helper()
	p := newTap(r.t, r.idp.URL(endpoint))
	r.change(map[string]any{endpoint + "_endpoint": p.url()})
	return p
}
