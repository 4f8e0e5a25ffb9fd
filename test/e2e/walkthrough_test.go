//go:build integration

package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pluginID is chosen by the operator, as the walkthrough does.
const pluginID = "5f1d7e76-2fed-4806-a6af-869984f025cb"

// TestWalkthrough is the login of the documentation, step by step, in the
// order in which an operator and a user meet it. Its steps depend on one
// another: a failing one ends the test.
func TestWalkthrough(t *testing.T) {
	for name, configure := range map[string]func(*testing.T, *walkthrough){
		"json": configureByJSON, "form": configureByForm, "file": configureByFile,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWalkthrough(t)
			configure(t, w)    // step 1
			w.patch(t)         // step 2
			w.authorization(t) // step 3
			w.logIn(t)         // steps 4 to 7
			w.secondRequest(t)
			w.atRest(t)
		})
	}
}

type walkthrough struct {
	g     *gateway
	redis *redisServer
	up    *upstream
	realm *realm
	idp   *backChannel
	b     *browser

	sessionSecret string
	host          string // of the proxy as the browser knows it, with port
	// answer is what the browser showed at the end of the login.
	answer map[string]any
}

// newWalkthrough starts everything but the gateway.
func newWalkthrough(t *testing.T) *walkthrough {
	t.Helper()
	w := &walkthrough{g: newGateway(t), redis: startRedis(t), up: startUpstream(t), sessionSecret: plant("the session secret")}
	target, err := url.Parse(w.g.url("/"))
	if err != nil {
		t.Fatal(err)
	}
	w.host = target.Host
	w.realm = theKeycloak(t).newRealm(t, target.String())
	w.idp = startBackChannel(t, w.realm)
	w.b = startBrowser(t, host)
	return w
}

// startEmpty starts the gateway without a file.
func (w *walkthrough) startEmpty(t *testing.T) {
	t.Helper()
	w.g.start(t, nil)
	for _, collection := range []string{"/services", "/routes", "/plugins", "/consumers"} {
		if got := w.g.adminCall(t, 200, http.MethodGet, collection, "", "")["data"]; !cmp.Equal(got, []any{}) {
			t.Fatalf("a new node is not empty: %s: %v", collection, got)
		}
	}
}

// config is the plugin's configuration of step 1.
func (w *walkthrough) config() map[string]any {
	return map[string]any{
		"issuer": w.realm.issuer, "client_id": []any{w.realm.clientID}, "client_secret": []any{w.realm.secret},
		"session_secret": w.sessionSecret, "session_storage": "redis",
		"redis":                    map[string]any{"host": "127.0.0.1", "port": json.Number(w.redis.port), "password": w.redis.password},
		"upstream_id_token_header": "x-id-token",
	}
}

func configureByJSON(t *testing.T, w *walkthrough) {
	t.Helper()
	w.startEmpty(t)
	service := w.g.adminJSON(t, 201, http.MethodPost, "/services", map[string]any{
		"name": "service", "url": "http://" + w.up.host + ":" + w.up.port + "/anything",
	})
	if member(service, "path") != "/anything" || member(service, "id") == nil {
		t.Fatalf("service: %v", service)
	}
	route := w.g.adminJSON(t, 201, http.MethodPost, "/services/service/routes", map[string]any{
		"name": "route", "hosts": []any{host}, "paths": []any{"/"},
	})
	if member(route, "service", "id") != member(service, "id") {
		t.Fatalf("route: %v", route)
	}
	plugin := w.g.adminJSON(t, 200, http.MethodPut, "/services/service/plugins/"+pluginID, map[string]any{
		"name": "openid-connect", "config": w.config(),
	})
	w.checkCreated(t, plugin, service, w.realm.clientID)
}

func configureByForm(t *testing.T, w *walkthrough) {
	t.Helper()
	w.startEmpty(t)
	service := w.g.adminForm(t, 201, http.MethodPost, "/services",
		"name", "service", "host", w.up.host, "port", w.up.port, "protocol", "http", "path", "/anything")
	w.g.adminForm(t, 201, http.MethodPost, "/services/service/routes", "name", "route", "hosts[]", host, "paths[]", "/")
	plugin := w.g.adminForm(t, 201, http.MethodPost, "/services/service/plugins",
		"id", pluginID, "name", "openid-connect", "config.issuer", w.realm.issuer,
		"config.client_id", w.realm.clientID, "config.client_secret[]", w.realm.secret,
		"config.session_secret", w.sessionSecret, "config.session_storage", "redis",
		"config.redis.host", "127.0.0.1", "config.redis.port", w.redis.port, "config.redis.password", w.redis.password,
		"config.upstream_id_token_header", "x-id-token")
	w.checkCreated(t, plugin, service, w.realm.clientID)
}

// configureByFile does it by a declarative file, with references to the
// environment in place of issuer, client id and client secret.
func configureByFile(t *testing.T, w *walkthrough) {
	t.Helper()
	config := w.config()
	config["issuer"], config["client_id"], config["client_secret"] = "{vault://env/issuer}", []any{"{vault://env/client-id}"}, []any{"{vault://env/client-secret}"}
	document, err := json.Marshal(map[string]any{ // JSON is YAML
		"_format_version": "3.0",
		"services": []any{map[string]any{
			"name": "service", "url": "http://" + w.up.host + ":" + w.up.port + "/anything",
			"routes":  []any{map[string]any{"name": "route", "hosts": []any{host}, "paths": []any{"/"}}},
			"plugins": []any{map[string]any{"id": pluginID, "name": "openid-connect", "config": config}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kong.yaml")
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
	w.g.start(t, []string{"ISSUER=" + w.realm.issuer, "CLIENT_ID=" + w.realm.clientID, "CLIENT_SECRET=" + w.realm.secret}, "--config", path)
	service := w.g.adminCall(t, 200, http.MethodGet, "/services/service", "", "")
	plugin := w.g.adminCall(t, 200, http.MethodGet, "/plugins/"+pluginID, "", "")
	w.checkCreated(t, plugin, service, "{vault://env/client-id}")
}

func (w *walkthrough) checkCreated(t *testing.T, plugin, service map[string]any, clientID string) {
	t.Helper()
	if member(plugin, "id") != pluginID || member(plugin, "service", "id") != member(service, "id") {
		t.Fatalf("plugin: %v", plugin)
	}
	if got, want := member(plugin, "config", "client_id"), []any{clientID}; !cmp.Equal(got, want) {
		t.Errorf("config.client_id: %v", got)
	}
	if got, want := member(plugin, "config", "login_tokens"), []any{"id_token"}; !cmp.Equal(got, want) {
		t.Errorf("the default of login_tokens: %v", got)
	}
}

// patch is step 2, with the bytes that HTTPie sends.
func (w *walkthrough) patch(t *testing.T) {
	t.Helper()
	before := w.g.adminCall(t, 200, http.MethodGet, "/plugins/"+pluginID, "", "")
	after := w.g.adminCall(t, 200, http.MethodPatch, "/plugins/"+pluginID, "application/x-www-form-urlencoded; charset=utf-8",
		"config.auth_methods=authorization_code&config.auth_methods=session&config.response_mode=form_post"+
			"&config.preserve_query_args=true&config.login_action=redirect&config.login_tokens=")
	want := map[string]any{
		"auth_methods": []any{"authorization_code", "session"}, "response_mode": "form_post",
		"preserve_query_args": true, "login_action": "redirect", "login_tokens": nil,
	}
	expected, _ := before["config"].(map[string]any)
	for name, value := range want {
		if _, known := expected[name]; !known {
			t.Errorf("config.%s was not shown before", name)
		}
		expected[name] = value
	}
	before["updated_at"] = after["updated_at"]
	if diff := cmp.Diff(before, after); diff != "" {
		t.Fatalf("the whole plugin after the PATCH (-want +got):\n%s", diff)
	}
}

// authorization is step 3: the redirect to Keycloak, seen by a program. The
// change of step 2 is in force at once.
func (w *walkthrough) authorization(t *testing.T) {
	t.Helper()
	answer := w.g.get(t, w.g.url("/?hello=world"), nil)
	location, err := url.Parse(answer.header.Get("Location"))
	if err != nil || answer.status != http.StatusFound {
		t.Fatalf("status %d, Location %q: %s", answer.status, answer.header.Get("Location"), answer.text)
	}
	if got := location.Scheme + "://" + location.Host + location.Path; got != w.realm.issuer+"/protocol/openid-connect/auth" {
		t.Errorf("sent to %s", got)
	}
	q := location.Query()
	for name, want := range map[string]string{
		"response_type": "code", "response_mode": "form_post", "scope": "openid", "client_id": w.realm.clientID,
		"redirect_uri": "http://" + w.host + "/", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s: got %q, want %q", name, q.Get(name), want)
		}
	}
	for name, length := range map[string]int{"state": 32, "nonce": 16, "code_challenge": 43} {
		if len(q.Get(name)) < length {
			t.Errorf("%s: %q is too short", name, q.Get(name))
		}
	}
	if n := len(q.Get("state")); n > 1024 {
		t.Errorf("state has %d characters, more than 1 KB", n)
	}
	if n := len(q.Get("nonce")); n > 43 {
		t.Errorf("nonce has %d characters, more than 43", n)
	}
	if w.up.Hits() != 0 {
		t.Error("the upstream was asked before the login")
	}
}

// logIn is steps 4 to 7 as the browser sees them.
func (w *walkthrough) logIn(t *testing.T) {
	t.Helper()
	w.b.open(w.g.url("/?hello=world"))
	w.b.logIn(w.realm.user, w.realm.password)
	w.b.consent()
	address, text := w.b.arrive("http://"+w.host, `"headers"`)
	if want := w.g.url("/?hello=world"); address != want {
		t.Errorf("the browser is at %s, want %s", address, want)
	}
	if err := json.Unmarshal([]byte(text), &w.answer); err != nil {
		t.Fatalf("the browser shows no JSON: %v\n%s", err, text)
	}
	authorization, _ := member(w.answer, "headers", "Authorization").(string)
	access, isBearer := strings.CutPrefix(authorization, "Bearer ")
	if !isBearer || strings.Count(access, ".") != 2 {
		t.Errorf("headers.Authorization: %q", authorization)
	}
	idToken, _ := member(w.answer, "headers", "X-Id-Token").(string)
	if strings.Count(idToken, ".") != 2 {
		t.Errorf("headers.X-Id-Token: %q", idToken)
	}
	for name, pair := range map[string][2]any{
		"args.hello":        {member(w.answer, "args", "hello"), "world"},
		"method":            {w.answer["method"], "GET"},
		"url":               {w.answer["url"], "http://service.test/anything?hello=world"},
		"X-Forwarded-Host":  {member(w.answer, "headers", "X-Forwarded-Host"), "service.test"},
		"X-Forwarded-Proto": {member(w.answer, "headers", "X-Forwarded-Proto"), "http"},
		"X-Forwarded-Path":  {member(w.answer, "headers", "X-Forwarded-Path"), "/"},
		"X-Forwarded-For":   {member(w.answer, "headers", "X-Forwarded-For"), "127.0.0.1"},
		"X-Forwarded-Port":  {member(w.answer, "headers", "X-Forwarded-Port"), w.host[strings.LastIndexByte(w.host, ':')+1:]},
		"Cookie":            {member(w.answer, "headers", "Cookie"), nil},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", name, pair[0], pair[1])
		}
	}
}

// secondRequest sees that a session needs no further word with Keycloak.
func (w *walkthrough) secondRequest(t *testing.T) {
	t.Helper()
	before := w.idp.count()
	w.b.open(w.g.url("/again"))
	_, text := w.b.arrive("http://"+w.host, `"headers"`)
	var again map[string]any
	if err := json.Unmarshal([]byte(text), &again); err != nil {
		t.Fatalf("second request: %v\n%s", err, text)
	}
	if got, want := member(again, "headers", "Authorization"), member(w.answer, "headers", "Authorization"); got != want {
		t.Errorf("second request: Authorization %v", got)
	}
	if after := w.idp.count(); after != before {
		t.Errorf("%d connections to Keycloak while session and token live", after-before)
	}
}

// atRest looks at cookies and Redis: nothing in the clear, nothing that opens
// a session.
func (w *walkthrough) atRest(t *testing.T) {
	t.Helper()
	stored := w.redis.contents(t)
	if len(stored) == 0 {
		t.Error("Redis holds nothing")
	}
	clear := []string{w.realm.user, "alice@example.test", "Alice", w.realm.issuer, w.realm.clientID, w.realm.secret, w.sessionSecret, "eyJhbGci"}
	for _, path := range []string{"Authorization", "X-Id-Token"} {
		token, _ := member(w.answer, "headers", path).(string)
		clear = append(clear, strings.Split(strings.TrimPrefix(token, "Bearer "), ".")...)
	}
	session := false
	for _, c := range w.b.cookies() {
		if c.Domain != host {
			continue
		}
		session = session || c.Name == "session"
		if !c.HTTPOnly {
			t.Errorf("cookie %s is not HttpOnly", c.Name)
		}
		if len(c.Value) >= 150 {
			t.Errorf("cookie %s has %d characters, 150 or more", c.Name, len(c.Value))
		}
		for _, text := range clear {
			if strings.Contains(c.Value, text) {
				t.Errorf("cookie %s holds %.20q in the clear", c.Name, text)
			}
		}
		// A cookie's parts must not stand in Redis: neither whole nor by its id.
		for start := 0; start+20 <= len(c.Value); start += 10 {
			if keys := holds(stored, c.Value[start:start+20]); len(keys) > 0 {
				t.Errorf("Redis holds a part of cookie %s under %q", c.Name, keys)
			}
		}
	}
	if !session {
		t.Error("the browser has no session cookie")
	}
	for _, text := range clear {
		if keys := holds(stored, text); len(keys) > 0 {
			t.Errorf("Redis holds %.20q in the clear under %q", text, keys)
		}
	}
}
