//go:build integration

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// startExample runs the gateway with a file of examples/ as it is, and sends its
// one service to up.
func startExample(t *testing.T, g *gateway, up *upstream, name string, env map[string]string) {
	t.Helper()
	var list []string
	for variable, value := range env {
		list = append(list, variable+"="+value)
	}
	g.start(t, list, "--config", filepath.Join(root(), "examples", name+".kong.yaml"))
	g.adminJSON(t, http.StatusOK, http.MethodPatch, "/services/"+name, map[string]any{
		"url": "http://" + up.host + ":" + up.port + "/anything",
	})
}

// change patches the one plugin of an example.
func (g *gateway) change(t *testing.T, config map[string]any) {
	t.Helper()
	list, _ := g.adminCall(t, http.StatusOK, http.MethodGet, "/plugins", "", "")["data"].([]any)
	if len(list) != 1 {
		t.Fatalf("%d plugins", len(list))
	}
	id, _ := member(list[0], "id").(string)
	g.adminJSON(t, http.StatusOK, http.MethodPatch, "/plugins/"+id, map[string]any{"config": config})
}

// newClient makes a further client, which does not ask for consent.
func (r *realm) newClient(t *testing.T, id, secret, redirectURI string, change, attributes map[string]any) {
	t.Helper()
	all := map[string]any{"post.logout.redirect.uris": "+"}
	maps.Copy(all, attributes)
	client := map[string]any{
		"clientId": id, "secret": secret, "enabled": true, "protocol": "openid-connect", "publicClient": false,
		"standardFlowEnabled": true, "redirectUris": []string{redirectURI}, "attributes": all,
	}
	maps.Copy(client, change)
	r.k.admin(t, http.MethodPost, "/admin/realms/"+r.name+"/clients", client)
}

// clientExample is a configuration of examples/ and the Keycloak client that
// accepts nothing else.
type clientExample struct {
	name                 string
	client, attributes   map[string]any
	ownKeys, needsSecret bool
	// without is a change by which the client does not meet Keycloak's demand any
	// more: the positive control of that demand.
	without map[string]any
	// step is the flow event that tells that it was done this way.
	step string
}

// TestClientsAtKeycloak logs in by the examples about clients and requests.
func TestClientsAtKeycloak(t *testing.T) {
	t.Parallel()
	for _, c := range []clientExample{
		{
			name: "par", needsSecret: true, attributes: map[string]any{"require.pushed.authorization.requests": "true"},
			without: map[string]any{"require_pushed_authorization_requests": false}, step: "pushed authorization request",
		},
		{
			name: "jar", needsSecret: true, ownKeys: true,
			attributes: map[string]any{"request.object.signature.alg": "ES256", "request.object.required": "request only"},
			without:    map[string]any{"require_signed_request_object": false}, step: "authorization request",
		},
		{
			name: "jarm", needsSecret: true, step: "signed authorization response",
			without: map[string]any{"client_secret": []any{"another secret"}},
		},
		{
			name: "client-secret-jwt", needsSecret: true, client: map[string]any{"clientAuthenticatorType": "client-secret-jwt"},
			without: map[string]any{"client_auth": []any{"client_secret_basic"}, "client_alg": nil}, step: "token request",
		},
		{
			name: "private-key-jwt", ownKeys: true, client: map[string]any{"clientAuthenticatorType": "client-jwt"},
			attributes: map[string]any{"token.endpoint.auth.signing.alg": "ES256"},
			without:    map[string]any{"client_auth": []any{"none"}}, step: "token request",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.try(t)
		})
	}
}

func (c clientExample) try(t *testing.T) {
	g, up := newGateway(t), startUpstream(t)
	r := theKeycloak(t).newRealm(t, g.url("/*"))
	attributes := map[string]any{}
	maps.Copy(attributes, c.attributes)
	if c.ownKeys {
		attributes["use.jwks.url"], attributes["jwks.url"] = "true", "http://"+g.admin+"/openid-connect/jwks"
	}
	secret := plant("the secret of the client " + c.name)
	r.newClient(t, c.name, secret, g.url("/*"), c.client, attributes)
	env := map[string]string{"ISSUER": r.issuer, "CLIENT_ID": c.name}
	if c.needsSecret {
		env["CLIENT_SECRET"] = secret
	}
	startExample(t, g, up, c.name, env)
	if c.ownKeys { // made before anybody waits for them
		keys := g.adminCall(t, http.StatusOK, http.MethodGet, "/openid-connect/jwks", "", "")
		if text, err := json.Marshal(keys); err != nil || strings.Contains(string(text), `"d":`) || !strings.Contains(string(text), `"ES256"`) {
			t.Fatalf("own keys: %v %s", err, text)
		}
	}
	b := startBrowser(t, host)
	origin := strings.TrimSuffix(g.url("/"), "/")
	b.open(g.url("/?hello=world"))
	b.logIn(r.user, r.password)
	address, text := b.arrive(origin, `"headers"`)
	if want := g.url("/?hello=world"); address != want {
		t.Errorf("the browser is at %s, want %s", address, want)
	}
	if !strings.Contains(text, "Bearer ey") {
		t.Errorf("the upstream got no token: %s", text)
	}
	if !strings.Contains(g.Output.String(), c.step) {
		t.Errorf("no step %q in the output", c.step)
	}

	// The same browser, whose session goes by another name now, and a gateway
	// that does it otherwise: nobody gets in.
	without := map[string]any{"session_cookie_name": "another_session"}
	maps.Copy(without, c.without)
	g.change(t, without)
	hits := up.Hits()
	b.open(g.url("/again"))
	b.refusal()
	if up.Hits() != hits {
		t.Errorf("Keycloak accepts the client without %s", c.name)
	}
}

// refusal waits for an error page: Keycloak's, or the gateway's.
func (b *browser) refusal() {
	b.t.Helper()
	const look = `document.readyState === "complete" && document.body ? document.body.innerText : ""`
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](look))
		cancel()
		if err == nil && (strings.Contains(text, "We are sorry") || strings.Contains(text, "Signing in failed") || strings.Contains(text, "You are not signed in")) {
			return
		}
	}
	b.t.Fatalf("browser: no error page\n%s", b.page())
}

// TestSeveralClientsAtKeycloak: the client that a request asks for is the one
// that Keycloak sees at login, redemption and logout.
func TestSeveralClientsAtKeycloak(t *testing.T) {
	t.Parallel()
	g, up := newGateway(t), startUpstream(t)
	r := theKeycloak(t).newRealm(t, g.url("/*"))
	env := map[string]string{"ISSUER": r.issuer}
	for id, variable := range map[string]string{"first": "CLIENT", "second": "SECOND"} {
		secret := plant("the secret of the client " + id)
		r.newClient(t, id, secret, g.url("/*"), nil, nil)
		env[variable+"_ID"], env[variable+"_SECRET"] = id, secret
	}
	startExample(t, g, up, "several-clients", env)
	origin := strings.TrimSuffix(g.url("/"), "/")
	for argument, want := range map[string]string{"": "first", "2": "second", "second": "second"} {
		b := startBrowser(t, host)
		b.open(g.url("/page?client_id=" + argument))
		b.logIn(r.user, r.password)
		_, text := b.arrive(origin, `"headers"`)
		var answer map[string]any
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		authorization, _ := member(answer, "headers", "Authorization").(string)
		if azp := claimOf(t, strings.TrimPrefix(authorization, "Bearer "), "azp"); azp != want {
			t.Errorf("client_id=%s: azp %v, want %s", argument, azp, want)
		}
		b.open(g.url("/logout"))
		address, _ := b.arrive(strings.TrimSuffix(r.k.base, "/"), "")
		if u, err := url.Parse(address); err != nil || u.Query().Get("client_id") != want && !strings.Contains(address, "logout") {
			t.Errorf("client_id=%s: after the logout at %s", argument, address)
		}
	}
	if strings.Contains(g.Output.String(), "verdict=failed") {
		t.Error("a step failed, the revocation perhaps")
	}
}

// claimOf is a claim of a JWT of which nothing is verified.
func claimOf(t *testing.T, token, name string) any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %.20s", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims[name]
}
