package openidconnect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

func own(name string, value any) map[string]any {
	return map[string]any{"sallyport": map[string]any{name: value}}
}

// askedFor is what the gateway asks the IdP for.
func askedFor(t *testing.T, a answer) url.Values {
	t.Helper()
	u, err := url.Parse(a.location())
	if err != nil || a.status != http.StatusFound {
		t.Fatalf("no redirect: %d %s", a.status, a.body)
	}
	return u.Query()
}

func TestStepUpToALevel(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"upstream_headers": []any{map[string]any{"header": "x-id", "path": []any{"sid"}}}}})
	b := r.browser()
	b.login("/")
	base := b.cookie("session")
	r.change(own("acr", []any{"gold", "silver"}))
	a := b.get("/page?x=1")
	if got := askedFor(t, a).Get("acr_values"); got != "gold silver" {
		t.Errorf("acr_values = %q", got)
	}
	if b.cookie("session") != base {
		t.Fatal("the base session was touched before the step-up was done")
	}
	// A good session does not stop this callback from being redeemed.
	end := b.callback(b.authorize(a.location()))
	if !strings.HasSuffix(end.location(), "/page?x=1") || b.cookie("session") == base {
		t.Errorf("%d to %q", end.status, end.location())
	}
	if a := b.get("/page?x=1"); a.status != http.StatusOK {
		t.Errorf("after the step-up: %d", a.status)
	}
	// The old session is gone, whoever kept its cookie.
	old := r.browser()
	req := old.request(http.MethodGet, "/", nil)
	req.Header.Set("Cookie", "session="+base)
	if a := old.send(req); a.status == http.StatusOK {
		t.Error("the session from before the step-up still opens")
	}
	// Without the demand nothing is asked.
	r.change(map[string]any{"sallyport": nil})
	if got := askedFor(t, r.browser().get("/")); got.Has("acr_values") || got.Has("max_age") {
		t.Errorf("asked for %v", got)
	}
}

func TestAStepUpThatFallsShortEndsInAPageAndKeepsTheSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) { o.FixedACR = "bronze" }, config: map[string]any{"display_errors": true}})
	b := r.browser()
	b.login("/")
	r.change(own("acr", []any{"gold"}))
	hits := r.echo.Hits()
	a := b.callback(b.authorize(b.get("/").location()))
	r.refused(a, http.StatusForbidden, hits)
	if !strings.Contains(a.body, "stronger sign-in") || !strings.Contains(a.body, "bronze") || !strings.Contains(a.header.Get("WWW-Authenticate"), `acr_values="gold"`) {
		t.Errorf("%s\n%s", a.header.Get("WWW-Authenticate"), a.body)
	}
	r.change(map[string]any{"sallyport": nil})
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("the base session is gone: %d", a.status)
	}
	// A first login that falls short opens no session at all.
	r.change(own("acr", []any{"gold"}))
	fresh := r.browser()
	r.refused(fresh.callback(fresh.begin("/")), http.StatusForbidden, hits+1)
	r.change(own("acr", []any{"gold", "bronze"}))
	if a := fresh.callback(fresh.begin("/")); !a.sets("session") {
		t.Errorf("the control, a level that is accepted: %d", a.status)
	}
}

func TestStepUpThatIsCancelledKeepsTheSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	r.change(own("acr", []any{"gold"}))
	state := askedFor(t, b.get("/")).Get("state")
	r.refused(b.get("/?error=access_denied&iss="+url.QueryEscape(r.idp.Issuer())+"&state="+url.QueryEscape(state)), http.StatusUnauthorized, 0)
	r.change(map[string]any{"sallyport": nil})
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("the base session is gone: %d", a.status)
	}
}

func TestStepUpByAge(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: own("max_age", 60), idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Hour }})
	b := r.browser()
	if got := askedFor(t, b.get("/")).Get("max_age"); got != "60" {
		t.Errorf("max_age = %q", got)
	}
	b.login("/")
	if a := b.get("/"); a.status != http.StatusOK {
		t.Fatalf("right after the login: %d", a.status)
	}
	r.clock.advance(2 * time.Minute)
	a := b.get("/")
	if got := askedFor(t, a).Get("max_age"); got != "60" {
		t.Errorf("max_age = %q", got)
	}
	b.callback(b.authorize(a.location()))
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("after the step-up: %d", a.status)
	}
}

func TestAProviderThatDoesNotAskAgainMakesNoLoop(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: own("max_age", 60), idp: func(o *practiceidp.Options) { o.AuthAge = time.Hour }})
	b := r.browser()
	r.refused(b.callback(b.begin("/")), http.StatusForbidden, 0)
}

func TestWhoCannotBeRedirectedIsToldTheLevel(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: apiConfig("authorization_code", "session", "bearer"),
		idp: func(o *practiceidp.Options) {
			o.Users[0].AccessTokenClaims = map[string]any{"acr": "silver", "auth_time": time.Now().Unix()}
		},
	})
	b := r.browser()
	b.login("/")
	base := b.cookie("session")
	token := r.accessToken()
	r.change(map[string]any{"sallyport": map[string]any{"acr": []any{"gold"}, "max_age": 3600}})
	script := b.request(http.MethodGet, "/", nil)
	script.Header.Set("Sec-Fetch-Mode", "cors")
	for how, a := range map[string]answer{"script": b.send(script), "bearer": r.bearer(token)} {
		r.refused(a, http.StatusUnauthorized, 0)
		if got := a.header.Get("WWW-Authenticate"); !strings.HasSuffix(got, `, error="insufficient_user_authentication", acr_values="gold", max_age=3600`) {
			t.Errorf("%s: %s", how, got)
		}
	}
	if b.cookie("session") != base {
		t.Error("the session was ended")
	}
	r.change(map[string]any{"sallyport": map[string]any{"acr": []any{"silver"}, "max_age": 3600}})
	if a := r.bearer(token); a.status != http.StatusOK {
		t.Errorf("the control, a token of that level: %d", a.status)
	}
	r.clock.advance(2 * time.Hour)
	if a := r.bearer(r.accessToken()); a.status != http.StatusUnauthorized {
		t.Errorf("a token of an older authentication: %d", a.status)
	}
}
