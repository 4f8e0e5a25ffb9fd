package practiceidp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
)

const longSecret = "a secret that is long enough for HMAC with SHA-256"

var clientKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)

// signed is a JWT of a client.
func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "k"))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func assertingParty(t *testing.T, methods ...string) *party {
	t.Helper()
	return newParty(t, func(o *practiceidp.Options) {
		o.AutoLogin = "ann"
		c := &o.Clients[0]
		c.Secret, c.AuthMethods = longSecret, methods
		c.Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: clientKey.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}}
	})
}

// TestClientAssertions: the honest one is taken, once, and everything else
// refused: a relying party that gets it wrong must notice.
func TestClientAssertions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change map[string]any // nil members are left out
		alg    jose.SignatureAlgorithm
		key    any
		form   url.Values
		ok     bool
	}{
		"by key":                    {nil, jose.ES256, clientKey, nil, true},
		"by secret":                 {nil, jose.HS256, []byte(longSecret), nil, true},
		"for the issuer":            {map[string]any{"aud": "issuer"}, jose.ES256, clientKey, nil, true},
		"by another secret":         {nil, jose.HS256, []byte("x" + longSecret), nil, false},
		"for somebody else":         {map[string]any{"aud": "https://evil.test"}, jose.ES256, clientKey, nil, false},
		"for several":               {map[string]any{"aud": []string{"issuer"}}, jose.ES256, clientKey, nil, false},
		"expired":                   {map[string]any{"exp": 1}, jose.ES256, clientKey, nil, false},
		"without end":               {map[string]any{"exp": nil}, jose.ES256, clientKey, nil, false},
		"without iat":               {map[string]any{"iat": nil}, jose.ES256, clientKey, nil, false},
		"without jti":               {map[string]any{"jti": nil}, jose.ES256, clientKey, nil, false},
		"of another issuer":         {map[string]any{"iss": "x"}, jose.ES256, clientKey, nil, false},
		"of another subject":        {map[string]any{"sub": "public"}, jose.ES256, clientKey, nil, false},
		"beside a secret":           {nil, jose.ES256, clientKey, url.Values{"client_secret": {longSecret}}, false},
		"beside another client_id":  {nil, jose.ES256, clientKey, url.Values{"client_id": {"public"}}, false},
		"of another assertion type": {nil, jose.ES256, clientKey, url.Values{"client_assertion_type": {"saml"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rp := assertingParty(t, "client_secret_jwt", "private_key_jwt")
			claims := map[string]any{
				"iss": clientID, "sub": clientID, "aud": rp.idp.URL("token"), "jti": rand.Text(),
				"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
			}
			maps.Copy(claims, c.change)
			for name, value := range claims {
				if value == nil {
					delete(claims, name)
				}
			}
			if claims["aud"] == "issuer" {
				claims["aud"] = rp.idp.Issuer()
			}
			form := redemption(rp.code())
			form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			form.Set("client_assertion", signed(t, c.alg, c.key, claims))
			maps.Copy(form, c.form)
			a := rp.post(rp.idp.URL("token"), form)
			if (a.StatusCode == http.StatusOK) != c.ok {
				t.Errorf("status %d: %s", a.StatusCode, a.text)
			}
			form.Set("code", rp.code())
			if again := rp.post(rp.idp.URL("token"), form); again.StatusCode == http.StatusOK {
				t.Error("the same assertion is taken twice")
			}
		})
	}
	rp := assertingParty(t, "client_secret_basic")
	form := redemption(rp.code())
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", "a.b.c")
	if a := rp.post(rp.idp.URL("token"), form); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("garbage: %d", a.StatusCode)
	}
}

// TestPushedAndSignedRequests: what is pushed or signed counts, once, and
// nothing beside it.
func TestPushedAndSignedRequests(t *testing.T) {
	t.Parallel()
	rp := newParty(t, func(o *practiceidp.Options) {
		o.AutoLogin = "ann"
		o.Clients[0].RequirePushed, o.Clients[0].RequireSigned = true, true
		o.Clients[0].Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: clientKey.Public(), KeyID: "k"}}}
	})
	object := func(change map[string]any) string {
		claims := map[string]any{"iss": clientID, "aud": rp.idp.Issuer(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		for name, values := range request() {
			claims[name] = values[0]
		}
		maps.Copy(claims, change)
		return signed(t, jose.ES256, clientKey, claims)
	}
	push := func(form url.Values) answer {
		return rp.must(rp.do(t.Context(), http.MethodPost, rp.idp.URL("par"), form, basic()))
	}
	a := push(url.Values{"client_id": {clientID}, "request": {object(nil)}})
	reference, _ := a.json()["request_uri"].(string)
	if a.StatusCode != http.StatusCreated || reference == "" {
		t.Fatalf("%d %s", a.StatusCode, a.text)
	}
	carried := url.Values{"client_id": {clientID}, "request_uri": {reference}, "state": {"evil"}}
	if back := rp.get(rp.idp.URL("authorize") + "?" + carried.Encode()).location(); back.Get("code") == "" || back.Get("state") != "st&ate" {
		t.Errorf("got %v", back)
	}
	if again := rp.get(rp.idp.URL("authorize") + "?" + carried.Encode()); again.StatusCode != http.StatusBadRequest {
		t.Errorf("the reference is good twice: %d", again.StatusCode)
	}
	for name, form := range map[string]url.Values{
		"not pushed": request(), "signed but not pushed": {"client_id": {clientID}, "request": {object(nil)}},
	} {
		if a := rp.get(rp.idp.URL("authorize") + "?" + form.Encode()); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	for name, change := range map[string]map[string]any{
		"another issuer": {"iss": "x"}, "another audience": {"aud": "x"}, "a subject": {"sub": clientID}, "expired": {"exp": 1},
		"another client": {"client_id": "public"}, "not yet": {"nbf": time.Now().Add(time.Hour).Unix(), "exp": time.Now().Add(2 * time.Hour).Unix()},
		"another redirect URI": {"redirect_uri": "https://evil.test"},
	} {
		if a := push(url.Values{"client_id": {clientID}, "request": {object(change)}}); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.text)
		}
	}
	if a := rp.post(rp.idp.URL("par"), request()); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("without client authentication: %d", a.StatusCode)
	}
}

func TestSignedResponses(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	for _, mode := range []string{"jwt", "query.jwt", "form_post.jwt"} {
		a := rp.authorize("response_mode", mode)
		form := a.location()
		if mode == "form_post.jwt" {
			_, form = pageForm(a)
		}
		claims, ok := rp.verified(form.Get("response"))
		if !ok || len(form) != 1 || claims["state"] != "st&ate" || claims["iss"] != rp.idp.Issuer() || claims["aud"] != clientID || claims["code"] == "" {
			t.Errorf("%s: %v %v", mode, form, claims)
		}
	}
	for name, about := range practiceidp.Misbehaviours() {
		if !strings.HasPrefix(name, "jarm-") || strings.HasSuffix(about, "(to be accepted)") {
			continue
		}
		rp.idp.Misbehave(name)
		response := rp.authorize("response_mode", "jwt").location().Get("response")
		claims, ok := rp.verified(response)
		right := ok && claims["state"] == "st&ate" && claims["iss"] == rp.idp.Issuer() && claims["aud"] == clientID && claims["code"] != 7.0
		if exp, _ := claims["exp"].(float64); right && exp > float64(time.Now().Unix()) {
			t.Errorf("%s (%s) changes nothing", name, about)
		}
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	rp := autoParty(t)
	tokens := rp.login()
	access, _ := tokens["access_token"].(string)
	refresh, _ := tokens["refresh_token"].(string)
	revoke := func(token, hint string) int {
		form := url.Values{"token": {token}, "token_type_hint": {hint}}
		return rp.must(rp.do(t.Context(), http.MethodPost, rp.idp.URL("revoke"), form, basic())).StatusCode
	}
	if status := revoke(access, "access_token"); status != http.StatusOK || rp.idp.Calls("revoke access_token") != 1 {
		t.Errorf("status %d", status)
	}
	if a := rp.must(rp.do(t.Context(), http.MethodGet, rp.idp.URL("userinfo"), nil, http.Header{"Authorization": {"Bearer " + access}})); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("the revoked access token: %d", a.StatusCode)
	}
	a := rp.refresh(refresh)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("the refresh token is still good: %d", a.StatusCode)
	}
	refresh, _ = a.json()["refresh_token"].(string)
	if status := revoke(refresh, "refresh_token"); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if a := rp.refresh(refresh); a.StatusCode != http.StatusBadRequest {
		t.Errorf("the revoked refresh token: %d", a.StatusCode)
	}
	if a := rp.post(rp.idp.URL("revoke"), url.Values{"token": {refresh}}); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("without client authentication: %d", a.StatusCode)
	}
	if seen := rp.idp.Seen("revoke"); seen.Form.Get("token") != refresh || seen.Proto != "HTTP/1.1" {
		t.Errorf("%+v", seen)
	}
}
