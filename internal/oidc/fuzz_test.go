package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

// jsonSeeds are documents on which JSON readers tend to stumble.
func jsonSeeds(f *testing.F, more ...string) {
	f.Helper()
	for _, s := range append(more, "", "{}", "[]", "null", "0", `"x"`, `{"a":`, `{}{}`, `{"a":1,"a":2}`, `{"a":"\ud800"}`,
		strings.Repeat("[", 100), `{"x":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`, "{\"a\":\"\xff\"}", `{"exp":1e999}`, `{"\u0000":1}`) {
		f.Add([]byte(s))
	}
}

func FuzzDecodeObject(f *testing.F) {
	jsonSeeds(f, `{"a":{"b":[1,2,{"c":null}]}}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := decodeObject(data)
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var reference map[string]any
		wrong := d.Decode(&reference)
		if _, rest := d.Token(); wrong == nil && !errors.Is(rest, io.EOF) {
			wrong = errJSONSyntax
		}
		switch {
		case errors.Is(err, errJSONSyntax) && wrong == nil:
			t.Error("refused what encoding/json accepts")
		case err == nil && wrong != nil:
			t.Errorf("accepted what encoding/json refuses: %v", wrong)
		case err == nil && !reflect.DeepEqual(reference, object):
			t.Errorf("read %v, encoding/json reads %v", object, reference)
		}
	})
}

func FuzzDiscoveryDocument(f *testing.F) {
	jsonSeeds(f, `{"issuer":"https://a.test","token_endpoint":"https://a.test/t","code_challenge_methods_supported":["S256"]}`,
		`{"issuer":"https://a.test","authorization_endpoint":"//a"}`, `{"issuer":1}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := decodeObject(data)
		if err != nil {
			return
		}
		md, err := parseMetadata(data, object, "https://a.test", Endpoints{})
		if err != nil {
			return
		}
		if md.Issuer == "" {
			t.Error("no issuer")
		}
		for _, u := range []string{md.AuthorizationEndpoint, md.TokenEndpoint, md.UserInfoEndpoint, md.JWKSURI, md.EndSessionEndpoint} {
			if u != "" && !strings.HasPrefix(strings.ToLower(u), "http") {
				t.Errorf("endpoint %q", u)
			}
		}
		if md.AuthorizationEndpoint != "" {
			address, err := urlOf(AuthorizationRequest{ClientID: "c", State: "the-state"}, md)
			if err != nil || strings.Count(address, "state=the-state") < 1 {
				t.Errorf("%s, %v", address, err)
			}
		}
	})
}

func FuzzJWKS(f *testing.F) {
	jsonSeeds(f, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[null,1,{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`,
		string(must(json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{publicKey("a", "", &rsaKey().PublicKey), publicKey("b", "", edKey().Public())}}))))
	token := &jws{raw: "e30.e30.AAAA", algorithm: must1(knownAlgorithm("RS256")), kid: "a"}
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := decodeObject(data)
		if err != nil {
			return
		}
		keys, err := parseKeySet(object)
		if err != nil {
			return
		}
		if (&keySet{keys: keys}).verify(token) == nil {
			t.Error("a nonsense signature verifies")
		}
	})
}

func must1(a algorithm, ok bool) algorithm {
	if !ok {
		panic("unknown algorithm")
	}
	return a
}

func FuzzTokenResponse(f *testing.F) {
	jsonSeeds(f, `{"access_token":"a","token_type":"Bearer","expires_in":3600,"id_token":"a.b.c"}`,
		`{"access_token":"a","expires_in":"-1"}`, `{"error":"invalid_grant","error_description":"x"}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, status := range []int{200, 400} {
			got, err := readTokenAnswer(&answer{status: status, header: http.Header{}, body: data}, []string{"planted-secret"})
			if (got == nil) == (err == nil) {
				t.Fatalf("%v and %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "planted-secret") {
				t.Error("the error holds a secret")
			}
			if err != nil && (len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\r\n\x00")) {
				t.Errorf("error %q", err)
			}
			if got != nil && (got.AccessToken.Empty() || strings.ContainsAny(got.AccessToken.Reveal(), "\r\n")) {
				t.Error("a token that is none")
			}
			if got != nil {
				got.ExpiresAt(time.Hour)
			}
		}
	})
}

func FuzzIDToken(f *testing.F) {
	tp := newTestProvider(f)
	p := tp.relyingParty(f)
	if _, err := p.VerifyIDToken(f.Context(), idToken(f, tp.claims()), tp.check()); err != nil {
		f.Fatal(err)
	}
	good := idToken(f, tp.claims()).Reveal()
	claims := string(must(json.Marshal(tp.claims())))
	for _, s := range []string{
		good, "", ".", "..", "...", "a.b.c", good + ".", "." + good, good[:len(good)-1],
		assemble(`{"alg":"none"}`, claims, "").Reveal(), assemble(`{"alg":"RS256","crit":["b64"],"b64":false}`, claims, "x").Reveal(),
		assemble(`{"alg":"ES256","kid":"ec"}`, claims, strings.Repeat("\x00", 64)).Reveal(), assemble(`{"alg":"RS256","jwk":{}}`, claims, "x").Reveal(),
		sign(f, jose.HS256, []byte(longSecret), "rsa", tp.claims(), nil).Reveal(),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := p.VerifyIDToken(t.Context(), secret.New(text), tp.check())
		if (got == nil) == (err == nil) {
			t.Fatalf("%v and %v", got, err)
		}
		// RSA signatures of one key are unique: nothing but the good token, or
		// the same bytes in another base64 spelling, may pass.
		if err == nil && text[:len(text)-1] != good[:len(good)-1] {
			t.Errorf("a forgery passed: %q", text)
		}
		if err != nil && len(text) > 20 && strings.Contains(err.Error(), text) {
			t.Error("the error holds the token")
		}
	})
}

func FuzzIssuer(f *testing.F) {
	for _, s := range []string{"https://idp.test", "https://idp.test/a/", "https://idp.test/.well-known/openid-configuration", "http://[::1]:80/x", "//x", "https://a@b", "https://x/%2f..", "https://x?y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseIssuer(text)
		if err != nil {
			return
		}
		for _, document := range got.documents {
			if _, err := absoluteURL(document); err != nil {
				t.Errorf("document %q of %q", document, text)
			}
		}
	})
}
