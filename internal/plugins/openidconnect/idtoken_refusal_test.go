package openidconnect_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestLoginIsRefusedForAnIDTokenThatBreaksARule goes through every lie of the
// practice IdP about ID tokens: 401, no session, no upstream hit, one flow event.
func TestLoginIsRefusedForAnIDTokenThatBreaksARule(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{
		"invalid-iss", "missing-iss", "invalid-aud", "missing-aud", "aud-empty", "aud-number", "aud-several-no-azp",
		"aud-several-invalid-azp", "invalid-azp", "missing-sub", "empty-sub", "sub-number", "missing-exp", "expired",
		"exp-string", "exp-huge", "exp-negative", "missing-iat", "iat-string", "iat-future", "nbf-future",
		"nonce-invalid", "missing-nonce", "at-hash-wrong", "c-hash-wrong",
		"alg-none", "alg-None", "alg-NONE", "alg-nOnE", "alg-empty", "alg-missing", "alg-number", "alg-none-signed",
		"alg-hs256-public-pem", "alg-hs256-public-der", "alg-hs256-secret", "alg-of-another-key", "idtoken-sig-eddsa",
		"invalid-sig-rs256", "invalid-sig-es256", "sig-empty", "unknown-kid", "kid-of-another-key",
		"own-key-in-header", "own-key-by-url", "foreign-key", "unknown-crit", "crit-empty", "enc-key-signs",
		"idtoken-broken-json", "idtoken-null", "idtoken-array", "idtoken-deep", "idtoken-huge", "idtoken-two-parts",
		"idtoken-five-parts", "idtoken-dots", "idtoken-garbage", "idtoken-empty", "idtoken-absent",
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{})
			r.idp.Misbehave(lie)
			b := r.browser()
			a := b.callback(b.begin("/"))
			// A token of megabytes does not even arrive as a token response.
			want := http.StatusUnauthorized
			if lie == "idtoken-huge" {
				want = http.StatusInternalServerError
			}
			r.refused(a, want, 0)
			if a.location() != "" {
				t.Errorf("an automatic new login to %q", a.location())
			}
			if got := r.idp.Calls("code"); got != 1 {
				t.Errorf("%d redemptions", got)
			}
			if strings.Contains(a.body, "eyJhbGci") || strings.Contains(r.log.String(), "eyJhbGci") {
				t.Error("a token is shown")
			}
			r.idp.Misbehave() // positive control: the next login works
			r.browser().login("/")
		})
	}
}

func TestLoginIsAcceptedForAnIDTokenThatIsOnlyUnusual(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{
		"aud-array", "aud-several-azp", "missing-azp", "at-hash-missing", "idtoken-sig-es256", "kid-absent", "jwks-odd-keys",
		"no-expires-in", "token-type-case", "no-refresh-token", "callback-extra",
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{})
			r.idp.Misbehave(lie)
			b := r.browser()
			b.login("/")
			if a := b.get("/"); a.status != http.StatusOK {
				t.Errorf("got %d", a.status)
			}
		})
	}
}

func TestHSSignatureNeedsTheSwitchAndTheSecret(t *testing.T) {
	t.Parallel()
	on := map[string]any{"enable_hs_signatures": true, "sallyport": map[string]any{"id_token_signing_algs": []any{"HS256"}}}
	r := newRig(t, rigOptions{config: on})
	r.idp.Misbehave("alg-hs256-public-pem")
	b := r.browser()
	r.refused(b.callback(b.begin("/")), http.StatusUnauthorized, 0)
	r.idp.Misbehave("alg-hs256-secret")
	r.browser().login("/")
}

func TestResponseIssuer(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{"response-iss-wrong", "response-iss-missing"} {
		r := newRig(t, rigOptions{})
		r.idp.Misbehave(lie)
		b := r.browser()
		a := b.callback(b.begin("/"))
		r.refused(a, http.StatusUnauthorized, 0)
		if r.idp.Calls("token") != 0 {
			t.Errorf("%s: the code was sent to the token endpoint", lie)
		}
		r.idp.Misbehave()
		r.browser().login("/")
	}
}

func TestUserInfoWithoutOrWithAnotherSubjectIsRefused(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{"userinfo-invalid-sub", "userinfo-no-sub"} {
		r := newRig(t, rigOptions{config: map[string]any{"search_user_info": true}})
		r.idp.Misbehave(lie)
		b := r.browser()
		r.refused(b.callback(b.begin("/")), http.StatusUnauthorized, 0)
		r.idp.Misbehave()
		r.browser().login("/")
	}
}
