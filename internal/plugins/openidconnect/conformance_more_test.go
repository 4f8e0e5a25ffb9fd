package openidconnect_test

import (
	"fmt"
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
		{name: "aggregated-claims", lies: []string{"aggregated-claims"}, config: sourcesConfig("openid"), userInfo: 1, check: noForeignClaims},
		{name: "aggregated-claims/positive control", config: sourcesConfig("openid", "groups"), userInfo: 1, check: func(t *testing.T, r *rig, b *browser) {
			t.Helper()
			if r.admitted(b.get("/")).header("X-Groups") == "" {
				t.Error("the provider's own claim is not passed on either")
			}
		}},
		{name: "distributed-claims", lies: []string{"distributed-claims"}, config: sourcesConfig("openid"), userInfo: 1, check: noForeignClaims},
	} {
		t.Run("more/"+c.name, func(t *testing.T) {
			t.Parallel()
			c.try(t)
		})
	}
	t.Run("more/userinfo-bearer-header", userInfoByHeader)
	t.Run("more/userinfo-signed/refused", signedUserInfoRefused)
	t.Run("more/distributed-claims/nobody is asked", nobodyIsAskedForClaims)
}

func userInfoByHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"search_user_info": true}})
	p := r.tapped("userinfo")
	r.browser().login("/")
	form, header, query := p.last()
	if !strings.HasPrefix(header.Get("Authorization"), "Bearer ") || form.Has("access_token") || query.Has("access_token") {
		t.Errorf("header %q, form %v, query %v", header.Get("Authorization"), form, query)
	}
}

// signedUserInfoRefused: user info that comes as a JWT counts by its signature,
// iss, aud and sub.
func signedUserInfoRefused(t *testing.T) {
	t.Parallel()
	config := map[string]any{"search_user_info": true, "userinfo_accept": "application/jwt"}
	for lie, status := range map[string]int{
		"userinfo-invalid-iss": http.StatusInternalServerError, "userinfo-invalid-aud": http.StatusInternalServerError, "userinfo-invalid-sub": http.StatusUnauthorized,
	} {
		r := newRig(t, rigOptions{config: config})
		r.idp.Misbehave(lie)
		b := r.browser()
		r.refused(b.callback(b.begin("/")), status, 0)
		r.idp.Misbehave()
		r.browser().login("/") // positive control
	}
	r := newRig(t, rigOptions{config: config})
	p := r.tapped("userinfo")
	for name, forge := range map[string]string{"signature": "a.b.c2ln", "none": "a.b."} {
		p.respond(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/jwt")
			claims := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":%q}`, r.idp.Issuer(), clientID, userName)
			header := map[string]string{"signature": `{"alg":"RS256"}`, "none": `{"alg":"none"}`}[name]
			_, _ = w.Write([]byte(segment(segment(forge, 0, header), 1, claims)))
		})
		b := r.browser()
		r.refused(b.callback(b.begin("/")), http.StatusInternalServerError, 0)
	}
	p.respond(nil)
	r.browser().login("/")
}

// nobodyIsAskedForClaims: a source of distributed claims is not asked, by our
// token or another, and nobody can switch that on.
func nobodyIsAskedForClaims(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: sourcesConfig("openid")})
	source, info := newTap(t, ""), r.tapped("userinfo")
	source.respond(say(`{"groups":["admin"]}`))
	info.respond(say(fmt.Sprintf(
		`{"sub":%q,"_claim_names":{"groups":"s"},"_claim_sources":{"s":{"endpoint":%q,"access_token":"practice"}}}`, userName, source.url())))
	b := r.browser()
	b.login("/")
	noForeignClaims(t, r, b)
	if n := source.calls(); n != 0 || info.calls() != 1 {
		t.Errorf("the source was asked %d times, user info %d times", n, info.calls())
	}
	if err := r.patch(one("resolve_distributed_claims", true)); err == nil || !strings.Contains(err.Error(), "resolve_distributed_claims") {
		t.Errorf("resolve_distributed_claims: %v", err)
	}
}

// sourcesConfig passes a claim on that only another source has.
func sourcesConfig(scopes ...any) map[string]any {
	return map[string]any{
		"search_user_info": true, "scopes": scopes,
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
