//go:build integration

package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
	"sallyport/internal/practiceidp/idptest"
	"sallyport/test/process"
)

// outage is a gateway whose IdP logs everybody in without a page; Redis and the
// upstream come and go.
type outage struct {
	g         *gateway
	idp       *practiceidp.Provider
	redisPort string
}

func newOutage(t *testing.T, up *upstream) *outage {
	t.Helper()
	o := &outage{g: newGateway(t), redisPort: mustFreePort(t)}
	o.idp = idptest.Start(t, practiceidp.Options{
		Clients: []practiceidp.Client{{
			ID: "app", Secret: "app-secret", SkipConsent: true, RedirectURIs: []string{"http://" + o.g.proxy + "/"},
		}},
		Users: []practiceidp.User{{Name: "ada", Password: "lovelace"}}, AutoLogin: "ada",
	})
	file := filepath.Join(t.TempDir(), "kong.yaml")
	if err := os.WriteFile(file, []byte(`
_format_version: "3.0"
services:
- name: app
  id: 22222222-2222-4222-8222-222222222222
  url: http://`+up.host+":"+up.port+`/anything
  connect_timeout: 1000
  read_timeout: 1000
  retries: 0
  routes: [{name: app, paths: ["/"]}]
  plugins:
  - name: openid-connect
    config:
      issuer: `+o.idp.Issuer()+`
      client_id: [app]
      client_secret: [app-secret]
      auth_methods: [authorization_code, session]
      login_action: redirect
      login_tokens: null
      session_secret: a secret of the outage test
      session_storage: redis
      redis: {host: 127.0.0.1, port: `+o.redisPort+`, connect_timeout: 500, read_timeout: 500, send_timeout: 500}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	o.g.start(t, nil, "--config", file)
	return o
}

func (o *outage) startRedis(t *testing.T) *process.Process {
	t.Helper()
	p, err := process.Start(process.Program{Path: "redis-server", Args: []string{
		"--bind", "127.0.0.1", "--port", o.redisPort, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// person is a browser with cookies that follows redirects.
type person struct {
	t      *testing.T
	client *http.Client
	target string
}

func (o *outage) person(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t: t, client: &http.Client{Jar: jar, Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}, target: "http://" + o.g.proxy + "/"}
}

func (p *person) get() reply {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.target, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return send(p.t, p.client, r)
}

// arrives repeats get until the upstream answers.
func (p *person) arrives() {
	p.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		r := p.get()
		if r.status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("still %d: %s", r.status, r.text)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// unavailable demands a 503 in bounded time that ends nothing.
func (o *outage) unavailable(t *testing.T, p *person, up *upstream) {
	t.Helper()
	hits, start := up.Hits(), time.Now()
	r := p.get()
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("answered after %v", took)
	}
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q: %s", r.status, r.header.Get("Retry-After"), r.text)
	}
	for _, line := range r.header["Set-Cookie"] {
		if strings.HasPrefix(line, "session=") {
			t.Errorf("the session cookie was touched: %s", line)
		}
	}
	if up.Hits() != hits {
		t.Error("the upstream was asked")
	}
}

func TestRedisThatIsDownOrHangingIs503AndHealsByItself(t *testing.T) {
	t.Parallel()
	up := startUpstream(t)
	o := newOutage(t, up)
	o.unavailable(t, o.person(t), up) // down at start: no login is finished

	redis := o.startRedis(t)
	p := o.person(t)
	p.arrives() // healed without a restart

	if err := redis.Signal(syscall.SIGSTOP); err != nil { // hanging
		t.Fatal(err)
	}
	o.unavailable(t, p, up)
	if err := redis.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	logins := o.idp.Calls("authorize")
	p.arrives()
	if o.idp.Calls("authorize") != logins {
		t.Error("the session did not survive the hanging")
	}

	redis.Stop() // down later
	o.unavailable(t, p, up)
	o.startRedis(t) // and empty: the session is gone, a login makes a new one
	p.arrives()
}

func TestUpstreamThatFailsLeavesTheSessionAlone(t *testing.T) {
	t.Parallel()
	up := startUpstream(t)
	o := newOutage(t, up)
	o.startRedis(t)
	p := o.person(t)
	p.arrives()
	logins := o.idp.Calls("authorize")
	const service = "/services/22222222-2222-4222-8222-222222222222"

	o.g.adminJSON(t, 200, http.MethodPatch, service, map[string]any{"port": 1}) // nobody listens there
	if r := p.get(); r.status != http.StatusBadGateway {
		t.Errorf("down: %d", r.status)
	}
	o.g.adminJSON(t, 200, http.MethodPatch, service, map[string]any{"url": "http://" + up.host + ":" + up.port + "/delay/5"})
	if r := p.get(); r.status != http.StatusGatewayTimeout {
		t.Errorf("hanging: %d", r.status)
	}
	o.g.adminJSON(t, 200, http.MethodPatch, service, map[string]any{"url": "http://127.0.0.1:" + o.redisPort}) // talks nonsense
	if r := p.get(); r.status != http.StatusBadGateway {
		t.Errorf("talking nonsense: %d", r.status)
	}
	o.g.adminJSON(t, 200, http.MethodPatch, service, map[string]any{"url": "http://" + up.host + ":" + up.port + "/anything"})
	if r := p.get(); r.status != http.StatusOK {
		t.Errorf("back again: %d %s", r.status, r.text)
	}
	if o.idp.Calls("authorize") != logins {
		t.Error("the session did not survive")
	}
}
