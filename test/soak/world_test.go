//go:build integration

package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"sallyport/internal/practiceidp"
	"sallyport/test/process"
)

// The client and the accounts at the IdP.
const (
	clientID     = "soak"
	clientSecret = "a secret of the soak that protects nothing"
	numUsers     = 100
	password     = "practice"
)

// site is a service of the gateway under a host of its own.
type site struct {
	name, host, scheme, port string
	plugin                   string // id of its openid-connect plugin; empty: none
	storage                  string
	cookie                   string
}

// url is an address on the site.
func (s *site) url(pathAndQuery string) string {
	return s.scheme + "://" + net.JoinHostPort(s.host, s.port) + pathAndQuery
}

// address is where the site is served.
func (s *site) address() string { return net.JoinHostPort("127.0.0.1", s.port) }

// world is all that takes part.
type world struct {
	ledger     *ledger
	idp        *identityProvider
	up         *upstream
	records    *records
	transports *transports
	gateway    *process.Process
	admin      string // host:port
	caller     *http.Client

	bare, memory, redis, cookie, secure *site
	config                              map[string]any
}

// rolling is after how many seconds a session has a new id; it happens in the
// last quarter, and idling ends what nobody uses.
const rolling, idling = 60, 60

// newWorld starts everything; the gateway has no configuration yet.
func newWorld(t *testing.T, race bool) *world {
	t.Helper()
	l := newLedger()
	w := &world{ledger: l, records: &records{ledger: l}, admin: "127.0.0.1:" + freePort(t), caller: &http.Client{Timeout: patience}}
	plain, secure := freePort(t), freePort(t)
	w.bare = &site{name: "bare", host: "bare.test", scheme: "http", port: plain}
	w.memory = &site{name: "memory", host: "memory.test", scheme: "http", port: plain, storage: "memory", cookie: "session", plugin: "00000000-0000-4000-8000-000000000001"}
	w.redis = &site{name: "redis", host: "redis.test", scheme: "http", port: plain, storage: "redis", cookie: "session", plugin: "00000000-0000-4000-8000-000000000002"}
	w.cookie = &site{name: "cookie", host: "cookie.test", scheme: "http", port: plain, storage: "cookie", cookie: "session", plugin: "00000000-0000-4000-8000-000000000003"}
	w.secure = &site{name: "secure", host: "secure.test", scheme: "https", port: secure, storage: "redis", cookie: "__Host-session", plugin: "00000000-0000-4000-8000-000000000004"}

	redisPort := freePort(t)
	startProcess(t, process.Program{Path: "redis-server", Args: []string{
		"--bind", "127.0.0.1", "--port", redisPort, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}}, func() bool { return process.Listens("127.0.0.1:" + redisPort) })
	w.up = startUpstream(t, l)
	var users []practiceidp.User
	for i := range numUsers {
		users = append(users, practiceidp.User{Name: userName(i), Password: password})
	}
	var redirects []string
	for _, s := range w.sessionSites() {
		redirects = append(redirects, s.url("/callback"))
	}
	w.idp = startIdP(t, l, users, redirects, []string{w.bare.url("/anything/goodbye")})
	w.configure(redisPort)

	certFile, keyFile, roots := certificate(t, w.secure.host)
	w.transports = newTransports(roots)
	t.Cleanup(w.transports.closeIdle)
	w.gateway = startProcess(t, process.Program{Path: build(t, race), Args: []string{
		"start", "--proxy-listen", "127.0.0.1:" + plain, "--proxy-listen", "127.0.0.1:" + secure + " ssl http2",
		"--tls-cert", certFile, "--tls-key", keyFile, "--admin-listen", w.admin, "--log-format", "json",
	}, Stdout: &lines{each: w.records.access}, Stderr: &lines{each: w.records.log}}, func() bool {
		status, _, err := w.call(http.MethodGet, "/status", nil)
		return err == nil && status == http.StatusOK
	})
	return w
}

func userName(i int) string { return fmt.Sprintf("user-%03d", i) }

func (w *world) sessionSites() []*site { return []*site{w.memory, w.redis, w.cookie, w.secure} }

// configure makes the configuration that is served.
func (w *world) configure(redisPort string) {
	var port int
	_, _ = fmt.Sscan(redisPort, &port) // digits: it was chosen by the system
	service := func(s *site) map[string]any {
		m := map[string]any{
			"name": s.name, "url": "http://" + w.up.address,
			"routes": []any{map[string]any{"name": s.name, "hosts": []any{s.host}, "paths": []any{"/"}, "protocols": []any{s.scheme}}},
		}
		if s.plugin == "" {
			return m
		}
		config := map[string]any{
			"issuer": w.idp.Issuer(), "client_id": []any{clientID}, "client_secret": []any{clientSecret},
			"redirect_uri": []any{s.url("/callback")}, "auth_methods": []any{"authorization_code", "session"},
			"scopes": []any{"openid", "profile"}, "login_action": "redirect", "login_tokens": nil,
			"session_secret": "a secret for the sessions of " + s.name, "session_storage": s.storage,
			"session_cookie_name": s.cookie, "session_rolling_timeout": rolling, "session_idling_timeout": idling,
			"logout_uri_suffix": "/logout", "logout_methods": []any{"GET"},
			"logout_redirect_uri": []any{w.bare.url("/anything/goodbye")},
			"upstream_headers":    userHeader(false),
		}
		if s.storage == "redis" {
			config["redis"] = map[string]any{"host": "127.0.0.1", "port": port}
		}
		m["plugins"] = []any{map[string]any{"id": s.plugin, "name": "openid-connect", "config": config}}
		return m
	}
	services := []any{service(w.bare)}
	for _, s := range w.sessionSites() {
		services = append(services, service(s))
	}
	w.config = map[string]any{"_format_version": "3.0", "services": services}
}

// userHeader is the setting that tells the upstream the user's name; extra adds
// a second header, which hurts nobody.
func userHeader(extra bool) []any {
	list := []any{map[string]any{"header": headerUser, "path": []any{"preferred_username"}}}
	if extra {
		list = append(list, map[string]any{"header": headerExtra, "path": []any{"sub"}})
	}
	return list
}

// call asks the Admin API; body is sent as JSON, nil sends none.
func (w *world) call(method, path string, body any) (status int, text []byte, err error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(encoded)
	}
	r, err := http.NewRequest(method, "http://"+w.admin+path, content)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := w.caller.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

// demand is call for a change that must be answered with status.
func (w *world) demand(status int, method, path string, body any) error {
	got, text, err := w.call(method, path, body)
	if err == nil && got != status {
		err = fmt.Errorf("status %d, want %d: %s", got, status, text)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
