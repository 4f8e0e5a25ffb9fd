package openidconnect_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
)

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("password"), map[string]any{"scopes": []any{"openid", "email"}})})
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	basic := basicAuth(userName, "lovelace")
	for name, a := range map[string]answer{
		"Basic": r.call(http.MethodGet, "/", "", "Authorization", basic),
		"query": r.call(http.MethodGet, "/?username=ada&password=lovelace&x=1", ""),
		"form":  r.call(http.MethodPost, "/", "username=ada&password=lovelace&x=1", form...),
		"json":  r.call(http.MethodPost, "/", `{"username":"ada","password":"lovelace","x":1}`, "Content-Type", "application/json"),
	} {
		s := r.admitted(a)
		if !strings.HasPrefix(s.header("Authorization"), "Bearer ") || strings.Contains(a.body, "lovelace") || strings.Contains(a.body, `"username"`) {
			t.Errorf("%s: the upstream got %s", name, a.body)
		}
	}
	if n := r.idp.Calls("password"); n != 1 {
		t.Errorf("%d token requests for one user", n)
	}
	hits := r.echo.Hits()
	for name, header := range map[string]string{
		"a wrong password": basicAuth(userName, "wrong"),
		"nobody":           basicAuth("nobody", "lovelace"),
		"no name":          basicAuth("", "lovelace"),
		"no colon":         "Basic YWRh",
		"no base64":        "Basic ada:lovelace",
		"a long name":      basicAuth(strings.Repeat("a", 5000), "x"),
		"a NUL":            basicAuth("ada\x00", "lovelace"),
	} {
		a := r.call(http.MethodGet, "/", "", "Authorization", header)
		r.refused(a, http.StatusUnauthorized, hits)
		if a.location() != "" || strings.Contains(a.header.Get("WWW-Authenticate"), "error") {
			t.Errorf("%s: %v", name, a.header)
		}
	}
	// One wrong password is one request, for a while.
	before := r.idp.Calls("password")
	for range 4 {
		r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "wrong again"))
	}
	if n := r.idp.Calls("password") - before; n != 1 {
		t.Errorf("%d requests for one wrong password", n)
	}
	r.change(map[string]any{"password_param_type": []any{"query"}})
	r.refused(r.call(http.MethodGet, "/", "", "Authorization", basic), http.StatusUnauthorized, hits)
	if strings.Contains(r.log.String(), "lovelace") || strings.Contains(r.log.String(), "wrong again") {
		t.Error("a password stands in the log")
	}
}

// TestGrantedTokensAreRenewedInTime: a cached answer ends with its token.
func TestGrantedTokensAreRenewedInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: with(apiConfig("password"), map[string]any{"leeway": 10}),
		idp:    func(o *practiceidp.Options) { o.AccessTokenTTL = 100 * time.Second },
	})
	basic := basicAuth(userName, "lovelace")
	first := r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basic)).header("Authorization")
	r.clock.advance(85 * time.Second)
	if again := r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basic)).header("Authorization"); again != first {
		t.Error("another token before its time")
	}
	r.clock.advance(6 * time.Second) // leeway before its end
	if again := r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basic)).header("Authorization"); again == first || r.idp.Calls("password") != 2 {
		t.Error("a token at its end is used")
	}
	// Keys that changed: the cached token is given up and another one fetched.
	r.change(map[string]any{"cache_ttl": 20})
	r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basic))
	if err := r.idp.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	r.clock.advance(21 * time.Second)
	r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basic))
}

func TestClientCredentialsGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("client_credentials", "authorization_code"), map[string]any{"scopes": []any{"read"}, "scopes_required": []any{"read"}})})
	basic := basicAuth(clientID, clientSecret)
	s := r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basic))
	claims := payload(t, strings.TrimPrefix(s.header("Authorization"), "Bearer "))
	if claims["sub"] != clientID || claims["scope"] != "read" {
		t.Errorf("claims %v", claims)
	}
	target := "/?client_id=" + clientID + "&client_secret=" + url.QueryEscape(clientSecret)
	a := r.call(http.MethodGet, target, "")
	if r.admitted(a); strings.Contains(a.body, "planted") {
		t.Errorf("the secret went on: %s", a.body)
	}
	if n := r.idp.Calls("client_credentials"); n != 1 {
		t.Errorf("%d token requests", n)
	}
	hits := r.echo.Hits()
	for name, header := range map[string]string{
		"a wrong secret":    basicAuth(clientID, "wrong"),
		"an unknown client": basicAuth("nobody", "x"),
		"no secret":         basicAuth(clientID, ""),
	} {
		a := r.call(http.MethodGet, "/", "", "Authorization", header, "Accept", "text/html")
		if r.refused(a, http.StatusUnauthorized, hits); a.location() != "" {
			t.Errorf("%s: sent to %s", name, a.location())
		}
	}
}

// TestOneBasicHeaderMayMeanEither: password wins, and a client is tried next.
func TestOneBasicHeaderMayMeanEither(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("password", "client_credentials")})
	sub := func(name, password string) any {
		s := r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basicAuth(name, password)))
		return payload(t, strings.TrimPrefix(s.header("Authorization"), "Bearer "))["sub"]
	}
	if got := sub(userName, "lovelace"); got != userName {
		t.Errorf("sub %v", got)
	}
	if r.idp.Calls("client_credentials") != 0 {
		t.Error("a user is tried as a client")
	}
	if got := sub(clientID, clientSecret); got != clientID {
		t.Errorf("sub %v", got)
	}
	r.refused(r.call(http.MethodGet, "/", "", "Authorization", basicAuth("x", "y")), http.StatusUnauthorized, 2)
}

func TestRefreshTokenGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("refresh_token"), map[string]any{"refresh_token_param_name": "refresh_token"})})
	_, _, refresh := r.tokens()
	s := r.admitted(r.call(http.MethodGet, "/", "", "Refresh-Token", "Bearer "+refresh))
	if s.header("Refresh-Token") != "" || !strings.HasPrefix(s.header("Authorization"), "Bearer ") {
		t.Errorf("the upstream got %v", s.Headers)
	}
	// Rotated at the IdP: only the cache lets the client use it again.
	r.admitted(r.call(http.MethodGet, "/?refresh_token="+refresh, ""))
	if n := r.idp.Calls("refresh"); n != 1 {
		t.Errorf("%d token requests", n)
	}
	hits := r.echo.Hits()
	r.refused(r.call(http.MethodGet, "/", "", "Refresh-Token", "garbage"), http.StatusUnauthorized, hits)
	r.refused(r.call(http.MethodGet, "/", "", "Refresh-Token", "a b"), http.StatusUnauthorized, hits)
	r.change(map[string]any{"refresh_token_param_name": nil})
	r.refused(r.call(http.MethodGet, "/", "", "Refresh-Token", refresh), http.StatusUnauthorized, hits)
}

// TestTokenEndpointFailures: what is the gateway's own fault, or the IdP's, is no
// 401.
func TestTokenEndpointFailures(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("password"), map[string]any{"cache_tokens": false, "unexpected_redirect_uri": []any{"https://app.test/500"}})})
	p := r.tapped("token")
	oauth := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error":"` + code + `"}`))
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   int
	}{
		{"tokens", nil, 200},
		{"invalid_grant", oauth(400, "invalid_grant"), 401},
		{"invalid_client is ours", oauth(401, "invalid_client"), 500},
		{"unsupported_grant_type", oauth(400, "unsupported_grant_type"), 500},
		{"temporarily_unavailable", oauth(400, "temporarily_unavailable"), 503},
		{"status 500", failing, 503},
		{"garbage", say("x"), 503},
		{"expired on arrival", say(`{"access_token":"x","token_type":"Bearer","expires_in":0}`), 401},
		{"expires_in negative", say(`{"access_token":"x","token_type":"Bearer","expires_in":-1}`), 401},
		{"an opaque token", say(`{"access_token":"x","token_type":"Bearer","expires_in":60}`), 200},
		{"a JWT that does not verify", say(`{"access_token":"eyJhbGciOiJub25lIn0.e30.","token_type":"Bearer"}`), 401},
		{"an ID token that does not verify", say(`{"access_token":"x","id_token":"eyJhbGciOiJub25lIn0.e30.","token_type":"Bearer","expires_in":60}`), 401},
	} {
		p.respond(tt.answer)
		a := r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace"))
		if a.status != tt.want || a.location() != "" {
			t.Errorf("%s: got %d to %q, want %d: %s", tt.name, a.status, a.location(), tt.want, a.body)
		}
	}
}

// TestSessionOfAPasswordIsRefreshed: a session keeps the refresh token of the
// grant that began it.
func TestSessionOfAPasswordIsRefreshed(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: apiConfig("password", "session"),
		idp:    func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute },
	})
	a := r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace"))
	first := r.admitted(a).header("Authorization")
	cookie := (&http.Response{Header: a.header}).Cookies()[0]
	r.clock.advance(2 * time.Minute)
	again := r.admitted(r.call(http.MethodGet, "/", "", "Cookie", cookie.Name+"="+cookie.Value)).header("Authorization")
	if again == first || r.idp.Calls("refresh") != 1 || r.idp.Calls("password") != 1 {
		t.Errorf("%d refreshes", r.idp.Calls("refresh"))
	}
}

// TestClientAssertionOfTheCaller: a client of its own brings an assertion in
// place of a secret, which the IdP sees each time and the upstream never.
func TestClientAssertionOfTheCaller(t *testing.T) {
	t.Parallel()
	key, err := clientRSA()
	_, public := clientJWK(t, key, err, nil)
	r := newRig(t, rigOptions{
		tls: true, certificates: certificates(t),
		config: with(apiConfig("client_credentials"), map[string]any{
			"ssl_verify": false, "client_auth": []any{"tls_client_auth"}, "tls_client_auth_cert_id": certificateID,
		}),
		idp: func(o *practiceidp.Options) {
			o.Clients = append(o.Clients, practiceidp.Client{
				ID: "caller", Secret: "unused", AuthMethods: []string{"private_key_jwt"}, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}},
				RedirectURIs: o.Clients[0].RedirectURIs,
			})
		},
	})
	number := 0
	assertion := func(by any) string {
		number++
		return signedBy(t, by, map[string]any{
			"iss": "caller", "sub": "caller", "aud": r.idp.URL("token"), "jti": fmt.Sprint("j", number),
			"iat": r.clock.now().Unix(), "exp": r.clock.now().Add(time.Minute).Unix(),
		})
	}
	const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	first := url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {assertion(key)}, "client_id": {"caller"}, "x": {"1"}}.Encode()
	for name, a := range map[string]answer{
		"form":  r.call(http.MethodPost, "/", first, form...),
		"query": r.call(http.MethodGet, "/?x=1&"+url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {assertion(key)}}.Encode(), ""),
	} {
		s := r.admitted(a)
		if claims := payload(t, strings.TrimPrefix(s.header("Authorization"), "Bearer ")); claims["sub"] != "caller" {
			t.Errorf("%s: claims %v", name, claims)
		}
		if strings.Contains(a.body, "client_assertion") || strings.Contains(a.body, "client_id") || !strings.Contains(a.body, `"x":"1"`) && !strings.Contains(a.body, `"x": "1"`) {
			t.Errorf("%s: the upstream got %s", name, a.body)
		}
	}
	if seen := r.idp.Seen("token"); seen.Certificate != "" || seen.Header.Get("Authorization") != "" || seen.Form.Has("client_id") || seen.Form.Has("client_secret") {
		t.Errorf("something besides the assertion was shown: %+v", seen)
	}
	// It counts once: the IdP is asked again and refuses what it has seen.
	hits := r.echo.Hits()
	r.refused(r.call(http.MethodPost, "/", first, form...), http.StatusUnauthorized, hits)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range map[string]url.Values{
		"another key":        {"client_assertion_type": {jwtBearer}, "client_assertion": {assertion(other)}},
		"another type":       {"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "client_assertion": {assertion(key)}},
		"twice":              {"client_assertion_type": {jwtBearer}, "client_assertion": {assertion(key), assertion(key)}},
		"without its type":   {"client_assertion": {assertion(key)}},
		"no word":            {"client_assertion_type": {jwtBearer}, "client_assertion": {"a b"}},
		"the gateway's name": {"client_id": {clientID}, "client_secret": {"guessed"}}, // its certificate is not shown for that
	} {
		a := r.call(http.MethodPost, "/", values.Encode(), form...)
		if a.status != http.StatusUnauthorized || r.echo.Hits() != hits {
			t.Errorf("%s: got %d", name, a.status)
		}
	}
	r.change(map[string]any{"client_credentials_param_type": []any{"query"}})
	again := url.Values{"client_assertion_type": {jwtBearer}, "client_assertion": {assertion(key)}}.Encode()
	r.refused(r.call(http.MethodPost, "/", again, form...), http.StatusUnauthorized, hits)
}

// TestCertificateOfTheGatewayIsItsOwn: where the IdP knows clients by their
// certificates alone, a caller cannot become the gateway's client by its name.
func TestCertificateOfTheGatewayIsItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		tls: true, certificates: certificates(t),
		config: with(apiConfig("client_credentials"), map[string]any{
			"ssl_verify": false, "tls_client_auth_ssl_verify": false, "tls_client_auth_cert_id": certificateID,
		}),
		idp: func(o *practiceidp.Options) {
			o.AuthMethods = []string{"tls_client_auth"}
			o.Clients[0].AuthMethods, o.Clients[0].SubjectDN = []string{"tls_client_auth"}, "CN=the gateway"
		},
	})
	a := r.call(http.MethodGet, "/", "", "Authorization", basicAuth(clientID, "guessed"))
	if a.status < 400 || r.echo.Hits() != 0 || r.idp.Calls("token") != 0 {
		t.Errorf("got %d, %d token requests", a.status, r.idp.Calls("token"))
	}
}
