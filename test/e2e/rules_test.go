//go:build integration

package e2e

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// people is a realm with groups and roles: alice is staff and has the role
// orders; bob is a partner, and his address is not verified.
type people struct {
	*apiRealm
	bobsPassword string
}

func newPeople(t *testing.T) *people {
	t.Helper()
	r := &people{apiRealm: newAPIRealm(t), bobsPassword: plant("bob's password")}
	path := "/admin/realms/" + r.name
	mapper := func(name, kind string, config map[string]any) map[string]any {
		c := map[string]any{"access.token.claim": "true", "id.token.claim": "true", "userinfo.token.claim": "true"}
		maps.Copy(c, config)
		return map[string]any{"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": c}
	}
	r.k.admin(t, http.MethodPost, path+"/client-scopes", map[string]any{
		"name": "people", "protocol": "openid-connect", "attributes": map[string]any{"include.in.token.scope": "false"},
		"protocolMappers": []any{
			mapper("groups", "oidc-group-membership-mapper", map[string]any{"claim.name": "groups", "full.path": "false"}),
			mapper("realm roles", "oidc-usermodel-realm-role-mapper", map[string]any{"claim.name": "realm_access.roles", "multivalued": "true", "jsonType.label": "String"}),
		},
	})
	for _, group := range []string{"staff", "partners"} {
		r.k.admin(t, http.MethodPost, path+"/groups", map[string]any{"name": group})
	}
	r.k.admin(t, http.MethodPost, path+"/roles", map[string]any{"name": "orders"})
	r.k.admin(t, http.MethodPost, path+"/clients", map[string]any{
		"clientId": "shop", "enabled": true, "protocol": "openid-connect", "publicClient": true,
		"standardFlowEnabled": true, "directAccessGrantsEnabled": true, "redirectUris": []any{"*"},
		"defaultClientScopes": []any{"basic", "profile", "email", "acr", "people"},
	})
	r.k.admin(t, http.MethodPost, path+"/clients", map[string]any{
		"clientId": "site", "enabled": true, "protocol": "openid-connect", "publicClient": false, "secret": r.secret,
		"standardFlowEnabled": true, "directAccessGrantsEnabled": true, "redirectUris": []any{"*"},
		"defaultClientScopes": []any{"basic", "profile", "email", "acr", "people"},
	})
	r.k.admin(t, http.MethodPost, path+"/partialImport", map[string]any{
		"ifResourceExists": "OVERWRITE",
		"users": []any{
			map[string]any{
				"username": r.user, "enabled": true, "email": "alice@example.test", "emailVerified": true, "firstName": "Alice", "lastName": "Example",
				"groups": []any{"/staff"}, "realmRoles": []any{"orders"},
				"credentials": []any{map[string]any{"type": "password", "value": r.password, "temporary": false}},
			},
			map[string]any{
				"username": "bob", "enabled": true, "email": "bob@example.test", "emailVerified": false, "firstName": "Bob", "lastName": "Example",
				"groups": []any{"/partners"}, "realmRoles": []any{"orders"},
				"credentials": []any{map[string]any{"type": "password", "value": r.bobsPassword, "temporary": false}},
			},
		},
	})
	r.clientID = "site"
	return r
}

func (r *people) token(t *testing.T, user string) http.Header {
	t.Helper()
	password := r.password
	if user == "bob" {
		password = r.bobsPassword
	}
	token, _ := r.tokens(t, "shop", "", url.Values{
		"grant_type": {"password"}, "username": {user}, "password": {password}, "scope": {"openid"},
	})["access_token"].(string)
	return bearer(token)
}

// refusesByACL is refuses for the acl plugin, which knows no challenge.
func (a *api) refusesByACL(t *testing.T, status int, header http.Header, message string) {
	t.Helper()
	hits := a.up.Hits()
	if r := a.ask(t, header); r.status != status || !strings.Contains(r.text, message) || a.up.Hits() != hits {
		t.Errorf("status %d, want %d: %s", r.status, status, r.text)
	}
}

func TestClaimsRulesExample(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	a := startAPI(t, "claims-rules", r.env())
	a.change(t, map[string]any{"redirect_uri": []any{a.url("/callback")}, "display_errors": true})
	a.adminJSON(t, 200, http.MethodPatch, "/routes/orders", map[string]any{"hosts": []any{host, "orders.test"}})
	a.admits(t, r.token(t, r.user))
	for rule, change := range map[string]map[string]any{
		`groups_required: missing \"staff\", or \"auditors\"; the claim groups of the access token has \"partners\"`: {},
		"email_verified is not true": {"groups_required": nil},
	} {
		a.change(t, map[string]any{"groups_required": []any{"staff", "partners auditors"}})
		a.change(t, change)
		if got := a.refuses(t, 403, r.token(t, "bob")); !strings.Contains(got.text, rule) || !strings.Contains(got.text, "You cannot use this API") {
			t.Errorf("%s is not in %s", rule, got.text)
		}
	}
	a.change(t, map[string]any{"sallyport": nil})
	a.admits(t, r.token(t, "bob"))
	for _, change := range []map[string]any{{"roles_required": []any{"root"}}, {"claims_forbidden": []any{"preferred_username"}}} {
		a.change(t, change)
		a.refuses(t, 403, r.token(t, r.user))
		a.change(t, map[string]any{"roles_required": nil, "claims_forbidden": nil})
	}
	a.admits(t, r.token(t, r.user))

	// A person sees a page, once with a session and once at the login.
	a.change(t, map[string]any{"groups_required": []any{"staff"}, "display_errors": false})
	b := startBrowser(t, host)
	b.open(a.url("/list"))
	b.logIn("bob", r.bobsPassword)
	_, text := b.arrive(strings.TrimSuffix(a.url("/"), "/"), "not in a group that may open this page")
	if strings.Contains(text, "staff") {
		t.Errorf("the page says %s", text)
	}
	b = startBrowser(t, host)
	b.open(a.url("/list"))
	b.logIn(r.user, r.password)
	b.arrive(strings.TrimSuffix(a.url("/"), "/"), "/list")
	a.change(t, map[string]any{"groups_required": []any{"auditors"}})
	b.open(a.url("/list"))
	b.arrive(strings.TrimSuffix(a.url("/"), "/"), "not in a group that may open this page")
	a.change(t, map[string]any{"groups_required": []any{"staff"}})
	b.open(a.url("/list"))
	b.arrive(strings.TrimSuffix(a.url("/"), "/"), "/list") // the session was kept
}

func TestACLByGroupsExample(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	a := startAPI(t, "acl-by-groups", r.env())
	header := r.token(t, r.user)
	header["X-Authenticated-Groups"] = []string{"auditors"}
	if saw := a.admits(t, header); upstreamSaw(saw, "X-Authenticated-Groups") != "staff" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	a.refusesByACL(t, 403, r.token(t, "bob"), "You cannot consume this service")
	a.refuses(t, 401, nil)
}

func TestConsumersExample(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	a := startAPI(t, "consumers", r.env())
	saw := a.admits(t, r.token(t, r.user))
	if upstreamSaw(saw, "X-Consumer-Username") != "Alice" || upstreamSaw(saw, "X-Consumer-Id") == "" || upstreamSaw(saw, "X-Consumer-Groups") != "buyers" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	a.refusesByACL(t, 403, r.token(t, "bob"), "You cannot consume this service")
	// A consumer that is gone is nobody, at once.
	header := r.token(t, r.user)
	a.adminCall(t, 204, http.MethodDelete, "/consumers/Alice", "", "")
	a.refuses(t, 403, header)
	a.adminJSON(t, 201, http.MethodPost, "/consumers", map[string]any{"custom_id": r.user})
	a.admits(t, header)
}

func TestConsumerGroupsExample(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	a := startAPI(t, "consumer-groups", r.env())
	a.admits(t, r.token(t, r.user))
	a.adminJSON(t, 201, http.MethodPost, "/services/orders/plugins", map[string]any{
		"name": "acl", "config": map[string]any{"allow": []any{"partners"}, "include_consumer_groups": true},
	})
	if saw := a.admits(t, r.token(t, "bob")); upstreamSaw(saw, "X-Consumer-Groups") != "partners" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	alice := a.adminJSON(t, 201, http.MethodPost, "/consumers", map[string]any{"username": r.user})
	a.refusesByACL(t, 403, r.token(t, r.user), "You cannot consume this service")
	a.adminJSON(t, 201, http.MethodPost, "/consumer_groups/partners/consumers", map[string]any{"consumer": alice["id"]})
	a.admits(t, r.token(t, r.user))
	// Without the consumer groups of this configuration nobody is in one.
	for _, group := range []string{"staff", "partners"} {
		a.adminCall(t, 204, http.MethodDelete, "/consumer_groups/"+group, "", "")
	}
	a.refusesByACL(t, 403, r.token(t, r.user), "You cannot consume this service")
}

func TestHeadersExample(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	a := startAPI(t, "headers", r.env())
	header := basic(r.user, r.password)
	forged := http.Header{"X-User": {"root"}, "X_user": {"root"}, "X-Absent": {"root"}, "X-Id-Token": {"root"}, "X.roles": {"root"}}
	maps.Copy(header, forged)
	answer := a.ask(t, header)
	if answer.status != http.StatusOK {
		t.Fatalf("status %d: %s", answer.status, answer.text)
	}
	saw := answer.json(t)
	roles, err := base64.StdEncoding.DecodeString(upstreamSaw(saw, "X-Roles"))
	if err != nil || !strings.HasPrefix(string(roles), "[") || !strings.Contains(string(roles), `"orders"`) {
		t.Errorf("roles %q: %v", roles, err)
	}
	document, err := base64.StdEncoding.DecodeString(upstreamSaw(saw, "X-User-Info"))
	if err != nil || !strings.Contains(string(document), `"preferred_username":"alice"`) {
		t.Errorf("user info %q: %v", document, err)
	}
	key, err := base64.StdEncoding.DecodeString(upstreamSaw(saw, "X-Access-Token-Key"))
	if err == nil && strings.Contains(string(key), `"d"`) {
		t.Errorf("key %q", key)
	}
	if upstreamSaw(saw, "X-User") != "alice" || strings.Count(upstreamSaw(saw, "X-Id-Token"), ".") != 2 || upstreamSaw(saw, "X-First-Role") == "" ||
		!strings.HasPrefix(upstreamSaw(saw, "Authorization"), "Bearer ey") {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	if strings.Contains(answer.text, "root") {
		t.Errorf("what the client forged arrived: %s", answer.text)
	}
	if answer.header.Get("X-Hello") != "Alice" || answer.header.Get("X-Idp-Cache-Control") == "" {
		t.Errorf("the client got %v", answer.header)
	}
	a.refuses(t, 401, basic(r.user, "wrong"))
}

func TestKeyAuthOrOpenIDExample(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	a := startAPI(t, "key-auth-or-openid", r.env())
	key := http.Header{"Apikey": {"change-this-key"}}
	saw := a.admits(t, key)
	if upstreamSaw(saw, "X-Consumer-Username") != "shop" || upstreamSaw(saw, "X-Credential-Identifier") == "" || upstreamSaw(saw, "Apikey") != "" {
		t.Errorf("with a key the upstream saw %v", member(saw, "headers"))
	}
	saw = a.admits(t, r.token(t, r.user))
	if upstreamSaw(saw, "X-Consumer-Username") != "alice" || upstreamSaw(saw, "X-Anonymous-Consumer") != "" || upstreamSaw(saw, "X-Consumer-Groups") != "people" {
		t.Errorf("with a token the upstream saw %v", member(saw, "headers"))
	}
	for _, header := range []http.Header{nil, {"Apikey": {"wrong"}}, bearer("a.b.c"), r.token(t, "bob")} {
		a.refusesByACL(t, 401, header, "Unauthorized")
	}
	// Without stand-ins both are demanded.
	list, _ := a.adminCall(t, 200, http.MethodGet, "/services/orders/plugins", "", "")["data"].([]any)
	for _, one := range list {
		if id, _ := member(one, "id").(string); member(one, "name") != "acl" {
			a.adminJSON(t, 200, http.MethodPatch, "/plugins/"+id, map[string]any{"config": map[string]any{"anonymous": nil}})
		}
	}
	both := r.token(t, r.user)
	maps.Copy(both, key)
	if saw := a.admits(t, both); upstreamSaw(saw, "X-Consumer-Username") != "alice" {
		t.Errorf("with both the upstream saw %v", member(saw, "headers"))
	}
	a.refusesByACL(t, 401, r.token(t, r.user), "No API key found in request")
	a.refuses(t, 401, key)
}

func TestStepUpExample(t *testing.T) {
	t.Parallel()
	r := newPeople(t)
	a := startAPI(t, "step-up", append(r.env(), "SESSION_SECRET="+plant("the session secret")))
	for route, path := range map[string]string{"orders": "/callback", "payments": "/payments/callback"} {
		a.adminJSON(t, 200, http.MethodPatch, "/routes/"+route, map[string]any{"hosts": []any{host}})
		list, _ := a.adminCall(t, 200, http.MethodGet, "/routes/"+route+"/plugins", "", "")["data"].([]any)
		id, _ := member(list[0], "id").(string)
		config := map[string]any{"redirect_uri": []any{a.url(path)}}
		if route == "payments" {
			config["sallyport"] = map[string]any{"max_age": 10}
		}
		a.adminJSON(t, 200, http.MethodPatch, "/plugins/"+id, map[string]any{"config": config})
	}
	origin := strings.TrimSuffix(a.url("/"), "/")
	b := startBrowser(t, host)
	b.open(a.url("/list"))
	b.logIn(r.user, r.password)
	b.arrive(origin, "/list")
	time.Sleep(12 * time.Second) // Keycloak counts in seconds
	b.open(a.url("/list"))
	b.arrive(origin, "/list") // the rest of the site asks for nothing
	b.open(a.url("/payments/1"))
	b.do("Keycloak asks for the password once more",
		chromedp.WaitVisible(chromedp.CSS("#password")),
		chromedp.SendKeys(chromedp.CSS("#password"), r.password),
		chromedp.Click(chromedp.CSS("#kc-login")),
	)
	b.arrive(origin, "/payments/1")
	b.open(a.url("/list"))
	b.arrive(origin, "/list")
}
