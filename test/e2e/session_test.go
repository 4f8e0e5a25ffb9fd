//go:build integration

package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// sessionCookie is the browser's session cookie, as a request header.
func (w *walkthrough) sessionCookie(t *testing.T) http.Header {
	t.Helper()
	for _, c := range w.b.cookies() {
		if c.Domain == host && c.Name == "session" {
			return http.Header{"Cookie": {c.Name + "=" + c.Value}, "Accept": {"text/html"}}
		}
	}
	t.Fatal("the browser has no session cookie")
	return nil
}

// TestRefreshAtKeycloak lets the access token expire while several requests
// come at once: one refresh, and everybody gets the new token.
func TestRefreshAtKeycloak(t *testing.T) {
	t.Parallel()
	w := newWalkthrough(t)
	const seconds = 20
	w.realm.k.admin(t, http.MethodPut, "/admin/realms/"+w.realm.name, map[string]any{
		"accessTokenLifespan": seconds, "revokeRefreshToken": true, "refreshTokenMaxReuse": 0,
	})
	configureByJSON(t, w)
	w.patch(t)
	w.logIn(t)
	old := member(w.answer, "headers", "Authorization")
	cookie, before := w.sessionCookie(t), w.idp.count()

	time.Sleep((seconds + 2) * time.Second)
	const parallel = 6
	replies := make([]reply, parallel)
	var wait sync.WaitGroup
	for i := range replies {
		wait.Go(func() { replies[i] = w.g.get(t, w.g.url("/parallel"), cookie) })
	}
	wait.Wait()
	tokens := map[any]bool{}
	for _, r := range replies {
		if r.status != http.StatusOK {
			t.Fatalf("status %d, Location %q: %s", r.status, r.header.Get("Location"), r.text)
		}
		tokens[member(r.json(t), "headers", "Authorization")] = true
	}
	if len(tokens) != 1 || tokens[old] {
		t.Errorf("%d different tokens, the expired one among them: %v", len(tokens), tokens[old])
	}
	if n := w.idp.count() - before; n != 1 {
		t.Errorf("%d requests to Keycloak, want 1", n)
	}
	w.atRest(t)
}

// TestLogoutAtKeycloak ends the session here and there: neither the browser
// nor a copy of its cookie gets further.
func TestLogoutAtKeycloak(t *testing.T) {
	t.Parallel()
	w := newWalkthrough(t)
	configureByJSON(t, w)
	w.patch(t)
	w.g.adminForm(t, 200, http.MethodPatch, "/plugins/"+pluginID,
		"config.logout_uri_suffix", "/logout", "config.logout_methods", "GET", "config.logout_redirect_uri", w.g.url("/"))
	w.logIn(t)
	cookie := w.sessionCookie(t)
	if r := w.g.get(t, w.g.url("/"), cookie); r.status != http.StatusOK {
		t.Fatalf("positive control: the copied cookie gives %d", r.status)
	}

	// Keycloak sends the browser back to a protected page, which sends it to
	// Keycloak's login page: nobody is logged in any more.
	w.b.open(w.g.url("/logout"))
	issuer, err := url.Parse(w.realm.issuer)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := w.b.arrive("http://"+issuer.Host, "Sign in to your account")
	if !strings.Contains(address, "/protocol/openid-connect/auth") {
		t.Errorf("after the logout the browser is at %s", address)
	}
	if r := w.g.get(t, w.g.url("/"), cookie); r.status != http.StatusFound {
		t.Errorf("a copy of the cookie still gives %d", r.status)
	}
	for key, value := range w.redis.contents(t) {
		if len(value) > 400 {
			t.Errorf("Redis still holds %d bytes under %q", len(value), key)
		}
	}
}

// TestDeniedConsent shows a page that says so, and no upstream.
func TestDeniedConsent(t *testing.T) {
	t.Parallel()
	w := newWalkthrough(t)
	configureByJSON(t, w)
	w.patch(t)
	w.b.open(w.g.url("/?hello=world"))
	w.b.logIn(w.realm.user, w.realm.password)
	w.b.deny()
	w.b.arrive("http://"+w.host, "401")
	if w.up.Hits() != 0 {
		t.Error("the upstream was asked")
	}
	for _, c := range w.b.cookies() {
		if c.Domain == host && c.Name == "session" {
			t.Error("the browser has a session cookie")
		}
	}
}
