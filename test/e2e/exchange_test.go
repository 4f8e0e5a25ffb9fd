//go:build integration

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newExchangeRealm makes a realm whose client "exchanger" may exchange tokens, for ones
// that are for the client orders. The tokens of "caller" are for the exchanger,
// those of "stranger" for nobody.
func newExchangeRealm(t *testing.T) *apiRealm {
	t.Helper()
	r := newAPIRealm(t)
	audience := func(name string) []any {
		return []any{map[string]any{
			"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
			"config": map[string]any{"included.client.audience": name, "access.token.claim": "true", "introspection.token.claim": "true"},
		}}
	}
	for id, more := range map[string]map[string]any{
		"orders":    {"publicClient": true},
		"exchanger": {"publicClient": false, "secret": r.secret, "attributes": map[string]any{"standard.token.exchange.enabled": "true"}, "protocolMappers": audience("orders"), "optionalClientScopes": []any{"orders:read", "email"}},
		"caller":    {"publicClient": true, "protocolMappers": audience("exchanger"), "optionalClientScopes": []any{"orders:read", "email"}},
		"stranger":  {"publicClient": true, "optionalClientScopes": []any{"orders:read"}},
	} {
		c := map[string]any{
			"clientId": id, "enabled": true, "protocol": "openid-connect", "standardFlowEnabled": false, "directAccessGrantsEnabled": true,
			"redirectUris": []any{}, "defaultClientScopes": []any{"basic"},
		}
		maps.Copy(c, more)
		r.k.admin(t, http.MethodPost, "/admin/realms/"+r.name+"/clients", c)
	}
	r.clientID = "exchanger"
	return r
}

// exampleFor is an example with another issuer in it, in a file of its own.
func exampleFor(t *testing.T, name, issuer string) string {
	t.Helper()
	const placeholder = "https://idp.example.com/realms/main"
	text, err := os.ReadFile(filepath.Join(root(), "examples", name+".kong.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), placeholder) {
		t.Fatalf("%s does not name %s", name, placeholder)
	}
	file := filepath.Join(t.TempDir(), name+".kong.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), placeholder, issuer)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// claimsOf reads the payload of a bearer token.
func claimsOf(t *testing.T, authorization string) map[string]any {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", authorization)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func hasAudience(claims map[string]any, name string) bool {
	if list, ok := claims["aud"].([]any); ok {
		return slices.Contains(list, any(name))
	}
	return claims["aud"] == name
}

func TestTokenExchangeExample(t *testing.T) {
	t.Parallel()
	r := newExchangeRealm(t)
	a := startAPIFrom(t, exampleFor(t, "token-exchange", r.issuer), r.env())
	first, _ := r.userTokens(t, "caller", "", "openid email orders:read")["access_token"].(string)
	before := claimsOf(t, first)
	if hasAudience(before, "orders") || !hasAudience(before, "exchanger") {
		t.Fatalf("the first token is for %v", before["aud"])
	}

	// The upstream gets a token of Keycloak's for the API, about the same user,
	// with the one scope that was asked for.
	saw := a.admits(t, bearer(first))
	after := claimsOf(t, upstreamSaw(saw, "Authorization"))
	scope, _ := after["scope"].(string)
	if !hasAudience(after, "orders") || after["sub"] != before["sub"] || after["azp"] != "exchanger" || after["iss"] != r.issuer ||
		!slices.Contains(strings.Fields(scope), "orders:read") || slices.Contains(strings.Fields(scope), "email") {
		t.Errorf("the upstream got a token with %v", after)
	}
	if upstreamSaw(saw, "X-User-Id") != before["sub"] || upstreamSaw(saw, "X-Client-Id") != "exchanger" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	calls := r.idp.count()
	again := a.admits(t, bearer(first))
	if upstreamSaw(again, "Authorization") != upstreamSaw(saw, "Authorization") || r.idp.count() != calls {
		t.Errorf("%d calls about a token that was exchanged before", r.idp.count()-calls)
	}

	// What is for the API already passes as it is.
	direct, _ := r.tokens(t, "exchanger", r.secret, url.Values{
		"grant_type": {"password"}, "username": {r.user}, "password": {r.password}, "scope": {"openid orders:read"},
	})["access_token"].(string)
	if !hasAudience(claimsOf(t, direct), "orders") {
		t.Fatalf("the direct token is for %v", claimsOf(t, direct)["aud"])
	}
	if got := upstreamSaw(a.admits(t, bearer(direct)), "Authorization"); got != "Bearer "+direct {
		t.Errorf("a token that is for the API was replaced by one with %v", claimsOf(t, got))
	}

	// What Keycloak does not exchange, is not admitted: a token that is not for
	// the exchanger, one that was changed, one of another realm.
	stranger, _ := r.userTokens(t, "stranger", "", "openid orders:read")["access_token"].(string)
	a.refuses(t, 401, bearer(stranger))
	a.refuses(t, 401, bearer(tampered(t, first)))
	other := newAPIRealm(t)
	a.refuses(t, 401, bearer(other.accessToken(t)))
	a.refuses(t, 401, bearer("opaque"))
	a.refuses(t, 401, nil)

	// The rules are about the token that came of the exchange.
	a.change(t, map[string]any{"scopes_required": []any{"email"}})
	a.refuses(t, 403, bearer(first))

	// A client that may not exchange: Keycloak says invalid_request, as of a bad
	// token.
	a.change(t, map[string]any{"scopes_required": nil, "client_id": []any{"api-gateway"}})
	a.refuses(t, 401, bearer(first))
	hits := a.up.Hits()
	a.change(t, map[string]any{"client_id": []any{"exchanger"}, "token_endpoint": "http://127.0.0.1:1/token"})
	if answer := a.ask(t, bearer(first)); answer.status != http.StatusServiceUnavailable || a.up.Hits() != hits {
		t.Errorf("status %d without a token endpoint", answer.status)
	}
}

// TestForeignTokensAtKeycloak: the standard exchange of Keycloak takes tokens of
// its own realm alone, so a foreign one that the configuration sends there is 401,
// and one that fails its own issuer's keys is not sent.
func TestForeignTokensAtKeycloak(t *testing.T) {
	t.Parallel()
	r, other := newExchangeRealm(t), newAPIRealm(t)
	a := startAPIFrom(t, exampleFor(t, "token-exchange", r.issuer), r.env())
	a.change(t, map[string]any{"token_exchange": map[string]any{"subject_token_issuers": []any{
		map[string]any{"issuer": other.issuer, "verify_signature": true},
	}}})
	token := other.accessToken(t)
	calls := r.idp.count()
	a.refuses(t, 401, bearer(tampered(t, token)))
	if n := r.idp.count() - calls; n != 0 {
		t.Errorf("%d calls to the configured issuer about a forged token", n)
	}
	a.refuses(t, 401, bearer(token))
	if n := r.idp.count() - calls; n == 0 {
		t.Error("Keycloak was not asked about a good one")
	}
}
