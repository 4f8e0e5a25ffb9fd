package openidconnect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/plugins/openidconnect"
	"sallyport/internal/practiceidp"
	"sallyport/internal/schema"
)

// peopled gives ada what the rows about rules read.
func peopled(o *practiceidp.Options) {
	claims := map[string]any{
		"groups": []any{"staff"}, "teams": []any{"math"}, "roles": []any{"reader"}, "access": map[string]any{"roles": []any{"writer"}}, "permissions": "write",
		"owner": "me", "who": "Ada", "hd": "corp.example", "email": "ada@corp.example", "email_verified": true, "acr": "silver", "auth_time": time.Now().Unix(),
	}
	o.Users[0].AccessTokenClaims = claims
}

// rulesRows are the rows of who gets in and as whom.
func rulesRows() []fieldRow {
	ada := func(r *rig) string { return status(r.bearer(r.accessToken())) }
	told := func(name string) func(*rig) string {
		return func(r *rig) string {
			r.people()
			return upstreamHeader(r, r.bearer(r.accessToken()), name)
		}
	}
	got := func(r *rig) string {
		r.people()
		return status(r.bearer(r.accessToken()))
	}
	api := apiConfig("bearer")
	by := func(claim string, more ...map[string]any) map[string]any {
		return with(api, append([]map[string]any{one("consumer_claims", path(path(claim)))}, more...)...)
	}
	return []fieldRow{
		{"scopes_required", api, one("scopes_required", path("admin")), ada, "403"},
		{"scopes_claim", with(api, one("scopes_required", path("write"))), one("scopes_claim", path("permissions")), ada, "200"},
		{"audience_required", api, one("audience_required", path("me")), ada, "403"},
		{"audience_claim", with(api, one("audience_required", path("me"))), one("audience_claim", path("owner")), ada, "200"},
		{"groups_required", api, one("groups_required", path("admins")), ada, "403"},
		{"groups_claim", with(api, one("groups_required", path("math"))), one("groups_claim", path("teams")), ada, "200"},
		{"roles_required", api, one("roles_required", path("admin")), ada, "403"},
		{"roles_claim", with(api, one("roles_required", path("writer"))), one("roles_claim", path("access", "roles")), ada, "200"},
		{"claims_forbidden", api, one("claims_forbidden", path("owner")), ada, "403"},
		{"domains", api, one("domains", path("other.example")), ada, "403"},
		{"sallyport.email_domains", api, own("email_domains", path("other.example")), ada, "403"},
		{"sallyport.acr", api, own("acr", path("gold")), ada, "401"},
		{"sallyport.max_age", with(api, one("sallyport", map[string]any{"max_age": 3600})), own("max_age", 10), func(r *rig) string {
			token := r.accessToken()
			r.clock.advance(time.Minute)
			return status(r.bearer(token))
		}, "401"},
		{"authenticated_groups_claim", api, one("authenticated_groups_claim", path("groups")), told("X-Authenticated-Groups"), "staff"},
		{"consumer_claims", api, one("consumer_claims", path(path("sub"))), told("X-Consumer-Id"), adaID},
		{"consumer_by", by("sub"), one("consumer_by", path("id")), got, "403"},
		{"by_username_ignore_case", by("who", one("consumer_by", path("username")), one("consumer_claims", path(path("sub")))), one("by_username_ignore_case", true), got, "200"},
		{"consumer_optional", by("owner"), one("consumer_optional", true), got, "200"},
		{"consumer_groups_claim", api, one("consumer_groups_claim", path("teams")), got, "403"},
		{"consumer_groups_optional", with(api, one("consumer_groups_claim", path("teams"))), one("consumer_groups_optional", true), got, "200"},
		{"credential_claim", api, one("credential_claim", path("owner")), told("X-Credential-Identifier"), "me"},
		{"anonymous", api, one("anonymous", "guest"), func(r *rig) string {
			r.people()
			return status(r.call(http.MethodGet, "/", ""))
		}, "200"},
		{"forbidden_error_message", with(api, one("scopes_required", path("admin"))), one("forbidden_error_message", "Not you"), func(r *rig) string {
			_, text, _ := strings.Cut(r.bearer(r.accessToken()).body, `"message":"`)
			text, _, _ = strings.Cut(text, `"`)
			return text
		}, "Not you"},
		{"unauthorized_error_message", api, one("unauthorized_error_message", "Who are you"), func(r *rig) string {
			_, text, _ := strings.Cut(r.bearer("a.b.c").body, `"message":"`)
			text, _, _ = strings.Cut(text, `"`)
			return text
		}, "Who are you"},
		{"display_errors", with(api, one("scopes_required", path("admin"))), one("display_errors", true), func(r *rig) string {
			if strings.Contains(r.bearer(r.accessToken()).body, "missing") {
				return "the rule"
			}
			return "nothing"
		}, "the rule"},
		{"expose_error_code", with(api, one("scopes_required", path("admin"))), one("expose_error_code", false), func(r *rig) string {
			if strings.Contains(r.bearer(r.accessToken()).header.Get("WWW-Authenticate"), "error=") {
				return "a code"
			}
			return "none"
		}, "none"},
		{"forbidden_redirect_uri", nil, one("forbidden_redirect_uri", path("https://app.test/403")), func(r *rig) string {
			b := r.browser()
			b.login("/")
			r.change(one("scopes_required", path("admin")))
			return b.get("/").location()
		}, "https://app.test/403"},
		{"unauthorized_redirect_uri", apiConfig("session"), one("unauthorized_redirect_uri", path("https://app.test/401")), func(r *rig) string {
			return r.browser().get("/").location()
		}, "https://app.test/401"},
		{"forbidden_destroy_session", nil, one("forbidden_destroy_session", false), func(r *rig) string {
			b := r.browser()
			b.login("/")
			r.change(one("scopes_required", path("admin")))
			b.get("/")
			r.change(one("scopes_required", nil))
			return status(b.get("/"))
		}, "200"},
		{"unauthorized_destroy_session", one("refresh_tokens", false), one("unauthorized_destroy_session", false), func(r *rig) string {
			b := r.browser()
			b.login("/")
			r.clock.advance(10 * time.Minute)
			script := b.request(http.MethodGet, "/", nil)
			script.Header.Set("Sec-Fetch-Mode", "cors")
			b.send(script)
			if b.cookie("session") != "" {
				return "kept"
			}
			return "ended"
		}, "kept"},
	}
}

func TestFieldsOfRules(t *testing.T) {
	t.Parallel()
	for _, row := range rulesRows() {
		t.Run(row.field, func(t *testing.T) {
			t.Parallel()
			row.try(t, peopled)
		})
	}
}

// TestEveryFieldOfRulesHasARow: fields whose names look like these say who gets
// in, and each that is supported stands in the table.
func TestEveryFieldOfRulesHasARow(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{"scopes": true} // what is asked of the provider
	for _, row := range rulesRows() {
		rows[row.field] = true
	}
	n := 0
	for _, f := range openidconnect.Definition(openidconnect.Deps{}).Config().Fields {
		about := false
		for _, word := range []string{
			"scopes", "audience_", "groups", "roles", "claims_", "domains", "consumer", "by_username", "credential_claim", "anonymous",
			"forbidden_", "unauthorized_", "display_errors", "expose_error_code",
		} {
			about = about || strings.HasPrefix(f.Name, word) || strings.HasSuffix(f.Name, "_groups_claim")
		}
		if !about || f.Attr.Mark != schema.Supported || f.Record != nil {
			continue
		}
		if n++; !rows[f.Name] {
			t.Errorf("%s has no row", f.Name)
		}
	}
	if n < 25 {
		t.Errorf("only %d fields seen", n)
	}
}
