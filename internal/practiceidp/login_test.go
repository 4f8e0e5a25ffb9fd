package practiceidp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

func TestLoginAndConsentPages(t *testing.T) {
	t.Parallel()
	rp := newParty(t, nil)
	page := rp.authorize()
	if page.StatusCode != 200 || !strings.Contains(page.text, "to continue to Shop &lt;1&gt;") {
		t.Fatalf("login page: %d %s", page.StatusCode, page.text)
	}
	wrong := rp.fillIn(page, "username", `"><b>ann`, "password", "no")
	if wrong.StatusCode != 401 || !strings.Contains(wrong.text, `role="alert"`) || strings.Contains(wrong.text, "<b>ann") {
		t.Fatalf("wrong password: %d %s", wrong.StatusCode, wrong.text)
	}
	consent := rp.fillIn(wrong, "username", "ann", "password", "wonder & land")
	if !strings.Contains(consent.text, "See your e-mail address") {
		t.Fatalf("consent page: %d %s", consent.StatusCode, consent.text)
	}
	done := rp.fillIn(consent, "answer", "allow")
	back := done.location()
	if done.StatusCode != http.StatusSeeOther || back.Get("state") != "st&ate" || back.Get("iss") != rp.idp.Issuer() {
		t.Fatalf("answer: %d %q", done.StatusCode, done.Header.Get("Location"))
	}
	if tokens := rp.token(redemption(back.Get("code"))); tokens.StatusCode != 200 {
		t.Fatalf("token endpoint: %d %s", tokens.StatusCode, tokens.text)
	}
	if again := rp.authorize(); again.location().Get("code") == "" {
		t.Error("a second request of a logged-in user who consented got a page")
	}
	if more := rp.authorize("scope", "openid phone"); !strings.Contains(more.text, "See your phone number") {
		t.Error("a wider scope was granted without consent")
	}
}

func TestDeniedConsent(t *testing.T) {
	t.Parallel()
	rp := newParty(t, nil)
	consent := rp.fillIn(rp.authorize(), "username", "bob", "password", "builder")
	back := rp.fillIn(consent, "answer", "deny").location()
	if back.Get("error") != "access_denied" || back.Get("code") != "" || back.Get("state") != "st&ate" {
		t.Errorf("got %v", back)
	}
}

func TestFormsBelongToTheirBrowser(t *testing.T) {
	t.Parallel()
	rp := newParty(t, nil)
	page := rp.authorize()
	good := []string{"username", "ann", "password", "wonder & land"}
	t.Run("positive control", func(t *testing.T) {
		if a := rp.fillIn(page, good...); a.StatusCode != 200 {
			t.Errorf("status %d", a.StatusCode)
		}
	})
	for name, pairs := range map[string][]string{
		"no token":        {"csrf", ""},
		"token altered":   {"csrf", strings.Repeat("A", 43)},
		"request altered": {"request", request("scope", "openid groups").Encode()},
	} {
		t.Run(name, func(t *testing.T) {
			if a := rp.fillIn(page, append(pairs, good...)...); a.StatusCode != 403 {
				t.Errorf("status %d, want 403", a.StatusCode)
			}
		})
	}
	t.Run("another browser", func(t *testing.T) {
		other := newParty(t, nil)
		other.idp = rp.idp
		if a := other.fillIn(page, good...); a.StatusCode != 403 {
			t.Errorf("status %d, want 403", a.StatusCode)
		}
	})
	t.Run("a foreign origin", func(t *testing.T) {
		_, form := pageForm(page)
		header := http.Header{"Origin": {"http://evil.test"}}
		a := rp.must(rp.do(t.Context(), http.MethodPost, rp.idp.URL("login"), form, header))
		if a.StatusCode != 403 {
			t.Errorf("status %d, want 403", a.StatusCode)
		}
	})
}

func TestAuthorizationRequestRules(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	if rp.code() == "" {
		t.Fatal("the positive control has no code")
	}
	for name, pairs := range map[string][]string{
		"unknown client":              {"client_id", "nobody"},
		"foreign redirect_uri":        {"redirect_uri", "http://evil.test/"},
		"redirect_uri with a suffix":  {"redirect_uri", redirectURI + "/"},
		"redirect_uri without a port": {"redirect_uri", "http://rp.test:80/cb"},
		"no redirect_uri":             {"redirect_uri", ""},
		"a request object of nobody":  {"request", "x.y.z"},
		"an unknown reference":        {"request_uri", "urn:ietf:params:oauth:request_uri:x"},
	} {
		if a := rp.authorize(pairs...); a.StatusCode != 400 || a.Header.Get("Location") != "" {
			t.Errorf("%s: status %d, Location %q", name, a.StatusCode, a.Header.Get("Location"))
		}
	}
	for want, cases := range map[string][][]string{
		"unsupported_response_type": {{"response_type", "token"}},
		"invalid_scope":             {{"scope", "profile"}},
		"invalid_request": {
			{"response_mode", "fragment"},
			{"code_challenge_method", "plain"},
			{"code_challenge", "short"},
			{"max_age", "soon"},
			{"prompt", "none login"},
			{"code_challenge", ""},
			{"client_id", "public", "code_challenge", "", "code_challenge_method", ""},
		},
	} {
		for _, pairs := range cases {
			if back := rp.authorize(pairs...).location(); back.Get("error") != want || back.Get("state") != "st&ate" {
				t.Errorf("%v: got %v, want %s", pairs, back, want)
			}
		}
	}
	if back := rp.authorize("redirect_uri", redirectURI+"?fixed=1").location(); back.Get("fixed") != "1" || back.Get("code") == "" {
		t.Errorf("redirect URI with a query: got %v", back)
	}
}

func TestPromptAndMaxAge(t *testing.T) {
	t.Parallel()
	clock := newClock()
	rp := newParty(t, func(o *practiceidp.Options) { o.Now = clock.now })
	if back := rp.authorize("prompt", "none").location(); back.Get("error") != "login_required" {
		t.Errorf("prompt=none without a login: %v", back)
	}
	consent := rp.fillIn(rp.authorize(), "username", "ann", "password", "wonder & land")
	if back := rp.authorize("prompt", "none").location(); back.Get("error") != "consent_required" {
		t.Errorf("prompt=none without consent: %v", back)
	}
	rp.fillIn(consent, "answer", "allow")
	if back := rp.authorize("prompt", "none").location(); back.Get("code") == "" {
		t.Errorf("prompt=none with login and consent: %v", back)
	}
	again := rp.authorize("prompt", "login")
	if !strings.Contains(again.text, "Log in") {
		t.Error("prompt=login did not ask")
	}
	if back := rp.fillIn(again, "username", "ann", "password", "wonder & land").location(); back.Get("code") == "" {
		t.Errorf("after prompt=login: %v", back)
	}
	ask := rp.authorize("prompt", "consent")
	if back := rp.fillIn(ask, "answer", "allow").location(); back.Get("code") == "" {
		t.Errorf("after prompt=consent: %v", back)
	}
	clock.add(time.Minute)
	if a := rp.authorize("max_age", "30"); !strings.Contains(a.text, "Log in") {
		t.Error("max_age=30 accepted a login one minute old")
	}
	if back := rp.authorize("max_age", "90").location(); back.Get("code") == "" {
		t.Errorf("max_age=90: %v", back)
	}
}

func TestFormPost(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	page := rp.authorize("response_mode", "form_post")
	action, fields := pageForm(page)
	policy := page.Header.Get("Content-Security-Policy")
	switch {
	case action != redirectURI:
		t.Errorf("the form goes to %q", action)
	case fields.Get("code") == "" || fields.Get("state") != "st&ate" || fields.Get("iss") != rp.idp.Issuer():
		t.Errorf("fields %v", fields)
	case !strings.Contains(page.text, "<button"):
		t.Error("no visible button")
	case strings.Contains(policy, "unsafe") || strings.Contains(policy, "form-action") || !strings.Contains(policy, "script-src 'sha256-"):
		t.Errorf("policy %q", policy)
	}
	if tokens := rp.token(redemption(fields.Get("code"))); tokens.StatusCode != 200 {
		t.Errorf("token endpoint: %d %s", tokens.StatusCode, tokens.text)
	}
}

func TestAuthorizeByPost(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	a := rp.post(rp.idp.URL("authorize"), request())
	if a.StatusCode != http.StatusSeeOther || a.location().Get("code") == "" {
		t.Errorf("status %d, Location %q", a.StatusCode, a.Header.Get("Location"))
	}
}
