package openidconnect_test

import (
	"net/http"
	"strings"
	"testing"

	"sallyport/internal/practiceidp"
)

// TestConformanceBeyondBasic are modules of other plans of the suite that
// concern what is verified of tokens and user info.
func TestConformanceBeyondBasic(t *testing.T) {
	t.Parallel()
	info := map[string]any{"search_user_info": true}
	es256 := func(o *practiceidp.Options) { o.SigningAlgs = []string{"ES256"} }
	hs256 := map[string]any{"enable_hs_signatures": true, "sallyport": map[string]any{"id_token_signing_algs": []any{"HS256"}}}
	for _, c := range []row{
		{name: "missing-aud", lies: []string{"missing-aud"}, config: info, refused: 401, rule: "id token: aud"},
		{name: "invalid-sig-es256", lies: []string{"invalid-sig-es256"}, idp: es256, config: info, refused: 401, rule: "id token: signature"},
		{name: "invalid-sig-es256/positive control", idp: es256, config: info, userInfo: 1},
		{name: "invalid-sig-hs256", lies: []string{"invalid-sig-hs256"}, config: with(info, hs256), refused: 401, rule: "id token: signature"},
		{name: "invalid-sig-hs256/positive control", lies: []string{"alg-hs256-secret"}, config: with(info, hs256), userInfo: 1},
		{name: "userinfo-signed", config: with(info, map[string]any{"userinfo_accept": "application/jwt", "upstream_user_info_jwt_header": "x-user-info"}), userInfo: 1, check: func(t *testing.T, r *rig, b *browser) {
			t.Helper()
			if jwt := r.admitted(b.get("/")).header("X-User-Info"); strings.Count(jwt, ".") != 2 {
				t.Errorf("the upstream got %q", jwt)
			}
		}},
		{name: "aggregated-claims", lies: []string{"aggregated-claims"}, config: sourcesConfig(), userInfo: 1, check: noForeignClaims},
		{name: "distributed-claims", lies: []string{"distributed-claims"}, config: sourcesConfig(), userInfo: 1, check: noForeignClaims},
	} {
		t.Run("more/"+c.name, func(t *testing.T) {
			t.Parallel()
			c.try(t)
		})
	}
	t.Run("more/userinfo-bearer-header", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, rigOptions{config: info})
		p := r.tapped("userinfo")
		r.browser().login("/")
		form, header, query := p.last()
		if !strings.HasPrefix(header.Get("Authorization"), "Bearer ") || form.Has("access_token") || query.Has("access_token") {
			t.Errorf("header %q, form %v, query %v", header.Get("Authorization"), form, query)
		}
	})
}

// sourcesConfig passes a claim on that only another source has.
func sourcesConfig() map[string]any {
	return map[string]any{
		"search_user_info": true, "scopes": []any{"openid"},
		"upstream_headers": []any{map[string]any{"header": "x-groups", "path": []any{"groups"}}},
	}
}

// noForeignClaims: what another source says counts for nothing, since nobody has
// verified it, and nobody is asked for it.
func noForeignClaims(t *testing.T, r *rig, b *browser) {
	t.Helper()
	a := b.get("/")
	if a.status != http.StatusOK || r.admitted(a).header("X-Groups") != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
}
