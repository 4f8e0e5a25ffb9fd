package openidconnect_test

import (
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/practiceidp"
)

// TestRulesAboutThePerson: each is asked at the login, for sessions that exist
// when it is added, and of bearer tokens.
func TestRulesAboutThePerson(t *testing.T) {
	t.Parallel()
	for rule, tc := range map[string]struct {
		config map[string]any
		claims map[string]any // of the ID token and, for API clients, of the access token
		want   string         // what is shown with display_errors; empty for a pass
	}{
		"a hosted domain that is listed": {one("domains", path("Corp.example")), one("hd", "corp.example"), ""},
		"another hosted domain":          {one("domains", path("corp.example")), one("hd", "evil.example"), `domains: none of "corp.example"; there is "evil.example"`},
		"no hosted domain":               {one("domains", path("corp.example")), nil, `domains: none of "corp.example"; there is no hd claim`},
		"a hosted domain that is a list": {one("domains", path("corp.example")), one("hd", []any{"corp.example"}), "there is no hd claim"},
		"a verified address of a listed domain": {
			own("email_domains", path("corp.example")), map[string]any{"email": "ada@CORP.example", "email_verified": true}, "",
		},
		"verified as a text, as Cognito has it": {
			own("email_domains", path("corp.example")), map[string]any{"email": "ada@corp.example", "email_verified": "true"}, "",
		},
		"an address that is not verified": {
			own("email_domains", path("corp.example")), map[string]any{"email": "ada@corp.example", "email_verified": false}, "email_verified is not true beside",
		},
		"an address of which nobody says that it is": {own("email_domains", path("corp.example")), one("email", "ada@corp.example"), "email_verified is not true beside"},
		"a verified address of another domain": {
			own("email_domains", path("corp.example", "*.b.example")),
			map[string]any{"email": "ada@evil.example", "email_verified": true},
			`"ada@evil.example" is no address of "corp.example", "*.b.example"`,
		},
		"two addresses in one": {
			own("email_domains", path("corp.example")), map[string]any{"email": "ada@evil.example@corp.example", "email_verified": true}, "is no address of",
		},
		"no address":                {own("email_domains", path("corp.example")), one("email_verified", true), "there is no email claim"},
		"an address that is a list": {own("email_domains", path("corp.example")), map[string]any{"email": []any{"ada@corp.example"}, "email_verified": true}, "there is no email claim"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{
				config: with(apiConfig("authorization_code", "session", "bearer"), map[string]any{
					"display_errors": true, "scopes": []any{"openid", "email"}, "forbidden_destroy_session": false,
				}),
				idp: func(o *practiceidp.Options) { o.Users[0].Claims, o.Users[0].AccessTokenClaims = tc.claims, tc.claims },
			})
			b := r.browser()
			b.login("/")
			hits := r.echo.Hits()
			r.change(tc.config)
			fresh := r.browser()
			for how, a := range map[string]answer{
				"login": fresh.callback(fresh.begin("/")), "session": b.get("/"), "bearer": r.bearer(r.accessToken()),
			} {
				passed := a.status == http.StatusOK || how == "login" && a.sets("session")
				switch {
				case passed != (tc.want == ""):
					t.Errorf("%s: %d %s", how, a.status, a.body)
				case !passed && (a.status != http.StatusForbidden || !strings.Contains(unescaped(a.body), tc.want)):
					t.Errorf("%s: %d, %s is not in %s", how, a.status, tc.want, unescaped(a.body))
				}
			}
			if tc.want != "" && r.echo.Hits() != hits {
				t.Error("the upstream was asked")
			}
		})
	}
}

// unescaped undoes what HTML and JSON do to quotes.
func unescaped(body string) string {
	return strings.NewReplacer("&#34;", `"`, `\"`, `"`, "&#39;", "'").Replace(body)
}

func TestTheRefusalPageSaysWhichRuleFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"forbidden_destroy_session": false}, idp: func(o *practiceidp.Options) {
		o.Users[0].AccessTokenClaims = map[string]any{
			"groups": []any{"users", "<b>"}, "realm_access": map[string]any{"roles": []any{"reader"}}, "https://e.test/x.y": map[string]any{"1": "deep"},
			"levels": []any{1, 2, true},
		}
	}})
	b := r.browser()
	b.login("/")
	for name, tc := range map[string]struct {
		rule            map[string]any
		person, finding string
	}{
		"groups": {one("groups_required", path("staff", "math users")), "is not in a group", `groups_required: missing "staff", or "math"; the claim groups of the access token has "users", "<b>"`},
		"roles": {
			map[string]any{"roles_required": path("admin"), "roles_claim": path("realm_access", "roles")},
			"does not have a role", `roles_required: missing "admin"; the claim realm_access → roles of the access token has "reader"`,
		},
		"a claim that is not there": {one("roles_required", path("admin")), "does not have a role", "the claim roles of the access token has nothing"},
		"audience":                  {one("audience_required", path("me")), "meant for another application", `audience_required: missing "me"; the claim aud`},
		"scopes":                    {one("scopes_required", path("admin")), "was not given the permission", `scopes_required: missing "admin"`},
		"forbidden":                 {one("claims_forbidden", path("levels")), "has a property", "claims_forbidden: the access token has the claim levels"},
	} {
		without := map[string]any{
			"groups_required": nil, "roles_required": nil, "roles_claim": path("roles"), "audience_required": nil, "scopes_required": nil, "claims_forbidden": nil,
		}
		r.change(with(without, tc.rule, one("display_errors", false)))
		a := b.get("/")
		text := unescaped(a.body)
		if a.status != http.StatusForbidden || !strings.Contains(text, tc.person) || strings.Contains(text, "_required") || strings.Contains(text, "staff") {
			t.Errorf("%s: a person is told: %d %s", name, a.status, text)
		}
		r.change(one("display_errors", true))
		if text := strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(unescaped(b.get("/").body)); !strings.Contains(text, tc.person) || !strings.Contains(text, tc.finding) {
			t.Errorf("%s: a developer is told %s", name, text)
		}
		if strings.Contains(b.get("/").body, "<b>") {
			t.Errorf("%s: a claim comes unescaped", name)
		}
	}
	// The other side of each: values that are there, along every kind of path.
	for name, rule := range map[string]map[string]any{
		"a member of an array by its position": {"groups_required": path("users"), "groups_claim": path("groups", "1")},
		"a name with dots and a number":        {"groups_required": path("deep"), "groups_claim": path("https://e.test/x.y", "1")},
		"numbers and booleans by their form":   {"groups_required": path("1 2 true"), "groups_claim": path("levels")},
	} {
		r.change(with(map[string]any{"groups_claim": path("groups"), "groups_required": nil, "claims_forbidden": nil, "roles_required": nil, "audience_required": nil, "scopes_required": nil}, rule))
		if a := b.get("/"); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, unescaped(a.body))
		}
	}
}

func TestTheCauseOfARefusalIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("bearer"), map[string]any{"groups_required": path("staff"), "display_errors": true}), idp: func(o *practiceidp.Options) {
		groups := make([]any, 60)
		for i := range groups {
			groups[i] = strings.Repeat("g", 80)
		}
		o.Users[0].AccessTokenClaims = map[string]any{"groups": groups}
	}})
	a := r.bearer(r.accessToken())
	if a.status != http.StatusForbidden || len(a.body) > 1500 || !strings.Contains(a.body, "and 50 more") {
		t.Errorf("%d with %d bytes: %s", a.status, len(a.body), a.body)
	}
}

func TestTheRefusalPageOffersAnotherAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"scopes_required": path("admin"), "logout_uri_suffix": "/logout"}})
	b := r.browser()
	a := b.callback(b.begin("/page"))
	if a.status != http.StatusForbidden || strings.Contains(a.body, "/logout") {
		t.Errorf("a link that no GET answers: %d %s", a.status, a.body)
	}
	r.change(one("logout_methods", path("GET")))
	a = b.callback(b.begin("/page"))
	link := `href="` + r.gateway.URL + "/page/logout" + `"`
	if !strings.Contains(a.body, link) {
		t.Fatalf("%s is not in %s", link, a.body)
	}
	if a := b.get("/page/logout"); a.status != http.StatusFound || !strings.Contains(a.location(), "client_id="+clientID) {
		t.Errorf("it leads to %d %s", a.status, a.location())
	}
}
