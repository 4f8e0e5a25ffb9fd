package openidconnect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

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
