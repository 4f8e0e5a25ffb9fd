//go:build integration

package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestComponentsByThemselves logs in at Keycloak with the browser and without
// the gateway: when it fails, the fault lies with the components.
func TestComponentsByThemselves(t *testing.T) {
	t.Parallel()
	callbacks := make(chan url.Values, 1)
	relyingParty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cb" || r.ParseForm() != nil {
			http.NotFound(w, r)
			return
		}
		callbacks <- r.PostForm
		_, _ = w.Write([]byte("the stand-in was reached"))
	}))
	t.Cleanup(relyingParty.Close)
	redirectURI := strings.Replace(relyingParty.URL, "127.0.0.1", host, 1) + "/cb"
	realm := theKeycloak(t).newRealm(t, redirectURI)

	b := startBrowser(t, host)
	b.open(realm.issuer + "/protocol/openid-connect/auth?" + url.Values{
		"response_type": {"code"}, "response_mode": {"form_post"}, "scope": {"openid"}, "client_id": {realm.clientID},
		"redirect_uri": {redirectURI}, "state": {"the state"}, "nonce": {"the nonce"},
	}.Encode())
	b.logIn(realm.user, realm.password)
	b.consent()
	b.arrive(strings.TrimSuffix(redirectURI, "/cb"), "the stand-in was reached")
	form := <-callbacks
	if form.Get("code") == "" || form.Get("state") != "the state" || form.Get("iss") != realm.issuer {
		t.Errorf("Keycloak posted %v", form)
	}
	status, answer := theKeycloak(t).call(t, http.MethodPost, "/realms/"+realm.name+"/protocol/openid-connect/token",
		"application/x-www-form-urlencoded", "", url.Values{
			"grant_type": {"authorization_code"}, "code": {form.Get("code")}, "redirect_uri": {redirectURI},
			"client_id": {realm.clientID}, "client_secret": {realm.secret},
		}.Encode())
	if status != http.StatusOK || !strings.Contains(string(answer), `"id_token"`) {
		t.Errorf("Keycloak's token endpoint: %d %s", status, answer)
	}
	if len(b.cookies()) == 0 {
		t.Error("the browser has no cookies of Keycloak")
	}
	if held := startRedis(t).contents(t); len(held) != 0 {
		t.Errorf("a new Redis holds %v", held)
	}
}
