package openidconnect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLogoutEndsTheSessionHereAndAtTheIdP(t *testing.T) {
	t.Parallel()
	logout := map[string]any{
		"logout_methods": []any{"GET", "POST"}, "logout_uri_suffix": "/logout", "logout_query_arg": "bye", "logout_post_arg": "leave",
		"logout_redirect_uri": []any{"https://app.test/bye"},
	}
	for name, send := range map[string]func(b *browser) answer{
		"path suffix":               func(b *browser) answer { return b.get("/x/logout?a=b") },
		"path suffix, encoded":      func(b *browser) answer { return b.get("/x/%6cogout") },
		"query argument":            func(b *browser) answer { return b.get("/x?bye") },
		"form argument":             func(b *browser) answer { return b.post("/x", url.Values{"leave": {"1"}}) },
		"without a session":         func(b *browser) answer { return b.r.browser().get("/logout") },
		"with a session of nothing": func(b *browser) answer { return b.r.withPath("/logout", "session=forged") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: logout})
			b := r.browser()
			b.login("/")
			stolen := "session=" + b.cookie("session")
			if a := r.with(stolen); a.status != http.StatusOK {
				t.Fatalf("positive control: %d", a.status)
			}
			hits := r.echo.Hits()
			a := send(b)
			u, err := url.Parse(a.location())
			if err != nil || a.status/100 != 3 || !strings.HasPrefix(a.location(), r.idp.URL("logout")) {
				t.Fatalf("got %d to %q", a.status, a.location())
			}
			q := u.Query()
			if q.Get("client_id") != clientID || q.Get("post_logout_redirect_uri") != "https://app.test/bye" {
				t.Errorf("logout request: %v", q)
			}
			own := !strings.HasPrefix(name, "with")
			if (q.Get("id_token_hint") != "") != own {
				t.Errorf("id_token_hint is %q", q.Get("id_token_hint"))
			}
			if r.echo.Hits() != hits {
				t.Error("the logout was proxied")
			}
			if !own {
				return
			}
			if b.cookie("session") != "" {
				t.Error("the browser still has the cookie")
			}
			if a := r.with(stolen); a.status != http.StatusFound || r.echo.Hits() != hits {
				t.Errorf("a copy of the cookie still opens the session: %d", a.status)
			}
			if end := b.get(a.location()); end.location() != "https://app.test/bye" {
				t.Errorf("the IdP answers %d to %q", end.status, end.location())
			}
		})
	}
}

// withPath is with for another path.
func (r *rig) withPath(path, cookie string) answer {
	r.t.Helper()
	b := r.browser()
	req := b.request(http.MethodGet, path, nil)
	req.Header.Set("Cookie", cookie)
	return b.send(req)
}

func TestLogoutByAMethodThatIsNotListedIsAnOrdinaryRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"logout_uri_suffix": "/logout"}})
	b := r.browser()
	b.login("/")
	if a := b.get("/logout"); a.status != http.StatusOK {
		t.Errorf("GET: %d", a.status)
	}
	if a := b.post("/logout", nil); a.status != http.StatusSeeOther {
		t.Errorf("POST: %d", a.status)
	}
}

func TestLogoutThatCannotReachTheStoreIs503AndNotDone(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"logout_uri_suffix": "/logout"}})
	b := r.browser()
	b.login("/")
	r.sessions.down.Store(true)
	if a := b.post("/logout", nil); a.status != http.StatusServiceUnavailable || len(a.header["Set-Cookie"]) > 0 {
		t.Errorf("got %d, %v", a.status, a.header["Set-Cookie"])
	}
	r.sessions.down.Store(false)
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("the session did not survive: %d", a.status)
	}
	if a := b.post("/logout", nil); a.status != http.StatusSeeOther {
		t.Errorf("the next try: %d", a.status)
	}
}

func TestLogoutWithoutEndSessionEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: quick(map[string]any{"logout_uri_suffix": "/logout"})})
	b := r.browser()
	b.login("/")
	// Nothing but the configured endpoints is known.
	r.change(map[string]any{
		"using_pseudo_issuer": true, "token_endpoint": r.idp.URL("token"), "authorization_endpoint": r.idp.URL("authorize"),
		"jwks_endpoint": r.idp.URL("jwks"),
	})
	if a := b.post("/logout", nil); a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v", a.status, a.header)
	}
	r.change(map[string]any{"logout_redirect_uri": []any{"https://app.test/bye"}})
	if a := b.post("/logout", nil); a.location() != "https://app.test/bye" {
		t.Errorf("got %d to %q", a.status, a.location())
	}
}
