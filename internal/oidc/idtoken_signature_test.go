package oidc

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

// pemOf is the text of a public key as an attacker would use it for HMAC.
func pemOf(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func TestIDTokenSignatures(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	claims := tp.claims()
	text := string(must(json.Marshal(claims)))
	good := idToken(t, claims).Reveal()
	flipped := []byte(good)
	if at := len(flipped) - 10; flipped[at] == 'A' {
		flipped[at] = 'B'
	} else {
		flipped[at] = 'A'
	}
	hs := func(c *IDTokenCheck) { c.EnableHS, c.ClientSecret = true, secret.New(longSecret) }
	for _, tc := range []struct {
		name  string
		token secret.String
		check func(*IDTokenCheck)
		want  error
	}{
		{"accepts RS256", secret.New(good), nil, nil},
		{"accepts PS256", sign(t, jose.PS256, rsaKey(), "rsa", claims, nil), nil, nil},
		{"accepts ES256", sign(t, jose.ES256, ecKey(), "ec", claims, nil), nil, nil},
		{"accepts typ JWT", sign(t, jose.ES256, ecKey(), "ec", claims, map[string]any{"typ": "JWT"}), nil, nil},
		{"refuses a changed signature", secret.New(string(flipped)), nil, ErrSignature},
		{"refuses a signature cut short", secret.New(good[:len(good)-4]), nil, ErrSignature},
		{"refuses no signature", secret.New(good[:strings.LastIndex(good, ".")+1]), nil, ErrSignature},
		{"refuses another payload under a good signature", secret.New(splice(good, strings.Replace(text, "alice", "mallory", 1))), nil, ErrSignature},
		{"refuses a foreign key under our kid", sign(t, jose.RS256, otherRSAKey(), "rsa", claims, nil), nil, ErrSignature},
		{"refuses alg none", assemble(`{"alg":"none"}`, text, ""), nil, ErrAlgorithm},
		{"refuses alg None", assemble(`{"alg":"None"}`, text, ""), nil, ErrAlgorithm},
		{"refuses alg nOnE", assemble(`{"alg":"nOnE"}`, text, ""), nil, ErrAlgorithm},
		{"refuses alg NONE with a kid", assemble(`{"alg":"NONE","kid":"rsa"}`, text, "x"), nil, ErrAlgorithm},
		{"refuses alg empty", assemble(`{"alg":""}`, text, ""), nil, ErrAlgorithm},
		{"refuses alg missing", assemble(`{"kid":"rsa"}`, text, "x"), nil, ErrAlgorithm},
		{"refuses alg null", assemble(`{"alg":null}`, text, "x"), nil, ErrAlgorithm},
		{"refuses alg that is a list", assemble(`{"alg":["RS256"]}`, text, "x"), nil, ErrMalformed},
		{"refuses alg named twice", assemble(`{"alg":"none","alg":"RS256","kid":"rsa"}`, text, "x"), nil, ErrMalformed},
		{"refuses an unknown alg", assemble(`{"alg":"ES256K"}`, text, "x"), nil, ErrAlgorithm},
		{"refuses HS256 with the public key", sign(t, jose.HS256, pemOf(t), "rsa", claims, nil), nil, ErrAlgorithm},
		{"refuses HS256 with the public key where HMAC is on", sign(t, jose.HS256, pemOf(t), "rsa", claims, nil), hs, ErrSignature},
		{"refuses HS256 with the secret", sign(t, jose.HS256, []byte(longSecret), "", claims, nil), func(c *IDTokenCheck) { c.ClientSecret = secret.New(longSecret) }, ErrAlgorithm},
		{"accepts HS256 with the secret where HMAC is on", sign(t, jose.HS256, []byte(longSecret), "", claims, nil), hs, nil},
		{"accepts HS512 with the secret where HMAC is on", sign(t, jose.HS512, []byte(longSecret), "", claims, nil), hs, nil},
		{"refuses HS256 where there is no secret", sign(t, jose.HS256, []byte(longSecret), "", claims, nil), func(c *IDTokenCheck) { c.EnableHS = true }, ErrSignature},
		{"refuses an algorithm that is not listed", sign(t, jose.ES256, ecKey(), "ec", claims, nil), func(c *IDTokenCheck) { c.Algorithms = []string{"RS256"} }, ErrAlgorithm},
		{"refuses HS256 that is listed and not enabled", sign(t, jose.HS256, []byte(longSecret), "", claims, nil), func(c *IDTokenCheck) {
			c.Algorithms, c.ClientSecret = []string{"HS256"}, secret.New(longSecret)
		}, ErrAlgorithm},
		{"refuses an EC token under the RSA kid", sign(t, jose.ES256, ecKey(), "rsa", claims, nil), nil, ErrUnknownKey},
		{"refuses an unknown kid", sign(t, jose.RS256, rsaKey(), "other", claims, nil), nil, ErrUnknownKey},
		{"refuses a key of its own", ownKey(t, claims), nil, ErrSignature},
		{"refuses a key address of its own", sign(t, jose.RS256, otherRSAKey(), "rsa", claims, map[string]any{"jku": "https://evil.test/jwks", "x5u": "https://evil.test/x5"}), nil, ErrSignature},
		{"accepts and ignores a key address", sign(t, jose.RS256, rsaKey(), "rsa", claims, map[string]any{"jku": "https://evil.test/jwks"}), nil, nil},
		{"refuses crit", sign(t, jose.RS256, rsaKey(), "rsa", claims, map[string]any{"crit": []string{"exp"}, "exp": 1}), nil, ErrCritical},
		{"refuses crit b64", assemble(`{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":true}`, text, "x"), nil, ErrCritical},
		{"refuses crit empty", assemble(`{"alg":"RS256","kid":"rsa","crit":[]}`, text, "x"), nil, ErrCritical},
		{"refuses b64 unmarked", assemble(`{"alg":"RS256","kid":"rsa","b64":false}`, text, "x"), nil, ErrCritical},
		{"refuses typ at+jwt", sign(t, jose.RS256, rsaKey(), "rsa", claims, map[string]any{"typ": "at+jwt"}), nil, ErrType},
		{"refuses typ application/at+JWT", sign(t, jose.RS256, rsaKey(), "rsa", claims, map[string]any{"typ": "application/at+JWT"}), nil, ErrType},
		{"refuses typ logout+jwt", sign(t, jose.RS256, rsaKey(), "rsa", claims, map[string]any{"typ": "logout+jwt"}), nil, ErrType},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			check := tp.check()
			if tc.check != nil {
				tc.check(&check)
			}
			got, err := p.VerifyIDToken(t.Context(), tc.token, check)
			assertVerdict(t, got, err, tc.want)
		})
	}
}

func TestIDTokenCurveIsPinned(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.setKeys(publicKey("ec", "", &ec384Key().PublicKey))
	p := tp.relyingParty(t)
	got, err := p.VerifyIDToken(t.Context(), sign(t, jose.ES256, ecKey(), "ec", tp.claims(), nil), tp.check())
	assertVerdict(t, got, err, ErrUnknownKey)
	got, err = p.VerifyIDToken(t.Context(), sign(t, jose.ES384, ec384Key(), "ec", tp.claims(), nil), tp.check())
	assertVerdict(t, got, err, nil)
}

// splice puts another payload between header and signature.
func splice(token, payload string) string {
	parts := strings.Split(token, ".")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(payload))
	return strings.Join(parts, ".")
}

// ownKey is a token that brings the key along with which it was signed.
func ownKey(t *testing.T, claims any) secret.String {
	t.Helper()
	return sign(t, jose.RS256, otherRSAKey(), "rsa", claims, map[string]any{"jwk": jose.JSONWebKey{Key: &otherRSAKey().PublicKey}})
}

func TestIDTokenAnnouncedAlgorithms(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.set("id_token_signing_alg_values_supported", []string{"none", "RS256", "HS256"})
	p := tp.relyingParty(t)
	check := tp.check()
	got, err := p.VerifyIDToken(t.Context(), idToken(t, tp.claims()), check)
	assertVerdict(t, got, err, nil)
	got, err = p.VerifyIDToken(t.Context(), sign(t, jose.ES256, ecKey(), "ec", tp.claims(), nil), check)
	assertVerdict(t, got, err, ErrAlgorithm)
	got, err = p.VerifyIDToken(t.Context(), sign(t, jose.HS256, []byte(longSecret), "", tp.claims(), nil), check)
	assertVerdict(t, got, err, ErrAlgorithm)
	check.EnableHS, check.ClientSecret = true, secret.New(longSecret)
	got, err = p.VerifyIDToken(t.Context(), sign(t, jose.HS256, []byte(longSecret), "", tp.claims(), nil), check)
	assertVerdict(t, got, err, nil)
	got, err = p.VerifyIDToken(t.Context(), sign(t, jose.HS512, []byte(longSecret), "", tp.claims(), nil), check)
	assertVerdict(t, got, err, ErrAlgorithm)
}

func TestIDTokenShape(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	good := idToken(t, tp.claims()).Reveal()
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	header := `{"alg":"RS256","kid":"rsa"}`
	for _, tc := range []struct {
		name, token string
		want        error
	}{
		{"accepts a good token", good, nil},
		{"refuses absence", "", ErrMissing},
		{"refuses two parts", good[:strings.LastIndex(good, ".")], ErrMalformed},
		{"refuses four parts", good + ".x", ErrMalformed},
		{"refuses five parts", good + ".x.y", ErrMalformed},
		{"refuses megabytes of dots", strings.Repeat(".", 4<<20), ErrMalformed},
		{"refuses a huge token", good + strings.Repeat("A", maxToken), ErrMalformed},
		{"refuses white space", good[:20] + "\n" + good[20:], ErrMalformed},
		{"refuses a leading space", " " + good, ErrMalformed},
		{"refuses padding", good + "=", ErrMalformed},
		{"refuses the json serialization", `{"payload":"","protected":"","signature":""}`, ErrMalformed},
		{"refuses a header that is no json", assemble("{", "{}", "x").Reveal(), ErrMalformed},
		{"refuses a header that is a list", assemble(`["alg"]`, "{}", "x").Reveal(), ErrMalformed},
		{"refuses kid that is no string", assemble(`{"alg":"RS256","kid":1}`, "{}", "x").Reveal(), ErrMalformed},
		{"refuses a payload that is no json", assemble(header, "nonsense", "x").Reveal(), ErrMalformed},
		{"refuses a payload that is a string", assemble(header, `"x"`, "x").Reveal(), ErrMalformed},
		{"refuses an empty payload", assemble(header, "", "x").Reveal(), ErrMalformed},
		{"refuses something after the payload", assemble(header, `{} {}`, "x").Reveal(), ErrMalformed},
		{"refuses a claim named twice", assemble(header, `{"sub":"a","sub":"b"}`, "x").Reveal(), ErrMalformed},
		{"refuses depth", assemble(header, deep[:90_000], "x").Reveal(), ErrMalformed},
		{"refuses text that is not utf-8", assemble(header, "{\"sub\":\"\xff\"}", "x").Reveal(), ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := p.VerifyIDToken(t.Context(), secret.New(tc.token), tp.check())
			assertVerdict(t, got, err, tc.want)
			if err != nil && tc.token != "" && strings.Contains(err.Error(), tc.token) {
				t.Error("the error holds the token")
			}
		})
	}
}

// TestEachCheckRefusesByItself: a token that breaks two rules is refused though
// one of them is not asked for.
func TestEachCheckRefusesByItself(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	claims := tp.claims()
	claims["exp"] = now(-1)
	both := sign(t, jose.RS256, otherRSAKey(), "rsa", claims, nil)
	for name, tc := range map[string]struct {
		check func(*IDTokenCheck)
		want  error
	}{
		"expired and forged":                       {func(*IDTokenCheck) {}, ErrIDToken},
		"where signatures are not verified":        {func(c *IDTokenCheck) { c.SkipSignature = true }, ErrExpired},
		"where claims are not verified":            {func(c *IDTokenCheck) { c.SkipClaims = true }, ErrSignature},
		"the control, where neither is asked for":  {func(c *IDTokenCheck) { c.SkipSignature, c.SkipClaims = true, true }, nil},
		"a leeway for the one helps not the other": {func(c *IDTokenCheck) { c.Leeway = time.Hour }, ErrSignature},
	} {
		check := tp.check()
		tc.check(&check)
		got, err := p.VerifyIDToken(t.Context(), both, check)
		if !errors.Is(err, tc.want) || (got == nil) != (tc.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
