package oidc

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

func verify(t *testing.T, p *Provider, tp *testProvider, token secret.String) error {
	t.Helper()
	_, err := p.VerifyIDToken(t.Context(), token, tp.check())
	return err
}

func TestKeysAreFetchedOnce(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	for range 5 {
		if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
			t.Fatal(err)
		}
	}
	if tp.count(pathKeys) != 1 || tp.count(pathDocument) != 1 {
		t.Errorf("%d fetches of keys, %d of the document", tp.count(pathKeys), tp.count(pathDocument))
	}
	tp.clock.advance(time.Hour)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil || tp.count(pathKeys) != 2 {
		t.Errorf("not renewed after the cache's time: %v, %d", err, tp.count(pathKeys))
	}
}

func TestRotationJustBeforeSigning(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil { // warm, keys fetched a moment ago
		t.Fatal(err)
	}
	tp.setKeys(publicKey("new", "", &otherRSAKey().PublicKey))
	if err := verify(t, p, tp, sign(t, jose.RS256, otherRSAKey(), "new", tp.claims(), nil)); err != nil {
		t.Errorf("new kid: %v", err)
	}
	// And a key replaced under the same kid.
	tp.setKeys(publicKey("new", "", &rsaKey().PublicKey))
	if err := verify(t, p, tp, sign(t, jose.RS256, rsaKey(), "new", tp.claims(), nil)); err != nil {
		t.Errorf("same kid: %v", err)
	}
	if err := verify(t, p, tp, sign(t, jose.RS256, otherRSAKey(), "new", tp.claims(), nil)); !errors.Is(err, ErrSignature) {
		t.Errorf("the replaced key still verifies: %v", err)
	}
}

func TestFloodOfUnknownKeysMakesNoFloodOfFetches(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Fatal(err)
	}
	flood := func() {
		var wait sync.WaitGroup
		for i := range 50 {
			token := sign(t, jose.RS256, otherRSAKey(), fmt.Sprint("kid-", i), tp.claims(), nil)
			if i%2 == 0 {
				token = sign(t, jose.RS256, otherRSAKey(), "rsa", tp.claims(), nil)
			}
			wait.Go(func() {
				if _, err := p.VerifyIDToken(t.Context(), token, tp.check()); !errors.Is(err, ErrIDToken) {
					t.Errorf("error %v", err)
				}
			})
		}
		wait.Wait()
	}
	flood()
	if got := tp.count(pathKeys); got != 2 {
		t.Errorf("%d fetches", got)
	}
	tp.clock.advance(30 * time.Second)
	flood()
	if got := tp.count(pathKeys); got != 3 {
		t.Errorf("%d fetches after the lifetime", got)
	}
	if got := tp.count(pathDocument); got > 2 {
		t.Errorf("%d fetches of the document", got)
	}
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Errorf("a good token during the flood: %v", err)
	}
}

func TestRefetchTakesWhatAnotherCallerFetched(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Fatal(err)
	}
	current, _, err := p.keys.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newer, started, err := p.keys.refetch(t.Context(), &keySet{})
	if err != nil || newer != current || started || tp.count(pathKeys) != 1 {
		t.Errorf("%v, %v, %d fetches", err, started, tp.count(pathKeys))
	}
}

// The administrator drops the keys between the look at them and the look for
// newer ones.
func TestRefetchAfterForgetFetches(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Fatal(err)
	}
	seen, _, err := p.keys.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Control: with the keys in place newer ones are fetched.
	newer, started, err := p.keys.refetch(t.Context(), seen)
	if err != nil || newer == nil || !started || tp.count(pathKeys) != 2 {
		t.Fatalf("control: %v, %v, %d fetches", err, started, tp.count(pathKeys))
	}
	p.Forget()
	newer, started, err = p.keys.refetch(t.Context(), newer)
	if err != nil || newer == nil || !started || tp.count(pathKeys) != 3 {
		t.Fatalf("%v, %v, %v, %d fetches", newer != nil, err, started, tp.count(pathKeys))
	}
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Error(err)
	}
}

func TestRediscoveryLifetimeZeroSetsNoLimit(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t, func(o *Options) { o.RediscoveryLifetime = 0 })
	for range 3 {
		if err := verify(t, p, tp, sign(t, jose.RS256, rsaKey(), "other", tp.claims(), nil)); !errors.Is(err, ErrUnknownKey) {
			t.Fatal(err)
		}
	}
	if got := tp.count(pathKeys); got != 3 {
		t.Errorf("%d fetches", got)
	}
}

func TestForeignTokensCauseNoFetch(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	claims := tp.claims()
	claims["iss"] = "https://other.test"
	if err := verify(t, p, tp, sign(t, jose.RS256, otherRSAKey(), "x", claims, nil)); !errors.Is(err, ErrIssuer) || tp.count(pathKeys) != 0 {
		t.Errorf("%v, %d fetches", err, tp.count(pathKeys))
	}
}

func TestKeyMisbehaviours(t *testing.T) {
	t.Parallel()
	all := append(misbehaviours(),
		misbehaviour{"no keys member", respond(200, "application/json", `{}`), "no list of keys"},
		misbehaviour{"keys that are an object", respond(200, "application/json", `{"keys":{}}`), "no list of keys"},
		misbehaviour{"a thousand keys", respond(200, "application/json", `{"keys":[`+strings.Repeat(`{},`, 1000)+`{}]}`), "too many keys"},
	)
	for _, m := range all {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			p := tp.relyingParty(t, impatient)
			tp.handle(pathKeys, m.answer)
			if err := verify(t, p, tp, idToken(t, tp.claims())); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), m.says) {
				t.Fatalf("error %v, want one that says %q", err, m.says)
			}
			tp.handle(pathKeys, nil)
			calls := tp.count(pathKeys)
			if err := verify(t, p, tp, idToken(t, tp.claims())); !errors.Is(err, ErrUnreachable) || tp.count(pathKeys) != calls {
				t.Errorf("asked again at once: %v", err)
			}
			tp.clock.advance(5 * time.Second)
			if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
				t.Fatalf("no recovery: %v", err)
			}
			// Down later: the last good keys serve, an unknown kid is not
			// mistaken for a forgery, a bad signature is.
			tp.handle(pathKeys, m.answer)
			tp.clock.advance(2 * time.Hour)
			if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
				t.Errorf("lost the last good keys: %v", err)
			}
			if err := verify(t, p, tp, sign(t, jose.RS256, rsaKey(), "newer", tp.claims(), nil)); !errors.Is(err, ErrUnreachable) {
				t.Errorf("unknown kid: %v", err)
			}
			if err := verify(t, p, tp, sign(t, jose.RS256, otherRSAKey(), "rsa", tp.claims(), nil)); !errors.Is(err, ErrSignature) {
				t.Errorf("bad signature: %v", err)
			}
		})
	}
}

func TestMovedKeySet(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Fatal(err)
	}
	tp.clock.advance(time.Minute)
	tp.set("jwks_uri", tp.server.URL+"/moved")
	tp.handle(pathKeys, http.NotFound)
	tp.handle("/moved", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, `{"keys":[`+string(must(publicKey("new", "", &otherRSAKey().PublicKey).MarshalJSON()))+`]}`)
	})
	if err := verify(t, p, tp, sign(t, jose.RS256, otherRSAKey(), "new", tp.claims(), nil)); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestExtraKeySets(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t, func(o *Options) { o.ExtraJWKSURIs = []string{tp.server.URL + "/extra"} })
	tp.handle("/extra", cutConnection)
	foreign := sign(t, jose.RS256, otherRSAKey(), "extra", tp.claims(), nil)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Fatalf("an extra set that is down: %v", err)
	}
	if err := verify(t, p, tp, foreign); !errors.Is(err, ErrUnknownKey) {
		t.Fatalf("error %v", err)
	}
	extra := `{"keys":[` + string(must(publicKey("extra", "", &otherRSAKey().PublicKey).MarshalJSON())) + `]}`
	tp.handle("/extra", respond(200, "application/json", extra))
	tp.clock.advance(time.Minute)
	if err := verify(t, p, tp, foreign); err != nil {
		t.Fatalf("a key of the extra set: %v", err)
	}
	tp.handle("/extra", cutConnection)
	tp.clock.advance(2 * time.Hour)
	foreign = sign(t, jose.RS256, otherRSAKey(), "extra", tp.claims(), nil)
	if err := verify(t, p, tp, foreign); err != nil {
		t.Errorf("the last good keys of the extra set are lost: %v", err)
	}
}

func TestKeyChoice(t *testing.T) {
	t.Parallel()
	junk := []string{
		`{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","use":"sig"}`,
		`{"kty":"XX","kid":"rsa"}`, `{}`, `7`, `{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"rsa"}`,
		`{"kty":"oct","k":"c2VjcmV0","kid":"rsa","alg":"HS256"}`,
		`{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`,
	}
	encryption := publicKey("rsa", "RSA-OAEP", &rsaKey().PublicKey)
	encryption.Use = "enc"
	anyEncryption := encryption
	anyEncryption.Algorithm = ""
	named := func(kid, alg string) string {
		return string(must(publicKey(kid, alg, &rsaKey().PublicKey).MarshalJSON()))
	}
	other := func(kid string) string {
		return string(must(publicKey(kid, "", &otherRSAKey().PublicKey).MarshalJSON()))
	}
	small := string(must(publicKey("", "", &must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey).MarshalJSON()))
	broken := strings.Replace(named("rsa", ""), "{", `{"x5c":["AAAA"],`, 1)
	for _, tc := range []struct {
		name, kid string
		keys      []string
		want      error
	}{
		{"accepts the key of the kid", "rsa", []string{other("b"), named("rsa", "")}, nil},
		{"accepts the second key of one kid", "rsa", []string{other("rsa"), named("rsa", "")}, nil},
		{"accepts without kid the only key", "", []string{named("", "")}, nil},
		{"accepts without kid any of several keys", "", []string{other(""), other(""), named("", "")}, nil},
		{"accepts without kid a key that has one", "", []string{other("a"), named("b", "")}, nil},
		{"accepts with kid a key that has none", "rsa", []string{named("", "")}, nil},
		{"accepts beside keys that cannot be used", "rsa", append(junk, named("rsa", "")), nil},
		{"accepts beside a broken certificate", "rsa", []string{broken}, nil},
		{"accepts a key of the same alg", "rsa", []string{named("rsa", "RS256")}, nil},
		{"refuses a key of another alg", "rsa", []string{named("rsa", "RS512")}, ErrUnknownKey},
		{"refuses a key for encryption", "rsa", []string{string(must(encryption.MarshalJSON()))}, ErrUnknownKey},
		{"refuses a key for encryption without alg", "rsa", []string{string(must(anyEncryption.MarshalJSON()))}, ErrUnknownKey},
		{"refuses a key with other key_ops", "rsa", []string{strings.Replace(named("rsa", ""), "{", `{"key_ops":["encrypt"],`, 1)}, ErrUnknownKey},
		{"refuses a key with private parts", "rsa", []string{strings.Replace(named("rsa", ""), "{", `{"d":"AAAA",`, 1)}, ErrUnknownKey},
		{"refuses a small rsa key", "", []string{small}, ErrUnknownKey},
		{"refuses the key of another kid", "rsa", []string{named("b", "")}, ErrUnknownKey},
		{"refuses where there are no keys", "rsa", nil, ErrUnknownKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.handle(pathKeys, respond(200, "application/jwk-set+json; charset=utf-8", `{"keys":[`+strings.Join(tc.keys, ",")+`]}`))
			got, err := tp.relyingParty(t).VerifyIDToken(t.Context(), sign(t, jose.RS256, rsaKey(), tc.kid, tp.claims(), nil), tp.check())
			assertVerdict(t, got, err, tc.want)
		})
	}
}

// TestExtraKeySetAtAnAddressOfTheIssuer: what is found at one address is told
// apart by what it is asked for.
func TestExtraKeySetAtAnAddressOfTheIssuer(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"its key set": pathKeys, "its document": pathDocument} {
		tp := newTestProvider(t)
		p := tp.relyingParty(t, func(o *Options) { o.ExtraJWKSURIs = []string{tp.server.URL + path} })
		for range 2 {
			if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := verify(t, p, tp, sign(t, jose.RS256, otherRSAKey(), "extra", tp.claims(), nil)); err == nil {
				t.Errorf("%s: a foreign key counts", name)
			}
			if md, err := p.Metadata(t.Context()); err != nil || md.TokenEndpoint == "" {
				t.Errorf("%s: the document is lost: %v", name, err)
			}
			tp.clock.advance(2 * time.Hour) // everything is fetched again
		}
	}
}
