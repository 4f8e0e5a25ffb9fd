package openidconnect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

func TestClaimsRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config map[string]any
		pass   bool
	}{
		{"scope that the token has", map[string]any{"scopes_required": []any{"openid"}}, true},
		{"scope that it lacks", map[string]any{"scopes_required": []any{"admin"}}, false},
		{"one alternative suffices", map[string]any{"scopes_required": []any{"admin", "openid"}}, true},
		{"all words of an alternative", map[string]any{"scopes_required": []any{"openid admin"}}, false},
		{"comparison minds the case", map[string]any{"scopes_required": []any{"OpenID"}}, false},
		{"a prefix is not the value", map[string]any{"scopes_required": []any{"open"}}, false},
		{"claim that is not there", map[string]any{"roles_required": []any{"staff"}}, false},
		{"path that leads nowhere", map[string]any{"groups_required": []any{"staff"}, "groups_claim": []any{"realm", "groups"}}, false},
		{"every pair must hold", map[string]any{"scopes_required": []any{"openid"}, "roles_required": []any{"x"}}, false},
		{"forbidden claim that is there", map[string]any{"claims_forbidden": []any{"sub"}}, false},
		{"forbidden claim that is not", map[string]any{"claims_forbidden": []any{"banned"}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// At the login: no session where a rule is broken.
			r := newRig(t, rigOptions{config: tt.config})
			b := r.browser()
			a := b.callback(b.begin("/"))
			if tt.pass {
				if !a.sets("session") || b.get("/").status != http.StatusOK {
					t.Errorf("login: %d %s", a.status, a.body)
				}
			} else {
				r.refused(a, http.StatusForbidden, 0)
				if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) {
					t.Errorf("WWW-Authenticate: %s", got)
				}
			}
			// For a session that exists: the rule is added later.
			r = newRig(t, rigOptions{})
			b = r.browser()
			b.login("/")
			r.change(tt.config)
			hits := r.echo.Hits()
			if a := b.get("/"); (a.status == http.StatusOK) != tt.pass || (r.echo.Hits() > hits) != tt.pass {
				t.Errorf("session: %d", a.status)
			}
			if kept := b.cookie("session") != ""; kept != tt.pass {
				t.Errorf("session kept: %v", kept)
			}
		})
	}
}

func TestForbiddenSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	r.change(map[string]any{"scopes_required": []any{"admin"}, "forbidden_destroy_session": false, "forbidden_error_message": "Not for you"})
	req := b.request(http.MethodGet, "/", nil)
	req.Header.Set("Accept", "application/json")
	if a := b.send(req); a.status != http.StatusForbidden || !strings.Contains(a.body, `"message":"Not for you"`) {
		t.Errorf("message: %d %s", a.status, a.body)
	}
	r.change(map[string]any{"forbidden_redirect_uri": []any{"https://app.test/403"}, "unauthorized_redirect_uri": []any{"https://app.test/401"}})
	if a := b.get("/"); a.location() != "https://app.test/403" {
		t.Errorf("redirect: %d to %q", a.status, a.location())
	}
	r.change(map[string]any{"scopes_required": nil})
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("forbidden_destroy_session false ended the session: %d", a.status)
	}
}

func TestRulesApplyToRefreshedTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: map[string]any{"scopes_required": []any{"openid"}},
		idp:    func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute },
	})
	b := r.browser()
	b.login("/")
	r.clock.advance(2 * time.Minute)
	if a := b.get("/"); a.status != http.StatusOK || r.idp.Calls("refresh") != 1 {
		t.Errorf("got %d after %d refreshes", a.status, r.idp.Calls("refresh"))
	}
}
