//go:build integration

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// apiRealm is a realm with what an API needs: clients that get tokens without a
// browser, tokens for the audience "orders", and a scope of its own.
type apiRealm struct {
	*realm
	idp *backChannel
	// robotSecret is that of the client robot, which is a machine.
	robotSecret string
}

// newAPIRealm makes a realm with the clients api-gateway (confidential), app
// (public) and robot.
func newAPIRealm(t *testing.T) *apiRealm {
	t.Helper()
	k := theKeycloak(t)
	r := &apiRealm{realm: k.newRealm(t, "http://localhost/"), robotSecret: plant("the robot's secret")}
	r.secret = plant("the API gateway's client secret")
	path := "/admin/realms/" + r.name
	k.admin(t, http.MethodPost, path+"/client-scopes", map[string]any{
		"name": "orders:read", "protocol": "openid-connect", "attributes": map[string]any{"include.in.token.scope": "true"},
	})
	client := func(id, secret string, more map[string]any) {
		c := map[string]any{
			"clientId": id, "enabled": true, "protocol": "openid-connect", "publicClient": secret == "", "secret": secret,
			"standardFlowEnabled": false, "directAccessGrantsEnabled": true, "redirectUris": []any{},
			"defaultClientScopes": []any{"basic", "profile", "email", "orders:read"}, "optionalClientScopes": []any{"offline_access"},
			"protocolMappers": []any{map[string]any{
				"name": "orders", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
				"config": map[string]any{
					"included.custom.audience": "orders", "access.token.claim": "true", "introspection.token.claim": "true",
				},
			}},
		}
		maps.Copy(c, more)
		k.admin(t, http.MethodPost, path+"/clients", c)
	}
	client("api-gateway", r.secret, nil)
	client("app", "", nil)
	client("elsewhere", "", map[string]any{"protocolMappers": []any{}})
	client("robot", r.robotSecret, map[string]any{"serviceAccountsEnabled": true})
	r.clientID = "api-gateway"
	r.idp = startBackChannel(t, r.realm)
	return r
}

// env are the references of the examples.
func (r *apiRealm) env() []string {
	return []string{"ISSUER=" + r.issuer, "CLIENT_ID=" + r.clientID, "CLIENT_SECRET=" + r.secret}
}

// endpoint is an address below the issuer, as programs know it.
func (r *apiRealm) endpoint(name string) string { return r.issuer + "/protocol/openid-connect/" + name }

// tokens asks Keycloak as a program does; an empty secret is a public client.
func (r *apiRealm) tokens(t *testing.T, client, secret string, form url.Values) map[string]any {
	t.Helper()
	form.Set("client_id", client)
	if secret != "" {
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.endpoint("token"), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := send(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
	if answer.status != http.StatusOK {
		t.Fatalf("Keycloak's token endpoint: %d %s", answer.status, answer.text)
	}
	return answer.json(t)
}

// userTokens are alice's, for the client app.
func (r *apiRealm) userTokens(t *testing.T, client, secret, scope string) map[string]any {
	t.Helper()
	return r.tokens(t, client, secret, url.Values{
		"grant_type": {"password"}, "username": {r.user}, "password": {r.password}, "scope": {scope},
	})
}

func (r *apiRealm) accessToken(t *testing.T) string {
	t.Helper()
	token, _ := r.userTokens(t, "app", "", "openid")["access_token"].(string)
	return token
}

// api is a gateway that runs an example, and the upstream behind it.
type api struct {
	*gateway
	up *upstream
}

// startAPI runs an example as it is, and afterwards moves its service to
// this test's upstream.
func startAPI(t *testing.T, name string, env []string, args ...string) *api {
	t.Helper()
	return startAPIFrom(t, filepath.Join(root(), "examples", name+".kong.yaml"), env, args...)
}

// startAPIFrom is startAPI with a file.
func startAPIFrom(t *testing.T, file string, env []string, args ...string) *api {
	t.Helper()
	a := &api{gateway: newGateway(t), up: startUpstream(t)}
	a.start(t, env, append(args, "--config", file)...)
	a.adminJSON(t, 200, http.MethodPatch, "/services/orders", map[string]any{"host": a.up.host, "port": json.Number(a.up.port)})
	return a
}

// change patches the plugin of the example.
func (a *api) change(t *testing.T, config map[string]any) {
	t.Helper()
	list, _ := a.adminCall(t, 200, http.MethodGet, "/services/orders/plugins", "", "")["data"].([]any)
	id, _ := member(list[0], "id").(string)
	a.adminJSON(t, 200, http.MethodPatch, "/plugins/"+id, map[string]any{"config": config})
}

// ask sends a request as a program does.
func (a *api) ask(t *testing.T, header http.Header) reply {
	t.Helper()
	return a.get(t, "http://orders.test"+strings.TrimPrefix(a.proxy, "127.0.0.1")+"/list?x=1", header)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func basic(name, password string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))}}
}

// admits demands that a request reaches the upstream, and gives what that saw.
func (a *api) admits(t *testing.T, header http.Header) map[string]any {
	t.Helper()
	r := a.ask(t, header)
	if r.status != http.StatusOK {
		t.Fatalf("status %d, Location %q: %s", r.status, r.header.Get("Location"), r.text)
	}
	return r.json(t)
}

// refuses demands a status, a challenge, no redirect and no upstream hit.
func (a *api) refuses(t *testing.T, status int, header http.Header) reply {
	t.Helper()
	hits := a.up.Hits()
	r := a.ask(t, header)
	if r.status != status || r.header.Get("Location") != "" || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer realm=") {
		t.Errorf("status %d, Location %q, %q; want %d: %s", r.status, r.header.Get("Location"), r.header.Get("WWW-Authenticate"), status, r.text)
	}
	if a.up.Hits() != hits {
		t.Error("the upstream was reached")
	}
	return r
}

func upstreamSaw(answer map[string]any, name string) string {
	text, _ := member(answer, "headers", name).(string)
	return text
}

// tampered is a token with another payload under its signature.
func tampered(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), `"sub":"`, `"sub":"x`, 1)))
	return strings.Join(parts, ".")
}

func TestBearerExample(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	a := startAPI(t, "bearer", r.env())
	token := r.accessToken(t)
	before := r.idp.count()
	for range 3 {
		saw := a.admits(t, http.Header{"Authorization": {"Bearer " + token}, "X-User-Id": {"forged"}})
		if upstreamSaw(saw, "Authorization") != "Bearer "+token || upstreamSaw(saw, "X-Client-Id") != "app" ||
			upstreamSaw(saw, "X-User-Id") == "forged" || upstreamSaw(saw, "X-User-Id") == "" {
			t.Errorf("the upstream saw %v", member(saw, "headers"))
		}
	}
	if n := r.idp.count() - before; n != 2 {
		t.Errorf("%d requests to Keycloak, want its document and its keys", n)
	}
	r2 := a.refuses(t, 401, bearer(tampered(t, token)))
	if !strings.Contains(r2.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("%q", r2.header.Get("WWW-Authenticate"))
	}
	a.refuses(t, 401, nil)
	a.refuses(t, 401, bearer("opaque"))
	all := r.userTokens(t, "app", "", "openid")
	id, _ := all["id_token"].(string)
	refresh, _ := all["refresh_token"].(string)
	a.refuses(t, 401, bearer(id)) // Keycloak's ID token is no access token
	a.refuses(t, 401, bearer(refresh))
	other, _ := r.userTokens(t, "elsewhere", "", "openid")["access_token"].(string)
	forbidden := a.refuses(t, 403, bearer(other)) // for another API
	if !strings.Contains(forbidden.header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("%q", forbidden.header.Get("WWW-Authenticate"))
	}
}

func TestIntrospectionExample(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	a := startAPI(t, "introspection", r.env())
	token := r.accessToken(t)
	saw := a.admits(t, bearer(token))
	document, err := base64.StdEncoding.DecodeString(upstreamSaw(saw, "X-Token-Introspection"))
	if err != nil || !strings.Contains(string(document), `"active":true`) {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	before := r.idp.count()
	a.admits(t, bearer(token))
	if n := r.idp.count() - before; n != 0 {
		t.Errorf("%d more requests to Keycloak for the same token", n)
	}
	a.refuses(t, 401, bearer("garbage"))
	a.refuses(t, 401, bearer(tampered(t, token)))
	// A token whose session an administrator ended is refused although its
	// signature is good.
	revoked := r.accessToken(t)
	r.k.admin(t, http.MethodPost, "/admin/realms/"+r.name+"/logout-all", map[string]any{})
	time.Sleep(1100 * time.Millisecond) // Keycloak compares whole seconds
	a.refuses(t, 401, bearer(revoked))
	a.admits(t, bearer(token)) // still remembered
	a.change(t, map[string]any{"cache_introspection": false})
	a.refuses(t, 401, bearer(token))
	a.admits(t, bearer(r.accessToken(t)))
}

func TestUserInfoExample(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	a := startAPI(t, "userinfo", r.env())
	saw := a.admits(t, bearer(r.accessToken(t)))
	if upstreamSaw(saw, "X-User-Email") != "alice@example.test" || upstreamSaw(saw, "X-Userinfo") == "" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	a.refuses(t, 401, bearer("garbage"))
	a.refuses(t, 401, nil)
	machine, _ := r.tokens(t, "robot", r.robotSecret, url.Values{"grant_type": {"client_credentials"}})["access_token"].(string)
	a.refuses(t, 401, bearer(machine)) // a token without openid
}

func TestPasswordExample(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	a := startAPI(t, "password", r.env())
	first := a.ask(t, basic(r.user, r.password))
	if first.status != http.StatusOK {
		t.Fatalf("status %d: %s", first.status, first.text)
	}
	saw := first.json(t)
	if !strings.HasPrefix(upstreamSaw(saw, "Authorization"), "Bearer ey") || upstreamSaw(saw, "X-User-Email") != "alice@example.test" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	before := r.idp.count()
	a.admits(t, basic(r.user, r.password))
	cookie, _, _ := strings.Cut(first.header.Get("Set-Cookie"), ";")
	a.admits(t, http.Header{"Cookie": {cookie}})
	if n := r.idp.count() - before; n != 0 {
		t.Errorf("%d more requests to Keycloak", n)
	}
	for range 3 {
		a.refuses(t, 401, basic(r.user, "wrong"))
	}
	if n := r.idp.count() - before; n != 1 {
		t.Errorf("%d requests to Keycloak for one wrong password", n)
	}
	a.refuses(t, 401, nil)
}

func TestClientCredentialsExample(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	a := startAPI(t, "client-credentials", r.env())
	saw := a.admits(t, basic("robot", r.robotSecret))
	if upstreamSaw(saw, "X-Client-Id") != "robot" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	before := r.idp.count()
	a.admits(t, basic("robot", r.robotSecret))
	if n := r.idp.count() - before; n != 0 {
		t.Errorf("%d more requests to Keycloak", n)
	}
	a.refuses(t, 401, basic("robot", "wrong"))
	a.refuses(t, 401, basic("nobody", "wrong"))
	a.refuses(t, 401, basic(r.user, r.password))      // a user is no client
	a.refuses(t, 401, basic("api-gateway", r.secret)) // may not: no service account
}

func TestRefreshTokenExample(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	a := startAPI(t, "refresh-token", r.env())
	token, _ := r.userTokens(t, r.clientID, r.secret, "openid")["refresh_token"].(string)
	saw := a.admits(t, http.Header{"Refresh-Token": {token}})
	if !strings.HasPrefix(upstreamSaw(saw, "Authorization"), "Bearer ey") || upstreamSaw(saw, "Refresh-Token") != "" || upstreamSaw(saw, "X-User-Id") == "" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	before := r.idp.count()
	a.admits(t, http.Header{"Refresh-Token": {token}})
	if n := r.idp.count() - before; n != 0 {
		t.Errorf("%d more requests to Keycloak", n)
	}
	foreign, _ := r.userTokens(t, "app", "", "openid")["refresh_token"].(string)
	a.refuses(t, 401, http.Header{"Refresh-Token": {foreign}}) // of another client
	a.refuses(t, 401, http.Header{"Refresh-Token": {"garbage"}})
	a.refuses(t, 401, nil)
}

func TestSeveralIssuersExample(t *testing.T) {
	t.Parallel()
	one, two, three := newAPIRealm(t), newAPIRealm(t), newAPIRealm(t)
	a := startAPI(t, "several-issuers", append(one.env(), "OTHER_ISSUER="+two.issuer, "OTHER_JWKS="+two.endpoint("certs")))
	for _, r := range []*apiRealm{one, two} {
		if saw := a.admits(t, bearer(r.accessToken(t))); upstreamSaw(saw, "X-Issuer") != r.issuer {
			t.Errorf("the upstream saw %v", member(saw, "headers"))
		}
		a.refuses(t, 401, bearer(tampered(t, r.accessToken(t))))
	}
	a.refuses(t, 401, bearer(three.accessToken(t)))
}

func TestExtraJWKSExample(t *testing.T) {
	t.Parallel()
	r, other := newAPIRealm(t), newAPIRealm(t)
	a := startAPI(t, "extra-jwks", append(r.env(), "EXTRA_JWKS="+other.endpoint("certs")))
	saw := a.admits(t, bearer(r.accessToken(t)))
	key, err := base64.StdEncoding.DecodeString(upstreamSaw(saw, "X-Token-Key"))
	if err != nil || !strings.Contains(string(key), `"kty":"RSA"`) || strings.Contains(string(key), `"d"`) {
		t.Errorf("the key is %s", key)
	}
	// The other realm's tokens have good signatures and another issuer.
	token := other.accessToken(t)
	a.refuses(t, 401, bearer(token))
	a.change(t, map[string]any{"issuers_allowed": []any{r.issuer, other.issuer}})
	a.admits(t, bearer(token))
	a.change(t, map[string]any{"extra_jwks_uris": nil})
	a.refuses(t, 401, bearer(token))
}

// TestSignedUserInfoAtKeycloak: Keycloak answers with a JWT.
func TestSignedUserInfoAtKeycloak(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	r.k.admin(t, http.MethodPost, "/admin/realms/"+r.name+"/clients", map[string]any{
		"clientId": "signed", "enabled": true, "protocol": "openid-connect", "publicClient": false, "secret": r.robotSecret,
		"standardFlowEnabled": false, "directAccessGrantsEnabled": true,
		"attributes": map[string]any{"user.info.response.signature.alg": "RS256"},
	})
	r.clientID, r.secret = "signed", r.robotSecret
	a := startAPI(t, "userinfo", r.env())
	a.change(t, map[string]any{
		"client_id": []any{"signed"}, "client_secret": []any{r.secret}, "userinfo_accept": "application/jwt", "upstream_user_info_jwt_header": "x-userinfo-jwt",
	})
	token, _ := r.userTokens(t, "signed", r.secret, "openid email")["access_token"].(string)
	saw := a.admits(t, bearer(token))
	if jwt := upstreamSaw(saw, "X-Userinfo-Jwt"); strings.Count(jwt, ".") != 2 || upstreamSaw(saw, "X-User-Email") != "alice@example.test" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	// The answer is for the client that the token was issued to: another one
	// does not take it.
	a.change(t, map[string]any{"client_id": []any{"api-gateway"}})
	if answer := a.ask(t, bearer(token)); answer.status == http.StatusOK {
		t.Errorf("an answer for another client is taken: %s", answer.text)
	}
}
