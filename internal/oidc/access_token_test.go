package oidc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

func TestAccessTokenRules(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	now := tp.clock.now()
	with := func(name string, v any) map[string]any {
		claims := tp.claims()
		delete(claims, "nonce")
		claims["aud"] = "some-api"
		if claims[name] = v; v == nil {
			delete(claims, name)
		}
		return claims
	}
	typ := func(v string) secret.String {
		return sign(t, jose.RS256, rsaKey(), "rsa", with("x", 1), map[string]any{"typ": v})
	}
	leeway := func(c *AccessTokenCheck) { c.Leeway = 10 * time.Second }
	for _, tc := range []struct {
		name  string
		token secret.String
		check func(*AccessTokenCheck)
		want  error
	}{
		{"accepts one for any resource", idToken(t, with("x", 1)), nil, nil},
		{"accepts at+jwt", typ("at+jwt"), nil, nil},
		{"accepts application/at+JWT", typ("application/at+JWT"), nil, nil},
		{"accepts JWT", typ("JWT"), nil, nil},
		{"refuses logout+jwt", typ("logout+jwt"), nil, ErrType},
		{"refuses dpop+jwt", typ("dpop+jwt"), nil, ErrType},
		{"refuses what Keycloak calls an ID token", idToken(t, with("typ", "ID")), nil, ErrType},
		{"refuses what Keycloak calls a refresh token", idToken(t, with("typ", "Refresh")), nil, ErrType},
		{"accepts what Keycloak calls Bearer", idToken(t, with("typ", "Bearer")), nil, nil},
		{"refuses a logout token without a typ", idToken(t, with("events", map[string]any{logoutEvent: map[string]any{}})), nil, ErrType},
		{"refuses another issuer", idToken(t, with("iss", "https://evil.test")), nil, ErrIssuer},
		{"refuses no issuer", idToken(t, with("iss", nil)), nil, ErrIssuer},
		{"refuses one that expires now", idToken(t, with("exp", now.Unix())), nil, ErrExpired},
		{"accepts it within the leeway", idToken(t, with("exp", now.Unix())), leeway, nil},
		{"refuses it at the end of the leeway", idToken(t, with("exp", now.Unix()-10)), leeway, ErrExpired},
		{"refuses no exp", idToken(t, with("exp", nil)), nil, ErrExpired},
		{"refuses exp that is garbage", idToken(t, with("exp", "soon")), nil, ErrExpired},
		{"accepts exp as a decimal string", idToken(t, with("exp", "1e10")), nil, nil},
		{"refuses nbf in the future", idToken(t, with("nbf", now.Unix()+5)), nil, ErrNotBefore},
		{"accepts it within the leeway", idToken(t, with("nbf", now.Unix()+5)), leeway, nil},
		{"refuses iat in the future", idToken(t, with("iat", now.Unix()+5)), nil, ErrIssuedAt},
		{"accepts no iat", idToken(t, with("iat", nil)), nil, nil},
		{"accepts no sub", idToken(t, with("sub", nil)), nil, nil},
		{"refuses a foreign key under our kid", sign(t, jose.RS256, otherRSAKey(), "rsa", with("x", 1), nil), nil, ErrSignature},
		{"accepts it where signatures are not verified", sign(t, jose.RS256, otherRSAKey(), "rsa", with("x", 1), nil), func(c *AccessTokenCheck) { c.SkipSignature = true }, nil},
		{"refuses none even there", assemble(`{"alg":"none"}`, `{"iss":"`+tp.server.URL+`","exp":9999999999}`, ""), func(c *AccessTokenCheck) { c.SkipSignature = true }, ErrAlgorithm},
		{"refuses HS256 with the public key", sign(t, jose.HS256, pemOf(t), "rsa", with("x", 1), nil), nil, ErrAlgorithm},
		{"refuses HS256 that is not enabled", sign(t, jose.HS256, []byte(longSecret), "", with("x", 1), nil), func(c *AccessTokenCheck) { c.ClientSecret = secret.New(longSecret) }, ErrAlgorithm},
		{"accepts HS256 that is", sign(t, jose.HS256, []byte(longSecret), "", with("x", 1), nil), func(c *AccessTokenCheck) { c.EnableHS, c.ClientSecret = true, secret.New(longSecret) }, nil},
		{"refuses an algorithm that is not listed", sign(t, jose.ES256, ecKey(), "ec", with("x", 1), nil), func(c *AccessTokenCheck) { c.Algorithms = []string{"RS256"} }, ErrAlgorithm},
		{"accepts the one that is", idToken(t, with("x", 1)), func(c *AccessTokenCheck) { c.Algorithms = []string{"RS256"} }, nil},
		{"accepts an expired one where claims are not verified", idToken(t, with("exp", 1)), func(c *AccessTokenCheck) { c.SkipClaims = true }, nil},
		{"refuses a changed payload even there", secret.New(splice(idToken(t, with("x", 1)).Reveal(), `{"iss":"x"}`)), func(c *AccessTokenCheck) { c.SkipClaims = true }, ErrSignature},
		{"refuses crit", sign(t, jose.RS256, rsaKey(), "rsa", with("x", 1), map[string]any{"crit": []string{"exp"}, "exp": 1}), nil, ErrCritical},
		{"refuses no JWT", secret.New("opaque"), nil, ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var check AccessTokenCheck
			if tc.check != nil {
				tc.check(&check)
			}
			token, err := p.VerifyAccessToken(t.Context(), tc.token, check)
			if tc.want == nil {
				if err != nil || token == nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if token != nil || !errors.Is(err, tc.want) || !errors.Is(err, ErrAccessToken) || errors.Is(err, ErrIDToken) || !strings.Contains(err.Error(), "access token refused") {
				t.Errorf("got %v, %v; want %v of an access token", token, err, tc.want)
			}
		})
	}
}

// TestKeysHoldUntilWithdrawn: a key that is withdrawn stops counting when the
// keys are due, and one that stays goes on counting.
func TestKeysHoldUntilWithdrawn(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t, func(o *Options) { o.CacheTTL = time.Minute })
	claims := tp.claims()
	claims["exp"] = tp.clock.now().Unix() + 3600
	token := idToken(t, claims)
	verify := func() (*AccessToken, error) { return p.VerifyAccessToken(t.Context(), token, AccessTokenCheck{}) }
	first, err := verify()
	if err != nil || !p.KeysHold(first.Generation) {
		t.Fatalf("%v, holds %v", err, first != nil && p.KeysHold(first.Generation))
	}
	if jwk := string(first.JWK()); !strings.Contains(jwk, `"kid":"rsa"`) || strings.Contains(jwk, `"d"`) {
		t.Errorf("jwk %s", jwk)
	}
	tp.clock.advance(61 * time.Second)
	if p.KeysHold(first.Generation) {
		t.Error("keys hold although they are due")
	}
	again, err := verify()
	if err != nil || again.Generation != first.Generation || !p.KeysHold(first.Generation) {
		t.Errorf("the same keys are another generation: %v", err)
	}
	// The endpoint is down: the last good keys hold until the next attempt.
	tp.handle(pathKeys, respond(500, "text/plain", "down"))
	tp.clock.advance(61 * time.Second)
	if _, err := verify(); err != nil || !p.KeysHold(first.Generation) {
		t.Errorf("while fetching fails: %v, hold %v", err, p.KeysHold(first.Generation))
	}
	tp.handle(pathKeys, nil)
	tp.setKeys(publicKey("ec", "", &ecKey().PublicKey))
	tp.clock.advance(61 * time.Second)
	if _, err := verify(); !errors.Is(err, ErrUnknownKey) || p.KeysHold(first.Generation) {
		t.Errorf("a withdrawn key verifies: %v, holds %v", err, p.KeysHold(first.Generation))
	}
	p.Forget()
	if p.KeysHold(first.Generation + 1) {
		t.Error("keys hold after Forget")
	}
}

func TestIsJWT(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		idToken(t, map[string]any{}).Reveal():         true,
		assemble(`{"alg":"none"}`, `{}`, "").Reveal(): true,
		assemble(`{"typ":"JWT"}`, `{}`, "").Reveal():  false,
		assemble(`[]`, `{}`, "").Reveal():             false,
		"a.b.c":                                       false,
		"opaque":                                      false,
		"":                                            false,
		"..":                                          false,
		strings.Repeat("a", 20000) + ".b.c":           false,
		"eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aaaa.bbbb.cccc":            false,
		assemble(`{"alg":"RS256","alg":"none"}`, `{}`, "x").Reveal():         false,
		idToken(t, map[string]any{}).Reveal() + "\n":                         false,
		strings.ReplaceAll(idToken(t, map[string]any{}).Reveal(), ".", ". "): false,
	} {
		if got := IsJWT(secret.New(text)); got != want {
			t.Errorf("%.40q: %v", text, got)
		}
	}
}

func FuzzIsJWT(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if IsJWT(secret.New(text)) && strings.Count(text, ".") != 2 {
			t.Errorf("%q", text)
		}
	})
}
