package openidconnect_test

import (
	"net/http"
	"testing"

	"sallyport/internal/practiceidp"
)

// TestOneClaimNameHasOneValue: headers and the virtual credential read the same
// one, the access token's where both tokens have it.
func TestOneClaimNameHasOneValue(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: map[string]any{
			"credential_claim": path("who"), "upstream_headers": []any{map[string]any{"header": "X-Who", "path": path("who")}},
		},
		idp: func(o *practiceidp.Options) {
			o.Users[0].Claims, o.Users[0].AccessTokenClaims = one("who", "by the id token"), one("who", "by the access token")
		},
	})
	b := r.browser()
	b.login("/")
	s := r.admitted(b.get("/"))
	for _, name := range []string{"X-Who", "X-Credential-Identifier"} {
		if got := s.header(name); got != "by the access token" {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// TestGroupsThatOnlyUserInfoHasAreFound: the consumer groups of a bearer token
// whose claim stands in user info alone.
func TestGroupsThatOnlyUserInfoHasAreFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: with(apiConfig("bearer"), one("consumer_groups_claim", path("teams")), one("search_user_info", true)),
		idp:    func(o *practiceidp.Options) { o.Users[0].Claims = one("teams", []string{"staff"}) },
	})
	r.people()
	token := r.accessToken()
	r.admitted(r.bearer(token))
	if r.idp.Calls("userinfo") == 0 {
		t.Error("user info was not asked")
	}
	r.change(one("search_user_info", false)) // the control: nowhere else is it
	hits := r.echo.Hits()
	r.refused(r.bearer(token), http.StatusForbidden, hits)
}
