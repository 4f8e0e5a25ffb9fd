package oidc

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

// jwkOf is a key as members of a private JWK.
func jwkOf(t *testing.T, key any, more map[string]any) map[string]any {
	t.Helper()
	members := map[string]any{}
	jwk := jose.JSONWebKey{Key: key}
	if err := json.Unmarshal(must(jwk.MarshalJSON()), &members); err != nil {
		t.Fatal(err)
	}
	maps.Copy(members, more)
	return members
}

func privateKey(t *testing.T, key any, more map[string]any) *PrivateKey {
	t.Helper()
	return must(ParsePrivateKey(jwkOf(t, key, more)))
}

// verified opens a JWT that was signed with algorithm under key.
func verified(t *testing.T, token, algorithm string, key any) (jose.Header, map[string]any) {
	t.Helper()
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		t.Fatalf("%v: %s", err, token)
	}
	payload, err := object.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return object.Signatures[0].Protected, claims
}

// TestClientAssertion holds assertions to RFC 7523 §3 and OpenID Connect Core
// §9: who says it, to whom, for a minute, once; and nothing beside it that says
// who the client is.
func TestClientAssertion(t *testing.T) {
	t.Parallel()
	hs := secret.New(longSecret)
	own := NewSigningKeys(nil, nil)
	for _, tc := range []struct {
		name, alg, kid string
		client         Client
		key            func() any
		audience       string // empty: the token endpoint
	}{
		{"secret by default", "HS256", "", Client{Secret: hs, AuthMethod: AuthSecretJWT}, func() any { return []byte(longSecret) }, ""},
		{"secret HS384", "HS384", "", Client{Secret: hs, AuthMethod: AuthSecretJWT, SigningAlg: "HS384"}, func() any { return []byte(longSecret) }, ""},
		{"secret HS512", "HS512", "", Client{Secret: hs, AuthMethod: AuthSecretJWT, SigningAlg: "HS512"}, func() any { return []byte(longSecret) }, ""},
		{"key by default", "RS256", "k1", Client{AuthMethod: AuthPrivateKeyJWT, Key: privateKey(t, rsaKey(), map[string]any{"kid": "k1"})}, func() any { return rsaKey().Public() }, ""},
		{"key PS384", "PS384", "k1", Client{AuthMethod: AuthPrivateKeyJWT, SigningAlg: "PS384", Key: privateKey(t, rsaKey(), map[string]any{"kid": "k1"})}, func() any { return rsaKey().Public() }, ""},
		{"key by its own alg", "PS512", "", Client{AuthMethod: AuthPrivateKeyJWT, Key: privateKey(t, rsaKey(), map[string]any{"alg": "PS512"})}, func() any { return rsaKey().Public() }, ""},
		{"curve by the key", "ES384", "", Client{AuthMethod: AuthPrivateKeyJWT, Key: privateKey(t, ec384Key(), nil)}, func() any { return ec384Key().Public() }, ""},
		{"Ed25519", "EdDSA", "e", Client{AuthMethod: AuthPrivateKeyJWT, Key: privateKey(t, edKey(), map[string]any{"kid": "e", "use": "sig"})}, func() any { return edKey().Public() }, ""},
		{"own key by default", "RS256", "?", Client{AuthMethod: AuthPrivateKeyJWT}, func() any { return publicOf(t, own, "RS256") }, ""},
		{"own key ES256", "ES256", "?", Client{AuthMethod: AuthPrivateKeyJWT, SigningAlg: "ES256"}, func() any { return publicOf(t, own, "ES256") }, ""},
		{"issuer as audience", "RS256", "", Client{AuthMethod: AuthPrivateKeyJWT, IssuerAudience: true, Key: privateKey(t, rsaKey(), nil)}, func() any { return rsaKey().Public() }, "issuer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			c := &capture{}
			tp.handle(pathToken, c.serve)
			p := tp.relyingParty(t, func(o *Options) { o.OwnKeys = own })
			tc.client.ID = testClientID
			seen := map[any]bool{}
			for range 2 {
				if _, err := p.Redeem(t.Context(), tc.client, testGrant, Extra{Args: url.Values{"client_assertion_type": {"x"}}}); err != nil {
					t.Fatal(err)
				}
				if c.header.Get("Authorization") != "" || c.form.Has("client_id") || c.form.Has("client_secret") ||
					c.form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
					t.Errorf("beside the assertion: %v %v", c.header["Authorization"], c.form)
				}
				header, claims := verified(t, c.form.Get("client_assertion"), tc.alg, tc.key())
				if tc.kid != "?" && header.KeyID != tc.kid || tc.kid == "?" && header.KeyID == "" {
					t.Errorf("kid %q, want %q", header.KeyID, tc.kid)
				}
				audience := tp.server.URL + pathToken
				if tc.audience == "issuer" {
					audience = tp.server.URL
				}
				now := float64(tp.clock.now().Unix())
				for name, want := range map[string]any{
					"iss": testClientID, "sub": testClientID, "aud": audience, "iat": now, "exp": now + 60,
				} {
					if claims[name] != want {
						t.Errorf("%s: %v, want %v", name, claims[name], want)
					}
				}
				id, _ := claims["jti"].(string)
				if len(id) < 22 || seen[id] {
					t.Errorf("jti %q", id)
				}
				seen[id] = true
			}
		})
	}
}

// publicOf is the public key of a set for an algorithm.
func publicOf(t *testing.T, s *SigningKeys, alg string) any {
	t.Helper()
	for _, text := range must(s.Public()) {
		var jwk jose.JSONWebKey
		if err := jwk.UnmarshalJSON(text); err != nil {
			t.Fatal(err)
		}
		if jwk.Algorithm == alg {
			return jwk.Key
		}
	}
	t.Fatalf("no key for %s", alg)
	return nil
}

func TestClientAssertionHeaderNamesTheCertificate(t *testing.T) {
	t.Parallel()
	k := privateKey(t, rsaKey(), map[string]any{"x5t": "dGh1bWI", "x5t#S256": "dGh1bWIyNTY"})
	token, err := new(Provider).sign(Client{Key: k}, false, "JWT", map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	header, _ := verified(t, token, "RS256", rsaKey().Public())
	if header.ExtraHeaders["x5t"] != "dGh1bWI" || header.ExtraHeaders["x5t#S256"] != "dGh1bWIyNTY" {
		t.Errorf("%v", header.ExtraHeaders)
	}
}

// TestClientAssertionRefused: what cannot be signed makes no request.
func TestClientAssertionRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		client Client
		want   error
	}{
		{"no secret", Client{AuthMethod: AuthSecretJWT}, ErrAuthMethod},
		{"no key", Client{AuthMethod: AuthPrivateKeyJWT}, ErrAuthMethod},
		{"no certificate", Client{AuthMethod: AuthTLS}, ErrAuthMethod},
		{"no certificate of its own", Client{AuthMethod: AuthSelfSignedTLS}, ErrAuthMethod},
		{"a key that cannot be used", Client{AuthMethod: AuthPrivateKeyJWT, Key: &PrivateKey{}}, ErrClientKey},
		{"a key that is to decrypt", Client{AuthMethod: AuthPrivateKeyJWT, Key: privateKey(t, rsaKey(), map[string]any{"use": "enc"})}, ErrClientKey},
		{"an algorithm of another key type", Client{AuthMethod: AuthPrivateKeyJWT, SigningAlg: "ES256", Key: privateKey(t, rsaKey(), nil)}, ErrClientKey},
		{"a curve that does not fit", Client{AuthMethod: AuthPrivateKeyJWT, SigningAlg: "ES256", Key: privateKey(t, ec384Key(), nil)}, ErrClientKey},
		{"a secret shorter than the hash", Client{AuthMethod: AuthSecretJWT, Secret: secret.New("planted-short")}, ErrClientKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathToken, new(capture).serve)
			tc.client.ID = testClientID
			_, err := tp.relyingParty(t).Redeem(t.Context(), tc.client, testGrant, Extra{})
			if !errors.Is(err, tc.want) || tp.count(pathToken) != 0 || strings.Contains(fmt.Sprint(err), "planted") {
				t.Errorf("error %v, want %v; %d requests", err, tc.want, tp.count(pathToken))
			}
		})
	}
}

func TestPrivateKeyRefused(t *testing.T) {
	t.Parallel()
	if _, err := ParsePrivateKey(jwkOf(t, ecKey(), nil)); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	public := jwkOf(t, rsaKey(), nil)
	delete(public, "d")
	edwards := jwkOf(t, edKey(), nil)
	edwards["d"] = jwkOf(t, must(newPrivateKey(jose.EdDSA, rand.Reader)), nil)["d"]
	swapped := jwkOf(t, ecKey(), nil)
	swapped["d"] = jwkOf(t, must(newPrivateKey(jose.ES256, rand.Reader)), nil)["d"]
	for name, members := range map[string]map[string]any{
		"a public key":                                 public,
		"for encryption, which it cannot":              jwkOf(t, edKey(), map[string]any{"use": "enc"}),
		"for encryption by an algorithm of signatures": jwkOf(t, rsaKey(), map[string]any{"use": "enc", "alg": "RS256"}),
		"for signatures by an algorithm of encryption": jwkOf(t, rsaKey(), map[string]any{"use": "sig", "alg": "RSA-OAEP"}),
		"for another use":                              jwkOf(t, rsaKey(), map[string]any{"use": "other"}),
		"an alg that is others":                        jwkOf(t, rsaKey(), map[string]any{"alg": "ES256"}),
		"an alg for secrets":                           jwkOf(t, rsaKey(), map[string]any{"alg": "HS256"}),
		"a symmetric key":                              {"kty": "oct", "k": "cGxhbnRlZA"},
		"nothing":                                      {},
		"other halves":                                 swapped,
		"other Edwards halves":                         edwards,
		"garbage":                                      {"kty": "RSA", "n": "planted", "e": "AQAB", "d": "planted"},
	} {
		if _, err := ParsePrivateKey(members); err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSigningKeys: one pair for each algorithm, public halves alone; after a
// rotation new ones sign, and the old are shown for an hour.
func TestSigningKeys(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := NewSigningKeys(clock.now, nil)
	parse := func() map[string]string {
		ids := map[string]string{}
		for _, text := range must(s.Public()) {
			var jwk jose.JSONWebKey
			if err := jwk.UnmarshalJSON(text); err != nil || !jwk.IsPublic() || jwk.Use != "sig" {
				t.Fatalf("%v: %s", err, text)
			}
			var members map[string]any
			if err := json.Unmarshal(text, &members); err != nil {
				t.Fatal(err)
			}
			for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
				if members[private] != nil {
					t.Fatalf("the private member %s is shown", private)
				}
			}
			ids[jwk.KeyID] = jwk.Algorithm
		}
		return ids
	}
	first := parse()
	if len(first) != len(ownAlgorithms) {
		t.Fatalf("%d keys: %v", len(first), first)
	}
	old := must(s.key("ES256"))
	if again := parse(); len(again) != len(first) || again[old.id] != "ES256" {
		t.Errorf("not the same keys again: %v", again)
	}
	s.Rotate()
	if fresh := must(s.key("ES256")); fresh.id == old.id {
		t.Error("the same key after a rotation")
	}
	if both := parse(); len(both) != 2*len(ownAlgorithms) || both[old.id] != "ES256" {
		t.Errorf("%d keys after a rotation", len(both))
	}
	clock.advance(time.Hour)
	if later := parse(); len(later) != len(ownAlgorithms) || later[old.id] != "" {
		t.Errorf("%d keys an hour later", len(later))
	}
	if _, err := s.key("HS256"); !errors.Is(err, ErrClientKey) {
		t.Errorf("a key for HS256: %v", err)
	}
}

func TestPrivateKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	k := privateKey(t, ecKey(), nil)
	d, _ := jwkOf(t, ecKey(), nil)["d"].(string)
	text := fmt.Sprintf("%v %+v %#v %+v", k, k, k, Client{Key: k})
	digits := fmt.Sprintf("%d", must(ecKey().Bytes())) // as %v writes bytes
	if strings.Contains(text, d) || strings.Contains(text, digits) {
		t.Error(text)
	}
}
