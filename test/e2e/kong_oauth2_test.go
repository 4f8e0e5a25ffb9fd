//go:build integration

package e2e

import (
	"net/http"
	"testing"
)

// The whole way through the Admin API: a consumer, its application, its token;
// and there is no identity provider at all.
func TestKongOAuth2Example(t *testing.T) {
	t.Parallel()
	a := startAPI(t, "kong-oauth2", nil)
	a.refuses(t, 401, nil)
	a.refuses(t, 401, bearer("not-made-yet"))

	token := plant("a token of the gateway's own")
	made := a.adminForm(t, 201, http.MethodPost, "/oauth2_tokens", "credential.client_id", "notes-app", "access_token", token,
		"expires_in", "3600", "scope", "read write", "authenticated_userid", "alice")
	id, _ := made["id"].(string)
	forged := bearer(token)
	forged["X-Authenticated-Userid"], forged["X-Consumer-Username"] = []string{"root"}, []string{"root"}
	saw := a.admits(t, forged)
	for name, want := range map[string]string{
		"X-Consumer-Username": "notes", "X-Credential-Identifier": "notes-app", "X-Authenticated-Scope": "read write",
		"X-Authenticated-Userid": "alice", "X-Consumer-Groups": "programs", "Authorization": "",
	} {
		if got := upstreamSaw(saw, name); got != want {
			t.Errorf("%s: the upstream saw %q, want %q", name, got, want)
		}
	}

	// For another service it does not count, and then again for this one.
	a.adminJSON(t, 201, http.MethodPost, "/services", map[string]any{"name": "other", "url": "http://127.0.0.1:1"})
	a.adminJSON(t, 200, http.MethodPatch, "/oauth2_tokens/"+id, map[string]any{"service": map[string]any{"name": "other"}})
	a.refuses(t, 401, bearer(token))
	a.adminJSON(t, 200, http.MethodPatch, "/oauth2_tokens/"+id, map[string]any{"service": nil})
	a.admits(t, bearer(token))

	// One that has run out is refused, and so is one that is deleted.
	created, _ := made["created_at"].(float64)
	a.adminJSON(t, 200, http.MethodPatch, "/oauth2_tokens/"+id, map[string]any{"created_at": int64(created) - 3600})
	a.refuses(t, 401, bearer(token))
	a.adminJSON(t, 200, http.MethodPatch, "/oauth2_tokens/"+id, map[string]any{"expires_in": 0})
	a.admits(t, bearer(token))
	a.adminCall(t, 204, http.MethodDelete, "/oauth2_tokens/"+id, "", "")
	a.refuses(t, 401, bearer(token))

	// A consumer made by hand, whose client id, secret and token are generated.
	a.adminJSON(t, 201, http.MethodPost, "/consumers", map[string]any{"username": "drive"})
	a.adminJSON(t, 201, http.MethodPost, "/consumers/drive/acls", map[string]any{"group": "programs"})
	app := a.adminForm(t, 201, http.MethodPost, "/consumers/drive/oauth2", "name", "Drive")
	client, _ := app["client_id"].(string)
	made = a.adminForm(t, 201, http.MethodPost, "/oauth2/"+client+"/oauth2_tokens", "expires_in", "3600")
	text, _ := made["access_token"].(string)
	if len(client) != 32 || len(text) != 32 {
		t.Fatalf("generated: client id %q, token %q", client, text)
	}
	if saw := a.admits(t, bearer(text)); upstreamSaw(saw, "X-Consumer-Username") != "drive" || upstreamSaw(saw, "X-Credential-Identifier") != client {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	a.adminCall(t, 204, http.MethodDelete, "/consumers/drive", "", "")
	a.refuses(t, 401, bearer(text))
}
