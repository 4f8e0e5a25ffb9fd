package openidconnect_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
	"sallyport/internal/practiceidp/idptest"
)

// TestBearerTokenLocations: a token is found in every place that is configured,
// in no other, and the upstream sees it only where the configuration says.
func TestBearerTokenLocations(t *testing.T) {
	t.Parallel()
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, tt := range []struct {
		name   string
		config map[string]any
		send   func(r *rig, token string) answer
		want   int
	}{
		{"Authorization", nil, func(r *rig, token string) answer { return r.bearer(token) }, 200},
		{"the scheme in any case", nil, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/", "", "Authorization", "bEARER "+token)
		}, 200},
		{"Access-Token", nil, func(r *rig, token string) answer { return r.call(http.MethodGet, "/", "", "Access-Token", token) }, 200},
		{"X-Access-Token with a prefix", nil, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/", "", "X-Access-Token", "Bearer "+token)
		}, 200},
		{"query", nil, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/?x=1&access_token="+token+"&y=%20", "")
		}, 200},
		{"form", nil, func(r *rig, token string) answer {
			return r.call(http.MethodPost, "/", "a=1&access_token="+token, form...)
		}, 200},
		{"json", nil, func(r *rig, token string) answer {
			return r.call(http.MethodPost, "/", `{"a":1,"access_token":"`+token+`"}`, "Content-Type", "application/json")
		}, 200},
		{"json null", nil, func(r *rig, _ string) answer {
			return r.call(http.MethodPost, "/", `{"access_token":null}`, "Content-Type", "application/json")
		}, 401},
		{"multipart is not looked into", nil, func(r *rig, token string) answer {
			return r.call(http.MethodPost, "/", "--b\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n"+token+"\r\n--b--\r\n",
				"Content-Type", "multipart/form-data; boundary=b")
		}, 401},
		{
			"cookie, where it is configured",
			map[string]any{"bearer_token_param_type": []any{"cookie"}, "bearer_token_cookie_name": "tok"},
			func(r *rig, token string) answer {
				return r.call(http.MethodGet, "/", "", "Cookie", "a=1; tok="+token+"; b=2")
			}, 200,
		},
		{"cookie, where it is not", nil, func(r *rig, token string) answer { return r.call(http.MethodGet, "/", "", "Cookie", "tok="+token) }, 401},
		{
			"two cookies of that name",
			map[string]any{"bearer_token_param_type": []any{"cookie"}, "bearer_token_cookie_name": "tok"},
			func(r *rig, token string) answer {
				return r.call(http.MethodGet, "/", "", "Cookie", "tok=x; tok="+token)
			}, 401,
		},
		{"header, where only query counts", map[string]any{"bearer_token_param_type": []any{"query"}}, func(r *rig, token string) answer { return r.bearer(token) }, 401},
		{"query, where only header counts", map[string]any{"bearer_token_param_type": []any{"header"}}, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/?access_token="+token, "")
		}, 401},
		{"own header", map[string]any{"bearer_token_header_name": "x-tok"}, func(r *rig, token string) answer { return r.call(http.MethodGet, "/", "", "X-Tok", token) }, 200},
		{"a standard header beside an own one", map[string]any{"bearer_token_header_name": "x-tok"}, func(r *rig, token string) answer { return r.bearer(token) }, 401},
		{"two Authorization headers", nil, func(r *rig, token string) answer { return r.bearer(token, "Authorization", "Bearer x") }, 401},
		{"two query arguments", nil, func(r *rig, token string) answer {
			return r.call(http.MethodGet, "/?access_token="+token+"&access_token="+token, "")
		}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := with(apiConfig("bearer"), map[string]any{"upstream_access_token_header": "x-upstream-token"}, tt.config)
			r := newRig(t, rigOptions{config: config})
			token := r.accessToken()
			a := tt.send(r, token)
			if tt.want != http.StatusOK {
				r.refused(a, tt.want, 0)
				return
			}
			s := r.admitted(a)
			if s.header("X-Upstream-Token") != token {
				t.Errorf("the upstream got %v", s.Headers)
			}
			if rest := strings.Replace(a.body, token, "", 1); strings.Contains(rest, token) {
				t.Errorf("the credential went on to the upstream: %s", a.body)
			}
			if tt.name == "form" && !strings.Contains(a.body, `"a"`) {
				t.Errorf("the rest of the form is gone: %s", a.body)
			}
			r.change(map[string]any{"hide_credentials": false})
			a = tt.send(r, token)
			r.admitted(a)
			if !strings.Contains(strings.Replace(a.body, token, "", 1), token) {
				t.Errorf("with hide_credentials off the credential is hidden: %s", a.body)
			}
			if a := r.call(http.MethodGet, "/", ""); a.status != http.StatusUnauthorized {
				t.Errorf("without a credential: %d", a.status)
			}
		})
	}
}

// segment replaces a part of a JWT.
func segment(token string, i int, text string) string {
	parts := strings.Split(token, ".")
	parts[i] = base64.RawURLEncoding.EncodeToString([]byte(text))
	return strings.Join(parts, ".")
}

func payload(t testing.TB, token string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestBadBearerTokenGets401AndNeverARedirect, whatever else the configuration
// holds ready for visitors.
func TestBadBearerTokenGets401AndNeverARedirect(t *testing.T) {
	t.Parallel()
	config := with(apiConfig("bearer", "session", "authorization_code"), map[string]any{"unauthorized_redirect_uri": []any{"https://app.test/401"}})
	r := newRig(t, rigOptions{config: config})
	good := r.accessToken()
	other := idptest.Start(t, practiceidp.Options{ // of the same keys
		Clients: []practiceidp.Client{{ID: clientID, Secret: clientSecret}},
		Users:   []practiceidp.User{{Name: userName, Password: "lovelace"}}, Now: r.clock.now,
	})
	foreign := &rig{t: t, idp: other}
	claims := payload(t, good)
	claims["sub"] = "mallory"
	changed, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	const refusedHeader = `, error="invalid_token", error_description="The access token is not accepted"`
	for name, token := range map[string]string{
		"another payload":   segment(good, 1, string(changed)),
		"no signature":      good[:strings.LastIndex(good, ".")+1],
		"alg none":          segment(good[:strings.LastIndex(good, ".")+1], 0, `{"alg":"none"}`),
		"of another issuer": foreign.accessToken(),
		"opaque":            "opaque-token",
		"garbage":           "a.b.c",
		"of a megabyte":     strings.Repeat("a", 40<<10),
		"a JWE":             "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aaaa.bbbb.cccc",
		"not printable":     "a\tb",
	} {
		a := r.bearer(token, "Accept", "text/html", "Sec-Fetch-Mode", "navigate")
		r.refused(a, http.StatusUnauthorized, 0)
		realm := `Bearer realm="` + strings.TrimPrefix(r.idp.Issuer(), "http://") + `"`
		if a.location() != "" || a.header.Get("WWW-Authenticate") != realm+refusedHeader {
			t.Errorf("%s: Location %q, %q", name, a.location(), a.header.Get("WWW-Authenticate"))
		}
	}
	r.admitted(r.bearer(good))
	hits := r.echo.Hits()
	r.clock.advance(5 * time.Minute)
	a := r.bearer(good)
	r.refused(a, http.StatusUnauthorized, hits)
	if !strings.Contains(a.header.Get("WWW-Authenticate"), "The access token expired") {
		t.Errorf("%q", a.header.Get("WWW-Authenticate"))
	}
	// The positive control of the redirect: somebody without a credential.
	if a := r.call(http.MethodGet, "/", ""); a.status != http.StatusFound {
		t.Errorf("a visitor gets %d", a.status)
	}
}

func TestInsufficientScopeIs403(t *testing.T) {
	t.Parallel()
	config := with(apiConfig("bearer"), map[string]any{"scopes_required": []any{"admin write", "root"}, "forbidden_redirect_uri": []any{"https://app.test/403"}})
	r := newRig(t, rigOptions{config: config})
	token := r.accessToken()
	a := r.bearer(token)
	r.refused(a, http.StatusForbidden, 0)
	if got := a.header.Get("WWW-Authenticate"); !strings.HasSuffix(got, `, error="insufficient_scope", scope="admin write"`) || a.location() != "" {
		t.Errorf("%q to %q", got, a.location())
	}
	if !strings.Contains(a.body, `"message":"Forbidden"`) {
		t.Errorf("body %s", a.body)
	}
	r.change(map[string]any{"expose_error_code": false, "display_errors": true, "forbidden_error_message": "No way"})
	a = r.bearer(token)
	if got := a.header.Get("WWW-Authenticate"); strings.Contains(got, "error") || !strings.Contains(a.body, "No way (scopes_required: missing ") {
		t.Errorf("%q %s", got, a.body)
	}
	r.change(map[string]any{"scopes_required": []any{"openid email"}})
	r.admitted(r.bearer(token))
}

func TestNoCredentialsGetAChallengeWithoutAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer", "introspection", "userinfo", "password", "client_credentials", "refresh_token")})
	for _, pairs := range [][]string{nil, {"Authorization", ""}, {"Authorization", "Digest x"}, {"Authorization", "Bearer"}, {"Authorization", "Bearerx"}} {
		a := r.call(http.MethodGet, "/", "", pairs...)
		r.refused(a, http.StatusUnauthorized, 0)
		if got := a.header.Get("WWW-Authenticate"); strings.Contains(got, "error") || !strings.HasPrefix(got, "Bearer realm=") {
			t.Errorf("%v: %q", pairs, got)
		}
	}
}

// TestWithdrawnKeyStopsCounting: a token that was verified before is refused
// once its key is gone from the key set, at the latest when cache_ttl is over.
func TestWithdrawnKeyStopsCounting(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: with(apiConfig("bearer"), map[string]any{"cache_ttl": 60}),
		idp:    func(o *practiceidp.Options) { o.AccessTokenTTL = time.Hour },
	})
	token := r.accessToken()
	for range 3 {
		r.admitted(r.bearer(token))
	}
	if n := r.idp.Calls("jwks"); n != 1 {
		t.Errorf("%d fetches of keys", n)
	}
	r.clock.advance(61 * time.Second)
	r.admitted(r.bearer(token)) // fetched again, the same keys
	if err := r.idp.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	r.admitted(r.bearer(token)) // within the bound
	hits := r.echo.Hits()
	r.clock.advance(61 * time.Second)
	r.refused(r.bearer(token), http.StatusUnauthorized, hits)
	// A token of the new keys teaches the new keys, and the old ones stop at once.
	r.admitted(r.bearer(r.accessToken()))
}

// TestNewKeysEndWhatOldOnesVerified: keys that are fetched for another token
// count for tokens that were verified before.
func TestNewKeysEndWhatOldOnesVerified(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer"), idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Hour }})
	old := r.accessToken()
	r.admitted(r.bearer(old))
	if err := r.idp.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	r.admitted(r.bearer(r.accessToken()))
	r.refused(r.bearer(old), http.StatusUnauthorized, 2)
}

// TestRulesAreAskedOfCachedTokens: what was allowed before a rule came is not
// allowed after it.
func TestRulesAreAskedOfCachedTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer")})
	token := r.accessToken()
	r.admitted(r.bearer(token))
	r.change(map[string]any{"claims_forbidden": []any{"sub"}})
	r.refused(r.bearer(token), http.StatusForbidden, 1)
	r.change(map[string]any{"claims_forbidden": nil})
	r.admitted(r.bearer(token))
}

// TestSeveralIssuers: issuers_allowed with the keys of a second issuer.
func TestSeveralIssuers(t *testing.T) {
	t.Parallel()
	keys, err := practiceidp.NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second := idptest.Start(t, practiceidp.Options{
		Keys: keys, Clients: []practiceidp.Client{{ID: clientID, Secret: clientSecret}},
		Users: []practiceidp.User{{Name: userName, Password: "lovelace"}},
	})
	r := newRig(t, rigOptions{config: apiConfig("bearer")})
	theirs := (&rig{t: t, idp: second}).accessToken()
	r.refused(r.bearer(theirs), http.StatusUnauthorized, 0)
	r.change(map[string]any{"issuers_allowed": []any{r.idp.Issuer(), second.Issuer()}})
	r.refused(r.bearer(theirs), http.StatusUnauthorized, 0) // its keys are unknown
	r.change(map[string]any{"extra_jwks_uris": []any{second.URL("jwks")}})
	r.admitted(r.bearer(theirs))
	r.admitted(r.bearer(r.accessToken()))
	r.change(map[string]any{"issuers_allowed": nil})
	r.refused(r.bearer(theirs), http.StatusUnauthorized, 2)
}

// TestClaimHeadersOfBearerTokens: claims go up under the configured
// names, and what the client sent under them does not.
func TestClaimHeadersOfBearerTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("bearer"), map[string]any{
		"upstream_headers":   []any{map[string]any{"header": "x-user", "path": []any{"sub"}}, map[string]any{"header": "x-absent", "path": []any{"nothing"}}},
		"downstream_headers": []any{map[string]any{"header": "x-who", "path": []any{"sub"}}},
	})})
	a := r.bearer(r.accessToken(), "X-User", "forged", "x_user", "forged", "X-Absent", "forged")
	s := r.admitted(a)
	if s.header("X-User") != userName || strings.Contains(a.body, "forged") {
		t.Errorf("the upstream got %v", s.Headers)
	}
	if a.header.Get("X-Who") != userName || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the user agent got %v", a.header)
	}
}

// TestSessionCountsBeforeBearer: Kong's order.
func TestSessionCountsBeforeBearer(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer", "session", "authorization_code")})
	b := r.browser()
	b.login("/")
	req := b.request(http.MethodGet, "/", nil)
	req.Header.Set("Authorization", "Bearer garbage")
	if a := b.send(req); a.status != http.StatusOK {
		t.Errorf("a good session with a bad token: %d", a.status)
	}
	req = r.browser().request(http.MethodGet, "/", nil)
	req.Header.Set("Authorization", "Bearer garbage")
	if a := b.r.browser().send(req); a.status != http.StatusUnauthorized {
		t.Errorf("the token alone: %d", a.status)
	}
}

// TestSessionsOfAPIClients: a credential in a header starts a session where
// sessions are recognised, and nothing that another site can cause does.
func TestSessionsOfAPIClients(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer", "session")})
	token := r.accessToken()
	a := r.bearer(token)
	r.admitted(a)
	if !a.sets("session") || a.header.Get("Cache-Control") != "no-store" {
		t.Fatal("no session cookie")
	}
	cookie := (&http.Response{Header: a.header}).Cookies()[0]
	if s := r.admitted(r.call(http.MethodGet, "/", "", "Cookie", cookie.Name+"="+cookie.Value)); s.header("Authorization") != "Bearer "+token {
		t.Errorf("by the session: %v", s.Headers)
	}
	for name, a := range map[string]answer{
		"query":                  r.call(http.MethodGet, "/?access_token="+token, ""),
		"form":                   r.call(http.MethodPost, "/", "access_token="+token, "Content-Type", "application/x-www-form-urlencoded"),
		"caused by another site": r.bearer(token, "Sec-Fetch-Site", "cross-site"),
	} {
		if r.admitted(a); a.sets("session") {
			t.Errorf("%s: a session was started", name)
		}
	}
	r.change(map[string]any{"disable_session": []any{"bearer"}})
	if a := r.bearer(token); a.sets("session") {
		t.Error("disable_session has no effect")
	}
	// Where bearer is not enabled, such a session opens nothing.
	r.change(map[string]any{"auth_methods": []any{"session"}})
	if a := r.call(http.MethodGet, "/", "", "Cookie", cookie.Name+"="+cookie.Value); a.status != http.StatusUnauthorized {
		t.Errorf("a session of a method that is off: %d", a.status)
	}
	r.change(map[string]any{"auth_methods": []any{"bearer", "session"}})
	if a := r.call(http.MethodGet, "/", "", "Cookie", cookie.Name+"="+cookie.Value); a.status != http.StatusOK {
		t.Errorf("where it is on again: %d", a.status)
	}
	// A store that cannot be asked costs the session, not the request.
	r.sessions.readOnly.Store(true)
	if a := r.bearer(token); a.status != http.StatusOK || a.sets("session") {
		t.Errorf("with the store down: %d", a.status)
	}
}

func TestQueryKeepsEverythingButTheToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer")})
	token := r.accessToken()
	s := r.admitted(r.call(http.MethodGet, "/a%20b?access_token="+url.QueryEscape(token)+"&b=1", ""))
	if s.Args["b"] != "1" || s.Args["access_token"] != nil {
		t.Errorf("the upstream saw %v", s.Args)
	}
}
