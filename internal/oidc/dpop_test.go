package oidc

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const proofURI = "https://orders.test/list"

var proofTime = time.Unix(1_780_000_000, 0)

// proofClaims are those of a good proof for token.
func proofClaims(token string) map[string]any {
	return map[string]any{"jti": "one", "htm": "GET", "htu": proofURI, "iat": proofTime.Unix(), "ath": AccessTokenHash(token)}
}

// proofBy signs a proof; header replaces parts of the ordinary one, nil ones are
// left out.
func proofBy(t testing.TB, alg jose.SignatureAlgorithm, key, shown any, claims, header map[string]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("dpop+jwt")
	if shown != nil {
		options = options.WithHeader("jwk", shown)
	}
	for name, value := range header {
		options = options.WithHeader(jose.HeaderKey(name), value)
	}
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options))
	return must(must(signer.Sign(must(json.Marshal(claims)))).CompactSerialize())
}

func publicJWK(key any) jose.JSONWebKey { return (&jose.JSONWebKey{Key: key}).Public() }

func thumbprint(key any) string {
	return base64.RawURLEncoding.EncodeToString(must((&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)))
}

func goodProofCheck(token string) ProofCheck {
	return ProofCheck{
		Method: "GET", URI: proofURI, TokenHash: AccessTokenHash(token), Thumbprint: thumbprint(ecKey()),
		Lifetime: 5 * time.Minute, Skew: 5 * time.Second, Now: proofTime,
	}
}

func TestProofOfAKey(t *testing.T) {
	t.Parallel()
	const token = "the access token"
	claims := func(change map[string]any) map[string]any {
		c := proofClaims(token)
		maps.Copy(c, change)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
		return c
	}
	es := func(change map[string]any) string {
		return proofBy(t, jose.ES256, ecKey(), publicJWK(ecKey()), claims(change), nil)
	}
	headed := func(header map[string]any) string {
		return proofBy(t, jose.ES256, ecKey(), publicJWK(ecKey()), claims(nil), header)
	}
	shown := func(change map[string]any) string {
		var members map[string]any
		if err := json.Unmarshal(must(publicJWK(ecKey()).MarshalJSON()), &members); err != nil {
			t.Fatal(err)
		}
		maps.Copy(members, change)
		return proofBy(t, jose.ES256, ecKey(), members, claims(nil), nil)
	}
	asked := func(uri string) func(*ProofCheck) { return func(c *ProofCheck) { c.URI = uri } }
	bound := func(key any) func(*ProofCheck) {
		return func(c *ProofCheck) { c.Thumbprint = thumbprint(key) }
	}
	good := es(nil)
	private := string(must(json.Marshal(jose.JSONWebKey{Key: ecKey()})))
	payload := string(must(json.Marshal(claims(nil))))
	dot := strings.LastIndex(good, ".")
	for _, tc := range []struct {
		name  string
		proof string
		check func(*ProofCheck)
		want  error
	}{
		{"accepts ES256", good, nil, nil},
		{"accepts RS256", proofBy(t, jose.RS256, rsaKey(), publicJWK(rsaKey()), claims(nil), nil), bound(rsaKey()), nil},
		{"accepts PS256", proofBy(t, jose.PS256, rsaKey(), publicJWK(rsaKey()), claims(nil), nil), bound(rsaKey()), nil},
		{"accepts ES384", proofBy(t, jose.ES384, ec384Key(), publicJWK(ec384Key()), claims(nil), nil), bound(ec384Key()), nil},
		{"accepts EdDSA", proofBy(t, jose.EdDSA, edKey(), publicJWK(edKey()), claims(nil), nil), bound(edKey()), nil},
		{"refuses nothing", "", nil, ErrMissing},
		{"refuses what is no jws", "proof", nil, ErrMalformed},
		{"refuses two proofs in one", good + "," + good, nil, ErrMalformed},
		{"refuses one that is too long", good + strings.Repeat("A", maxProof), nil, ErrMalformed},
		{"refuses typ JWT", headed(map[string]any{"typ": "JWT"}), nil, ErrType},
		{"refuses typ at+jwt", headed(map[string]any{"typ": "at+jwt"}), nil, ErrType},
		{"refuses no typ", assemble(`{"alg":"ES256"}`, payload, "x").Reveal(), nil, ErrType},
		{"refuses alg none", assemble(`{"typ":"dpop+jwt","alg":"none"}`, payload, "").Reveal(), nil, ErrAlgorithm},
		{"refuses HS256", proofBy(t, jose.HS256, []byte(longSecret), publicJWK(ecKey()), claims(nil), nil), nil, ErrAlgorithm},
		{"refuses crit", headed(map[string]any{"crit": []string{"x"}, "x": 1}), nil, ErrCritical},
		{"refuses no key", proofBy(t, jose.ES256, ecKey(), nil, claims(nil), nil), nil, ErrProofKey},
		{"refuses a private key", assemble(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+private+`}`, payload, "x").Reveal(), nil, ErrProofKey},
		{"refuses a private member of null", assemble(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+strings.Replace(string(must(publicJWK(ecKey()).MarshalJSON())), `"kty"`, `"d":null,"kty"`, 1)+`}`, payload, "x").Reveal(), nil, ErrProofKey},
		{"refuses a symmetric key", assemble(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"oct","k":"AAAA"}}`, payload, "x").Reveal(), nil, ErrProofKey},
		{"refuses a key of another type", proofBy(t, jose.ES256, ecKey(), publicJWK(rsaKey()), claims(nil), nil), bound(rsaKey()), ErrProofKey},
		{"refuses a curve of another algorithm", proofBy(t, jose.ES256, ecKey(), publicJWK(ec384Key()), claims(nil), nil), bound(ec384Key()), ErrProofKey},
		{"refuses a key for encryption", shown(map[string]any{"use": "enc"}), nil, ErrProofKey},
		{"accepts a key with a name", shown(map[string]any{"kid": "mine", "use": "sig"}), nil, nil},
		{"refuses another key than the token's", proofBy(t, jose.RS256, rsaKey(), publicJWK(rsaKey()), claims(nil), nil), nil, ErrProofBinding},
		{"refuses any key for a token without one", good, func(c *ProofCheck) { c.Thumbprint = "" }, ErrProofBinding},
		{"refuses a signature of another key", proofBy(t, jose.RS256, otherRSAKey(), publicJWK(rsaKey()), claims(nil), nil), bound(rsaKey()), ErrSignature},
		{"refuses no signature", good[:dot+1], nil, ErrSignature},
		{"refuses another payload", splice(good, strings.Replace(payload, `"one"`, `"two"`, 1)), nil, ErrSignature},
		{"refuses another method", es(map[string]any{"htm": "POST"}), nil, ErrProofMethod},
		{"refuses the method in lower case", es(map[string]any{"htm": "get"}), nil, ErrProofMethod},
		{"refuses no method", es(map[string]any{"htm": nil}), nil, ErrProofMethod},
		{"refuses another path", es(map[string]any{"htu": "https://orders.test/other"}), nil, ErrProofURI},
		{"refuses another host", es(map[string]any{"htu": "https://other.test/list"}), nil, ErrProofURI},
		{"refuses another port", es(map[string]any{"htu": "https://orders.test:8443/list"}), nil, ErrProofURI},
		{"refuses http for https", es(map[string]any{"htu": "http://orders.test/list"}), nil, ErrProofURI},
		{"refuses a user in the address", es(map[string]any{"htu": "https://a@orders.test/list"}), nil, ErrProofURI},
		{"refuses a path alone", es(map[string]any{"htu": "/list"}), nil, ErrProofURI},
		{"refuses no address", es(map[string]any{"htu": nil}), nil, ErrProofURI},
		{"refuses no address where none is known", es(map[string]any{"htu": nil}), asked(""), ErrProofURI},
		{"accepts an address with a query and a fragment", es(map[string]any{"htu": proofURI + "?a=b#c"}), nil, nil},
		{"accepts the default port and host in upper case", es(map[string]any{"htu": "HTTPS://Orders.Test:443/list"}), nil, nil},
		{"accepts other escapes of the same path", es(map[string]any{"htu": "https://orders.test/%6cist%2fx"}), asked("https://orders.test/list%2Fx"), nil},
		{"refuses an escaped slash for a slash", es(map[string]any{"htu": "https://orders.test/list%2Fx"}), asked("https://orders.test/list/x"), ErrProofURI},
		{"accepts no path for the root", es(map[string]any{"htu": "https://orders.test"}), asked("https://orders.test/"), nil},
		{"refuses another token", good, func(c *ProofCheck) { c.TokenHash = AccessTokenHash("another") }, ErrProofToken},
		{"refuses no token", es(map[string]any{"ath": nil}), nil, ErrProofToken},
		{"refuses no jti", es(map[string]any{"jti": nil}), nil, ErrProofID},
		{"refuses a jti that is no text", es(map[string]any{"jti": 7}), nil, ErrProofID},
		{"refuses a jti without end", es(map[string]any{"jti": strings.Repeat("a", maxProofID+1)}), nil, ErrProofID},
		{"refuses no iat", es(map[string]any{"iat": nil}), nil, ErrIssuedAt},
		{"refuses an iat that is a text", es(map[string]any{"iat": "1780000000"}), nil, ErrIssuedAt},
		{"accepts one from just before it gets too old", good, func(c *ProofCheck) { c.Now = proofTime.Add(299 * time.Second) }, nil},
		{"refuses one that is too old", good, func(c *ProofCheck) { c.Now = proofTime.Add(300 * time.Second) }, ErrIssuedAt},
		{"accepts one from a little ahead", good, func(c *ProofCheck) { c.Now = proofTime.Add(-5 * time.Second) }, nil},
		{"refuses one from the future", good, func(c *ProofCheck) { c.Now = proofTime.Add(-6 * time.Second) }, ErrIssuedAt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			check := goodProofCheck(token)
			if tc.check != nil {
				tc.check(&check)
			}
			p, err := VerifyProof(tc.proof, check)
			if tc.want == nil {
				if err != nil || p.ID != "one" || p.Thumbprint != check.Thumbprint || !p.Ends.Equal(proofTime.Add(5*time.Minute)) {
					t.Errorf("%+v %v", p, err)
				}
				return
			}
			v, ok := errors.AsType[*Violation](err)
			if !ok || !errors.Is(err, tc.want) || !errors.Is(err, ErrProof) || p != nil || v.Clause == "" {
				t.Errorf("%+v %v, want %v", p, err, tc.want)
			}
		})
	}
}

// TestProofWithANonce: age counts from the nonce, whatever the client's clock.
func TestProofWithANonce(t *testing.T) {
	t.Parallel()
	with := func(nonce any, iat int64) string {
		claims := proofClaims("t")
		claims["iat"] = iat
		if nonce != nil {
			claims["nonce"] = nonce
		}
		return proofBy(t, jose.ES256, ecKey(), publicJWK(ecKey()), claims, nil)
	}
	check := goodProofCheck("t")
	check.Nonce = func(nonce string) (time.Time, bool) { return proofTime.Add(-time.Minute), nonce == "ours" }
	p, err := VerifyProof(with("ours", 1000), check)
	if err != nil || !p.Ends.Equal(proofTime.Add(4*time.Minute)) {
		t.Errorf("%+v %v", p, err)
	}
	for name, proof := range map[string]string{
		"without": with(nil, proofTime.Unix()), "another": with("theirs", proofTime.Unix()), "no text": with(7, proofTime.Unix()),
	} {
		if p, err := VerifyProof(proof, check); p != nil || !errors.Is(err, ErrProofNonce) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
	check.Now = proofTime.Add(4 * time.Minute)
	if p, err := VerifyProof(with("ours", check.Now.Unix()), check); p != nil || !errors.Is(err, ErrProofNonce) {
		t.Errorf("stale: %+v %v", p, err)
	}
}

// TestProofErrorsHoldNoQuery: what a client writes into htu goes to the log without
// its query.
func TestProofErrorsHoldNoQuery(t *testing.T) {
	t.Parallel()
	claims := proofClaims("t")
	claims["htu"] = "https://other.test/list?code=planted-code"
	_, err := VerifyProof(proofBy(t, jose.ES256, ecKey(), publicJWK(ecKey()), claims, nil), goodProofCheck("t"))
	if !errors.Is(err, ErrProofURI) || !strings.Contains(err.Error(), "other.test/list") || strings.Contains(err.Error(), "planted") {
		t.Error(err)
	}
}

func TestAccessTokenHash(t *testing.T) {
	t.Parallel()
	// The example of RFC 9449 section 7.1.
	const token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
	if got, want := AccessTokenHash(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzProof(f *testing.F) {
	check := goodProofCheck("t")
	good := proofBy(f, jose.ES256, ecKey(), publicJWK(ecKey()), proofClaims("t"), nil)
	f.Add(good)
	f.Add(proofBy(f, jose.EdDSA, edKey(), publicJWK(edKey()), proofClaims("t"), nil))
	f.Add(assemble(`{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`, `{"htu":"https://[::1]%zz"}`, "x").Reveal())
	f.Add("..")
	payload := strings.Split(good, ".")[1]
	f.Fuzz(func(t *testing.T, text string) {
		p, err := VerifyProof(text, check)
		if err == nil && (p.Thumbprint != check.Thumbprint || strings.Split(text, ".")[1] != payload) {
			t.Errorf("%+v for %q", p, text)
		}
		if err != nil && !errors.Is(err, ErrProof) {
			t.Errorf("%v is no violation", err)
		}
	})
}

func FuzzNormalURI(f *testing.F) {
	for _, s := range []string{proofURI, "http://a", "http://[::1]:80/%2e%2E/x", "https://a//b/../c", "//a", "http://a/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normal, ok := normalURI(text)
		if !ok {
			return
		}
		again, ok := normalURI(normal)
		if !ok || again != normal {
			t.Errorf("%q gives %q, and that gives %q %t", text, normal, again, ok)
		}
	})
}
