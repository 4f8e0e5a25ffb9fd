package oidc

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

// idTokenCase changes a good token or a good check in one place.
type idTokenCase struct {
	name   string
	claims func(c map[string]any)
	check  func(c *IDTokenCheck)
	want   error // nil: accepted
}

func runIDTokenCases(t *testing.T, cases []idTokenCase) {
	t.Helper()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			claims, check := tp.claims(), tp.check()
			if tc.claims != nil {
				tc.claims(claims)
			}
			if tc.check != nil {
				tc.check(&check)
			}
			got, err := p.VerifyIDToken(t.Context(), idToken(t, claims), check)
			assertVerdict(t, got, err, tc.want)
		})
	}
}

func assertVerdict(t *testing.T, got *IDToken, err, want error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		if got.Subject() != "alice" {
			t.Errorf("subject %q", got.Subject())
		}
		return
	}
	if !errors.Is(err, want) || !errors.Is(err, ErrIDToken) {
		t.Fatalf("error %v, want %v", err, want)
	}
	if got != nil {
		t.Error("a refused token was returned")
	}
	if name, clause, ok := Rule(err); !ok || name != want.Error() || clause == "" {
		t.Errorf("rule %q, clause %q, %v", name, clause, ok)
	}
}

func set(name string, v any) func(map[string]any) { return func(c map[string]any) { c[name] = v } }

func drop(name string) func(map[string]any)          { return func(c map[string]any) { delete(c, name) } }
func now(seconds int64) int64                        { return newClock().now().Unix() + seconds }
func withLeeway(d time.Duration) func(*IDTokenCheck) { return func(c *IDTokenCheck) { c.Leeway = d } }

func TestIDTokenParties(t *testing.T) {
	t.Parallel()
	runIDTokenCases(t, []idTokenCase{
		{name: "accepts what passes every rule"},
		{name: "refuses another iss", claims: set("iss", "https://evil.test"), want: ErrIssuer},
		{name: "refuses iss with a trailing slash", claims: func(c map[string]any) { c["iss"] = c["iss"].(string) + "/" }, want: ErrIssuer},
		{name: "refuses iss missing", claims: drop("iss"), want: ErrIssuer},
		{name: "refuses iss that is a list", claims: func(c map[string]any) { c["iss"] = []any{c["iss"]} }, want: ErrIssuer},
		{name: "refuses another aud", claims: set("aud", testClientID+"1"), want: ErrAudience},
		{name: "refuses aud missing", claims: drop("aud"), want: ErrAudience},
		{name: "refuses aud empty list", claims: set("aud", []any{}), want: ErrAudience},
		{name: "refuses aud with a member that is no string", claims: set("aud", []any{testClientID, 1}), want: ErrAudience},
		{name: "refuses aud that holds the client within a text", claims: set("aud", "x "+testClientID), want: ErrAudience},
		{name: "accepts aud as a list of one", claims: set("aud", []any{testClientID})},
		{name: "refuses a check without a client", check: func(c *IDTokenCheck) { c.ClientID = "" }, want: ErrAudience},
		{name: "refuses several aud without azp", claims: set("aud", []any{testClientID, "b"}), want: ErrAuthorized},
		{name: "accepts several aud with azp", claims: func(c map[string]any) { c["aud"], c["azp"] = []any{"b", testClientID}, testClientID }},
		{name: "refuses several aud with another azp", claims: func(c map[string]any) { c["aud"], c["azp"] = []any{"b", testClientID}, "b" }, want: ErrAuthorized},
		{name: "refuses another azp beside one aud", claims: set("azp", "b"), want: ErrAuthorized},
		{name: "refuses azp that is no string", claims: set("azp", []any{testClientID}), want: ErrAuthorized},
		{name: "accepts azp beside one aud", claims: set("azp", testClientID)},
		{name: "refuses sub missing", claims: drop("sub"), want: ErrSubject},
		{name: "refuses sub empty", claims: set("sub", ""), want: ErrSubject},
		{name: "refuses sub that is a number", claims: set("sub", 7), want: ErrSubject},
		{name: "refuses sub longer than 255", claims: set("sub", strings.Repeat("x", 256)), want: ErrSubject},
	})
}

func TestIDTokenTimes(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	maxAge := func(c *IDTokenCheck) { c.MaxAge = &hour }
	zero := time.Duration(0)
	runIDTokenCases(t, []idTokenCase{
		{name: "refuses exp past", claims: set("exp", now(-1)), want: ErrExpired},
		{name: "refuses exp exactly now", claims: set("exp", now(0)), want: ErrExpired},
		{name: "accepts exp a second ahead", claims: set("exp", now(1))},
		{name: "accepts exp past within leeway", claims: set("exp", now(-5)), check: withLeeway(10 * time.Second)},
		{name: "refuses exp past beyond leeway", claims: set("exp", now(-10)), check: withLeeway(10 * time.Second), want: ErrExpired},
		{name: "refuses exp missing", claims: drop("exp"), want: ErrExpired},
		{name: "refuses exp null", claims: set("exp", nil), want: ErrExpired},
		{name: "accepts exp as a decimal string", claims: set("exp", "1893456000")},
		{name: "accepts exp with a fraction", claims: set("exp", float64(now(10))+0.5)},
		{name: "refuses exp as garbage", claims: set("exp", "tomorrow"), want: ErrExpired},
		{name: "refuses exp as true", claims: set("exp", true), want: ErrExpired},
		{name: "refuses exp 1e300", claims: set("exp", json.Number("1e300")), want: ErrExpired},
		{name: "refuses exp beyond a double", claims: set("exp", json.Number("1e999")), want: ErrExpired},
		{name: "refuses exp beyond the year 9999", claims: set("exp", maxSeconds+1), want: ErrExpired},
		{name: "refuses exp beyond 64 bits", claims: set("exp", json.Number("18446744073709551617")), want: ErrExpired},
		{name: "refuses exp NaN", claims: set("exp", "NaN"), want: ErrExpired},
		{name: "refuses exp Inf", claims: set("exp", "Inf"), want: ErrExpired},
		{name: "refuses exp hexadecimal", claims: set("exp", "0x7fffffff"), want: ErrExpired},
		{name: "refuses exp negative", claims: set("exp", -1), want: ErrExpired},
		{name: "refuses iat missing", claims: drop("iat"), want: ErrIssuedAt},
		{name: "refuses iat in the future", claims: set("iat", now(1)), want: ErrIssuedAt},
		{name: "accepts iat in the future within leeway", claims: set("iat", now(1)), check: withLeeway(time.Second)},
		{name: "refuses iat that is no date", claims: set("iat", map[string]any{}), want: ErrIssuedAt},
		{name: "refuses iat negative", claims: set("iat", -5), want: ErrIssuedAt},
		{name: "refuses nbf in the future", claims: set("nbf", now(1)), want: ErrNotBefore},
		{name: "accepts nbf now", claims: set("nbf", now(0))},
		{name: "accepts nbf in the future within leeway", claims: set("nbf", now(2)), check: withLeeway(2 * time.Second)},
		{name: "refuses nbf that is no date", claims: set("nbf", "soon"), want: ErrNotBefore},
		{name: "refuses auth_time missing with max_age", check: maxAge, want: ErrAuthTime},
		{name: "accepts auth_time within max_age", claims: set("auth_time", now(-3600)), check: maxAge},
		{name: "refuses auth_time beyond max_age", claims: set("auth_time", now(-3601)), check: maxAge, want: ErrAuthTime},
		{name: "accepts auth_time beyond max_age within leeway", claims: set("auth_time", now(-3601)), check: func(c *IDTokenCheck) { maxAge(c); c.Leeway = time.Second }},
		{name: "refuses auth_time in the future with max_age", claims: set("auth_time", now(60)), check: maxAge, want: ErrAuthTime},
		{name: "accepts auth_time now with max_age 0", claims: set("auth_time", now(0)), check: func(c *IDTokenCheck) { c.MaxAge = &zero }},
		{name: "refuses auth_time a second ago with max_age 0", claims: set("auth_time", now(-1)), check: func(c *IDTokenCheck) { c.MaxAge = &zero }, want: ErrAuthTime},
		{name: "refuses auth_time that is no date without max_age", claims: set("auth_time", "x"), want: ErrAuthTime},
	})
}

func TestIDTokenNonce(t *testing.T) {
	t.Parallel()
	none := func(c *IDTokenCheck) { c.Nonce = secret.String{} }
	runIDTokenCases(t, []idTokenCase{
		{name: "refuses another nonce", claims: set("nonce", "n-11"), want: ErrNonce},
		{name: "refuses nonce missing", claims: drop("nonce"), want: ErrNonce},
		{name: "refuses nonce empty", claims: set("nonce", ""), want: ErrNonce},
		{name: "refuses nonce that is a list", claims: set("nonce", []any{"n-1"}), want: ErrNonce},
		{name: "refuses a nonce that nobody asked for", check: none, want: ErrNonce},
		{name: "refuses an empty nonce that nobody asked for", claims: set("nonce", ""), check: none, want: ErrNonce},
		{name: "accepts no nonce where none was sent", claims: drop("nonce"), check: none},
		{name: "accepts another nonce when switched off", claims: set("nonce", "x"), check: func(c *IDTokenCheck) { c.SkipNonce = true }},
	})
}

func halfOf256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestIDTokenHashes(t *testing.T) {
	t.Parallel()
	beside := func(c *IDTokenCheck) { c.AccessToken, c.Code = secret.New("access"), secret.New("code") }
	runIDTokenCases(t, []idTokenCase{
		{name: "accepts neither hash", check: beside},
		{name: "accepts at_hash", claims: set("at_hash", halfOf256("access")), check: beside},
		{name: "refuses another at_hash", claims: set("at_hash", halfOf256("other")), check: beside, want: ErrAtHash},
		{name: "refuses at_hash empty", claims: set("at_hash", ""), check: beside, want: ErrAtHash},
		{name: "refuses at_hash null", claims: set("at_hash", nil), check: beside, want: ErrAtHash},
		{name: "refuses at_hash that is a number", claims: set("at_hash", 1), check: beside, want: ErrAtHash},
		{name: "accepts c_hash", claims: set("c_hash", halfOf256("code")), check: beside},
		{name: "refuses another c_hash", claims: set("c_hash", halfOf256("access")), check: beside, want: ErrCHash},
	})
}

func TestIDTokenHashFollowsTheAlgorithm(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.setKeys(publicKey("ec384", "", &ec384Key().PublicKey), publicKey("ed", "", edKey().Public()))
	p := tp.relyingParty(t)
	check := tp.check()
	check.AccessToken = secret.New("access")
	sum384, sum512 := sha512.Sum384([]byte("access")), sha512.Sum512([]byte("access"))
	for _, tc := range []struct {
		alg  jose.SignatureAlgorithm
		key  any
		kid  string
		half []byte
	}{
		{jose.ES384, ec384Key(), "ec384", sum384[:24]},
		{jose.EdDSA, edKey(), "ed", sum512[:32]},
	} {
		claims := tp.claims()
		claims["at_hash"] = base64.RawURLEncoding.EncodeToString(tc.half)
		got, err := p.VerifyIDToken(t.Context(), sign(t, tc.alg, tc.key, tc.kid, claims, nil), check)
		assertVerdict(t, got, err, nil)
		claims["at_hash"] = halfOf256("access")
		got, err = p.VerifyIDToken(t.Context(), sign(t, tc.alg, tc.key, tc.kid, claims, nil), check)
		assertVerdict(t, got, err, ErrAtHash)
	}
}

func TestRefreshedIDToken(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	for _, tc := range []struct {
		name     string
		claims   func(map[string]any)
		previous PreviousIDToken
		want     error
	}{
		{"accepts the same user without nonce", drop("nonce"), PreviousIDToken{Issuer: tp.server.URL, Subject: "alice"}, nil},
		{"accepts the login's nonce", nil, PreviousIDToken{Issuer: tp.server.URL, Subject: "alice", Nonce: secret.New("n-1")}, nil},
		{"refuses another nonce", nil, PreviousIDToken{Issuer: tp.server.URL, Subject: "alice", Nonce: secret.New("n-2")}, ErrNonce},
		{"refuses another sub", set("sub", "alice1"), PreviousIDToken{Issuer: tp.server.URL, Subject: "alice"}, ErrSubject},
		{"refuses another iss than the login's", nil, PreviousIDToken{Issuer: "https://before.test", Subject: "alice"}, ErrIssuer},
		{"refuses where the login's sub is unknown", nil, PreviousIDToken{Issuer: tp.server.URL}, ErrSubject},
		{"refuses an expired one", set("exp", now(-1)), PreviousIDToken{Issuer: tp.server.URL, Subject: "alice"}, ErrExpired},
		{"refuses another aud", set("aud", "b"), PreviousIDToken{Issuer: tp.server.URL, Subject: "alice"}, ErrAudience},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			claims := tp.claims()
			if tc.claims != nil {
				tc.claims(claims)
			}
			got, err := p.VerifyIDToken(t.Context(), idToken(t, claims), IDTokenCheck{ClientID: testClientID, Previous: &tc.previous})
			assertVerdict(t, got, err, tc.want)
		})
	}
}

func TestIDTokenIssuersAllowed(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.set("issuer", "https://login.test/{tenantid}/v2.0")
	p := tp.relyingParty(t, func(o *Options) {
		o.IssuersAllowed = []string{"https://login.test/{tenantid}/v2.0", "https://second.test"}
	})
	for _, tc := range []struct {
		name, iss string
		tid       any
		skip      bool
		want      error
	}{
		{"accepts the token's own tenant", "https://login.test/t-1/v2.0", "t-1", false, nil},
		{"accepts a listed issuer", "https://second.test", nil, false, nil},
		{"refuses another tenant", "https://login.test/t-1/v2.0", "t-2", false, ErrIssuer},
		{"refuses no tenant", "https://login.test//v2.0", nil, false, ErrIssuer},
		{"refuses the mark itself", "https://login.test/{tenantid}/v2.0", "{tenantid}", false, ErrIssuer},
		{"refuses a tenant that reshapes the url", "https://login.test/a/b/v2.0", "a/b", false, ErrIssuer},
		{"refuses an unlisted issuer", tp.server.URL, nil, false, ErrIssuer},
		{"refuses an unlisted issuer with claims unchecked", tp.server.URL, nil, true, ErrIssuer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			claims, check := tp.claims(), tp.check()
			claims["iss"], check.SkipClaims = tc.iss, tc.skip
			if tc.tid != nil {
				claims["tid"] = tc.tid
			}
			got, err := p.VerifyIDToken(t.Context(), idToken(t, claims), check)
			assertVerdict(t, got, err, tc.want)
		})
	}
}

func TestIDTokenSkips(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	stale := tp.claims()
	stale["exp"], stale["aud"], stale["iss"] = now(-10), "b", "https://other.test"
	lenient := tp.check()
	lenient.SkipClaims = true
	got, err := p.VerifyIDToken(t.Context(), idToken(t, stale), lenient)
	assertVerdict(t, got, err, nil)
	forged := sign(t, jose.RS256, otherRSAKey(), "rsa", stale, nil)
	got, err = p.VerifyIDToken(t.Context(), forged, lenient)
	assertVerdict(t, got, err, ErrSignature)
	stale["nonce"] = "x"
	got, err = p.VerifyIDToken(t.Context(), idToken(t, stale), lenient)
	assertVerdict(t, got, err, ErrNonce)

	unsigned := tp.check()
	unsigned.SkipSignature = true
	got, err = p.VerifyIDToken(t.Context(), sign(t, jose.RS256, otherRSAKey(), "rsa", tp.claims(), nil), unsigned)
	assertVerdict(t, got, err, nil)
	none := assemble(`{"alg":"none"}`, string(must(json.Marshal(tp.claims()))), "")
	got, err = p.VerifyIDToken(t.Context(), none, unsigned)
	assertVerdict(t, got, err, ErrAlgorithm)
}
