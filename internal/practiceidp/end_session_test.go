package practiceidp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestEndSession(t *testing.T) {
	t.Parallel()
	rp := newParty(t, nil)
	consent := rp.fillIn(rp.authorize(), "username", "ann", "password", "wonder & land")
	back := rp.fillIn(consent, "answer", "allow").location()
	tokens := rp.token(redemption(back.Get("code"))).json()
	hint, _ := tokens["id_token"].(string)
	logout := rp.idp.URL("logout") + "?"

	for name, query := range map[string]url.Values{
		"target not registered": {"id_token_hint": {hint}, "post_logout_redirect_uri": {"http://evil.test/"}},
		"target without client": {"post_logout_redirect_uri": {goodbyeURI}},
		"hint of nobody":        {"id_token_hint": {"a.b.c"}},
		"hint of another client": {
			"id_token_hint": {hint}, "client_id": {"public"}, "post_logout_redirect_uri": {goodbyeURI},
		},
	} {
		if a := rp.get(logout + query.Encode()); a.StatusCode != http.StatusBadRequest || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d, Location %q", name, a.StatusCode, a.Header.Get("Location"))
		}
	}
	question := rp.get(logout + url.Values{"client_id": {clientID}, "post_logout_redirect_uri": {goodbyeURI}, "state": {"s t"}}.Encode())
	if !strings.Contains(question.text, "Sign out?") {
		t.Fatalf("without a hint nobody was asked: %d", question.StatusCode)
	}
	if rp.authorize("prompt", "none").location().Get("code") == "" {
		t.Error("the mere question ended the login")
	}
	a := rp.get(logout + url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {goodbyeURI}, "state": {"s t"}}.Encode())
	if a.Header.Get("Location") != goodbyeURI+"?state=s+t" {
		t.Errorf("Location %q", a.Header.Get("Location"))
	}
	if rp.authorize("prompt", "none").location().Get("error") != "login_required" {
		t.Error("the login outlived the logout")
	}
	if r := rp.refresh(tokens["refresh_token"]); r.json()["error"] != "invalid_grant" {
		t.Errorf("the grant outlived the logout: %d", r.StatusCode)
	}
	if again := rp.get(logout + url.Values{"id_token_hint": {hint}}.Encode()); again.StatusCode != http.StatusOK {
		t.Errorf("a repeated logout: %d", again.StatusCode)
	}
}

func TestEndSessionAfterAsking(t *testing.T) {
	t.Parallel()
	rp := newParty(t, nil)
	rp.fillIn(rp.authorize(), "username", "ann", "password", "wonder & land")
	question := rp.get(rp.idp.URL("logout") + "?" + url.Values{"client_id": {clientID}, "post_logout_redirect_uri": {goodbyeURI}}.Encode())
	forged := rp.fillIn(question, "csrf", "x")
	if forged.StatusCode != http.StatusForbidden {
		t.Errorf("forged form: %d", forged.StatusCode)
	}
	if a := rp.fillIn(question); a.Header.Get("Location") != goodbyeURI {
		t.Errorf("got %d, Location %q", a.StatusCode, a.Header.Get("Location"))
	}
	if rp.authorize("prompt", "none").location().Get("error") != "login_required" {
		t.Error("the login outlived the logout")
	}
}
