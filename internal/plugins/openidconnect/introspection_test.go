package openidconnect_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// say answers an introspection or user info request with JSON.
func say(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

func failing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }

func TestIntrospectionDecides(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("introspection")})
	token := r.accessToken()
	s := r.admitted(r.bearer(token))
	if s.header("Authorization") != "Bearer "+token {
		t.Errorf("the upstream got %v", s.Headers)
	}
	r.refused(r.bearer("garbage"), http.StatusUnauthorized, 1)
	// A JWT is not accepted by its signature where bearer is off.
	r.idp.EndSessions()
	r.change(map[string]any{"cache_introspection": false})
	a := r.bearer(token)
	r.refused(a, http.StatusUnauthorized, 1)
	if !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("%q", a.header.Get("WWW-Authenticate"))
	}
	// Where bearer is on it is, unless JWTs are introspected as well.
	r.change(map[string]any{"auth_methods": []any{"bearer", "introspection"}})
	r.admitted(r.bearer(token))
	r.change(map[string]any{"introspect_jwt_tokens": true})
	r.refused(r.bearer(token), http.StatusUnauthorized, 2)
	r.admitted(r.bearer(r.accessToken()))
}

// TestIntrospectionAnswersThatDoNotCount, each beside one that does.
func TestIntrospectionAnswersThatDoNotCount(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("introspection"), map[string]any{"cache_introspection": false})})
	p := r.tapped("introspection")
	hits := 0
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		status int
	}{
		{"active", say(`{"active":true,"sub":"ada"}`), 200},
		{"not active", say(`{"active":false}`), 401},
		{"active missing", say(`{"sub":"ada"}`), 401},
		{"active as a text", say(`{"active":"true"}`), 503},
		{"expired", say(`{"active":true,"exp":1}`), 401},
		{"exp that is garbage", say(`{"active":true,"exp":"soon"}`), 401},
		{"not yet", say(`{"active":true,"nbf":99999999999}`), 401},
		{"of another issuer", say(`{"active":true,"iss":"https://evil.test"}`), 401},
		{"of ours", say(`{"active":true,"iss":"` + r.idp.Issuer() + `"}`), 200},
		{"status 401", func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(401); say(`{"active":true}`)(w, req) }, 503},
		{"status 500 with a body", func(w http.ResponseWriter, req *http.Request) { w.WriteHeader(500); say(`{"active":true}`)(w, req) }, 503},
		{"no json", say(`active`), 503},
		{"a page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`{"active":true}`))
		}, 503},
		{"an unsigned jwt", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/token-introspection+jwt")
			_, _ = w.Write([]byte("eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9."))
		}, 500},
	} {
		p.respond(tt.answer)
		a := r.bearer("opaque")
		if a.status != tt.status || a.location() != "" {
			t.Errorf("%s: got %d %s", tt.name, a.status, a.body)
		}
		if tt.status == http.StatusOK {
			hits++
		}
		if r.echo.Hits() != hits {
			t.Errorf("%s: the upstream was reached", tt.name)
		}
	}
	r.change(map[string]any{"introspection_check_active": false})
	p.respond(say(`{"active":false,"sub":"ada"}`))
	r.admitted(r.bearer("opaque"))
}

// TestIntrospectionIsAskedOnce: for many requests at once, for as long as the
// token lives, and not again at once for one that was refused.
func TestIntrospectionIsAskedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("introspection")})
	p := r.tapped("introspection")
	p.respond(func(w http.ResponseWriter, req *http.Request) {
		time.Sleep(50 * time.Millisecond)
		_ = req.Body
		say(fmt.Sprintf(`{"active":true,"sub":"ada","exp":%d}`, r.clock.now().Unix()+600))(w, req)
	})
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if a := r.bearer("opaque"); a.status != http.StatusOK {
				t.Errorf("got %d", a.status)
			}
		})
	}
	wait.Wait()
	if n := p.calls(); n != 1 {
		t.Errorf("%d calls for 20 requests", n)
	}
	r.clock.advance(570 * time.Second)
	r.bearer("opaque")
	if n := p.calls(); n != 1 {
		t.Errorf("%d calls while the token lives", n)
	}
	r.clock.advance(31 * time.Second)
	r.bearer("opaque")
	if n := p.calls(); n != 2 {
		t.Errorf("%d calls after its end", n)
	}
	p.respond(say(`{"active":false}`))
	for range 5 {
		r.bearer("garbage")
	}
	if n := p.calls(); n != 3 {
		t.Errorf("%d calls for one bad token", n-2)
	}
	r.clock.advance(5 * time.Second)
	r.bearer("garbage")
	if n := p.calls(); n != 4 {
		t.Error("a refusal is remembered too long")
	}
	// What no server can have issued is not asked about.
	for _, token := range []string{strings.Repeat("a", 40<<10), "ümlaut"} {
		r.bearer(token)
	}
	if n := p.calls(); n != 4 {
		t.Errorf("%d calls about malformed tokens", n-4)
	}
}

func TestCacheLifetimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config map[string]any
		exp    int64 // seconds; 0 for none
		fresh  time.Duration
	}{
		{"cache_ttl where nobody says", map[string]any{"cache_ttl": 100}, 0, 100 * time.Second},
		{"the token's own", map[string]any{"cache_ttl": 100}, 300, 300 * time.Second},
		{"cache_ttl_max", map[string]any{"cache_ttl_max": 50}, 300, 50 * time.Second},
		{"cache_ttl_min", map[string]any{"cache_ttl": 10, "cache_ttl_min": 70}, 0, 70 * time.Second},
		{"cache_ttl_min is not longer than the token lives", map[string]any{"cache_ttl_min": 500}, 30, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: with(apiConfig("introspection"), tt.config)})
			p := r.tapped("introspection")
			body := `{"active":true}`
			if tt.exp > 0 {
				body = fmt.Sprintf(`{"active":true,"exp":%d}`, r.clock.now().Unix()+tt.exp)
			}
			p.respond(say(body))
			r.bearer("opaque")
			r.clock.advance(tt.fresh - 5*time.Second)
			if r.bearer("opaque"); p.calls() != 1 {
				t.Error("asked again before its time")
			}
			r.clock.advance(6 * time.Second)
			if r.bearer("opaque"); p.calls() != 2 {
				t.Error("not asked again after its time")
			}
		})
	}
}

// TestStaleAnswerStandsInWhileNobodyAnswers, for cache_ttl_resurrect and no
// longer, and never for a refusal.
func TestStaleAnswerStandsInWhileNobodyAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("introspection"), map[string]any{"cache_ttl": 10})})
	p := r.tapped("introspection")
	good := say(`{"active":true}`)
	for _, resurrect := range []any{nil, 30} {
		r.change(map[string]any{"cache_ttl_resurrect": resurrect})
		p.respond(good)
		r.admitted(r.bearer("opaque"))
		r.clock.advance(11 * time.Second)
		p.respond(failing)
		want := http.StatusServiceUnavailable
		if resurrect != nil {
			want = http.StatusOK
		}
		if a := r.bearer("opaque"); a.status != want {
			t.Errorf("resurrect %v: got %d, want %d", resurrect, a.status, want)
		}
	}
	r.clock.advance(30 * time.Second)
	a := r.bearer("opaque")
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("beyond its time: %d", a.status)
	}
	p.respond(good)
	r.admitted(r.bearer("opaque"))
	r.clock.advance(11 * time.Second)
	p.respond(say(`{"active":false}`))
	if a := r.bearer("opaque"); a.status != http.StatusUnauthorized {
		t.Errorf("a refusal: %d", a.status)
	}
}

// TestCacheKeysAreComplete: whatever shapes an answer tells entries apart.
func TestCacheKeysAreComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("introspection"), map[string]any{
		"client_id": []any{clientID, "two"}, "client_secret": []any{clientSecret, "s2"}, "client_arg": "pick",
		"introspection_headers_client": []any{"x-tenant"}, "introspection_post_args_client": []any{"resource"},
	})})
	p := r.tapped("introspection")
	p.respond(say(`{"active":true,"sub":"ada"}`))
	calls := 0
	ask := func(name string, fresh bool, target string, pairs ...string) {
		t.Helper()
		if fresh {
			calls++
		}
		a := r.call(http.MethodGet, target, "", append([]string{"Authorization", "Bearer opaque"}, pairs...)...)
		if a.status != http.StatusOK || p.calls() != calls {
			t.Errorf("%s: %d, %d calls, want %d", name, a.status, p.calls(), calls)
		}
	}
	ask("first", true, "/")
	ask("again", false, "/")
	ask("another path", false, "/other?x=1")
	ask("another client", true, "/?pick=two")
	ask("another tenant", true, "/", "X-Tenant", "a")
	ask("a third tenant", true, "/", "X-Tenant", "b")
	ask("the first tenant again", false, "/", "X-Tenant", "a")
	ask("another resource", true, "/?resource=a")
	ask("tenant and resource are not mixed up", true, "/?resource=b", "X-Tenant", "a")
	for _, change := range []map[string]any{
		{"introspection_hint": "other"},
		{"introspection_accept": "application/jwt"},
		{"introspection_post_args_names": []any{"a"}, "introspection_post_args_values": []any{"b"}},
		{"introspection_headers_names": []any{"x-a"}, "introspection_headers_values": []any{"b"}},
		{"client_secret": []any{"another"}},
		{"scopes_required": nil, "leeway": 7},
		{"verify_claims": false},
		{"ignore_signature": []any{"introspection"}},
		{"upstream_introspection_header": "x-i"},
	} {
		r.change(change)
		ask(fmt.Sprint(change), true, "/")
	}
}

func TestIntrospectionAsJWT(t *testing.T) {
	t.Parallel()
	for _, accept := range []string{"application/token-introspection+jwt", "application/jwt"} {
		r := newRig(t, rigOptions{config: with(apiConfig("introspection"), map[string]any{
			"introspection_accept": accept, "upstream_introspection_jwt_header": "x-answer", "scopes_required": []any{"email"},
		})})
		s := r.admitted(r.bearer(r.accessToken()))
		if answer := s.header("X-Answer"); strings.Count(answer, ".") != 2 || payload(t, answer)["token_introspection"] == nil {
			t.Errorf("%s: %v", accept, s.Headers)
		}
	}
}

// TestEncryptedIntrospection: client_jwk opens an answer that is encrypted for
// it, and no other key does.
func TestEncryptedIntrospection(t *testing.T) {
	t.Parallel()
	key, err := clientRSA()
	forBoth, public := clientJWK(t, key, err, nil)
	forEncryption, _ := clientJWK(t, key, err, map[string]any{"use": "enc", "alg": "RSA-OAEP-256"})
	forSigning, _ := clientJWK(t, key, err, map[string]any{"use": "sig"})
	r := newRig(t, rigOptions{config: with(apiConfig("introspection"), map[string]any{
		"introspection_accept": "application/token-introspection+jwt", "cache_introspection": false,
		"upstream_introspection_jwt_header": "x-answer",
	})})
	p := r.tapped("introspection")
	p.respond(func(w http.ResponseWriter, _ *http.Request) {
		answer := signedByIDP(t, r)
		e, err := jose.NewEncrypter(jose.A128CBC_HS256, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: public.Key}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		object, err := e.Encrypt([]byte(answer))
		if err != nil {
			t.Error(err)
			return
		}
		text, _ := object.CompactSerialize()
		w.Header().Set("Content-Type", "application/token-introspection+jwt")
		_, _ = w.Write([]byte(text))
	})
	if a := r.bearer("opaque"); a.status == http.StatusOK {
		t.Error("an answer for a key that is not configured was opened")
	}
	for name, jwk := range map[string]map[string]any{"for both": forBoth, "for encryption": forEncryption} {
		r.change(map[string]any{"client_jwk": []any{jwk}})
		if s := r.admitted(r.bearer("opaque")); strings.Count(s.header("X-Answer"), ".") != 2 {
			t.Errorf("%s: the upstream got %v", name, s.Headers)
		}
	}
	r.change(map[string]any{"client_jwk": []any{forSigning}})
	if a := r.bearer("opaque"); a.status == http.StatusOK {
		t.Error("a key that is to sign only opened an answer")
	}
}

// signedByIDP is the IdP's signed introspection of a good token.
func signedByIDP(t testing.TB, r *rig) string {
	t.Helper()
	form := url.Values{"token": {r.accessToken()}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.idp.URL("introspection"), strings.NewReader(form.Encode()))
	if err != nil {
		t.Error(err)
		return ""
	}
	req.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientSecret))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/token-introspection+jwt")
	return r.do(req).body
}

func TestUserInfoMethod(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("userinfo"), map[string]any{
		"upstream_headers": []any{map[string]any{"header": "x-mail", "path": []any{"email"}}},
	})})
	token := r.accessToken()
	if s := r.admitted(r.bearer(token)); s.header("X-Mail") != "ada@example.test" {
		t.Errorf("the upstream got %v", s.Headers)
	}
	r.admitted(r.bearer(token))
	if n := r.idp.Calls("userinfo"); n != 1 {
		t.Errorf("%d calls", n)
	}
	for range 3 {
		r.refused(r.bearer("garbage"), http.StatusUnauthorized, 2)
	}
	if n := r.idp.Calls("userinfo"); n != 2 {
		t.Errorf("%d calls about a bad token", n-1)
	}
	r.change(map[string]any{"cache_user_info": false})
	r.admitted(r.bearer(token))
	r.idp.EndSessions()
	r.refused(r.bearer(token), http.StatusUnauthorized, 3)
	// A document that names nobody is no proof of anybody.
	p := r.tapped("userinfo")
	p.respond(say(`{"email":"x"}`))
	if a := r.bearer("opaque"); a.status == http.StatusOK {
		t.Error("user info without a subject lets in")
	}
	p.respond(say(`{"sub":"x"}`))
	r.admitted(r.bearer("opaque"))
	p.respond(failing)
	if a := r.bearer("opaque"); a.status != http.StatusServiceUnavailable {
		t.Errorf("an endpoint that is down: %d", a.status)
	}
}

// TestIntrospectionGivesWayToUserInfo where the IdP has no such endpoint.
func TestIntrospectionGivesWayToUserInfo(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("introspection", "userinfo")})
	r.admitted(r.bearer(r.accessToken()))
	if r.idp.Calls("introspection") != 1 || r.idp.Calls("userinfo") != 0 {
		t.Error("introspection comes first")
	}
	r.change(map[string]any{
		"using_pseudo_issuer": true, "userinfo_endpoint": r.idp.URL("userinfo"), "jwks_endpoint": r.idp.URL("jwks"),
	})
	r.admitted(r.bearer(r.accessToken()))
	if r.idp.Calls("introspection") != 1 || r.idp.Calls("userinfo") != 1 {
		t.Error("user info is not asked where there is no introspection")
	}
	r.change(map[string]any{"auth_methods": []any{"introspection"}})
	if a := r.bearer(r.accessToken()); a.status != http.StatusInternalServerError {
		t.Errorf("nobody to ask: %d", a.status)
	}
}

// TestSearchUserInfoForTokens: user info is a source of claims, must be about
// the token's subject, and a token without a user goes without.
func TestSearchUserInfoForTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("bearer", "client_credentials"), map[string]any{
		"search_user_info": true, "upstream_headers": []any{map[string]any{"header": "x-mail", "path": []any{"email"}}},
	})})
	token := r.accessToken()
	for range 2 {
		if s := r.admitted(r.bearer(token)); s.header("X-Mail") != "ada@example.test" {
			t.Errorf("the upstream got %v", s.Headers)
		}
	}
	if n := r.idp.Calls("userinfo"); n != 1 {
		t.Errorf("%d calls", n)
	}
	r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basicAuth(clientID, clientSecret)))
	p := r.tapped("userinfo")
	p.respond(say(`{"sub":"mallory","email":"m@evil.test"}`))
	r.refused(r.bearer(r.accessToken()), http.StatusUnauthorized, 3)
	r.change(map[string]any{"cache_user_info": false})
	p.respond(nil)
	before := p.calls()
	r.admitted(r.bearer(token))
	r.admitted(r.bearer(token))
	if n := p.calls() - before; n != 2 {
		t.Errorf("%d calls with cache_user_info off", n)
	}
}
