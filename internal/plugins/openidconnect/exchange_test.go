package openidconnect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// exchangeRig exchanges the tokens of a foreign issuer, beside everything that
// would send a visitor to a login.
func exchangeRig(t *testing.T, entry map[string]any, config ...map[string]any) (*rig, *exchanger, *practiceidp.Provider) {
	t.Helper()
	r := newRig(t, rigOptions{config: with(apiConfig("bearer", "session", "authorization_code"), config...)})
	p, x := r.foreignIdP(), r.exchanger()
	r.change(map[string]any{"token_exchange": exchanging(subject(p.Issuer(), entry))})
	return r, x, p
}

// asPerson sends a bearer token as a browser would, which is never sent to a
// login for it.
func (r *rig) asPerson(token string) answer {
	r.t.Helper()
	return r.bearer(token, "Accept", "text/html", "Sec-Fetch-Mode", "navigate")
}

func TestExchangedTokenReplacesTheFirstForEverythingAfter(t *testing.T) {
	t.Parallel()
	r, x, p := exchangeRig(t, nil, map[string]any{
		"scopes_required": []any{"groups"}, "upstream_headers": []any{map[string]any{"header": "x-who", "path": []any{"sub"}}},
	})
	token := r.foreignToken(p)
	a := r.asPerson(token)
	s := r.admitted(a)
	if len(x.given) != 1 || s.header("Authorization") != "Bearer "+x.given[0] || s.header("X-Who") != userName {
		t.Errorf("the upstream got %v", s.Headers)
	}
	if strings.Contains(a.body, token) {
		t.Error("the upstream got the first token")
	}
	form, header, _ := x.last()
	if form.Get("subject_token") != token || form.Get("subject_token_type") != "urn:ietf:params:oauth:token-type:access_token" ||
		form.Get("scope") != "openid" || form.Has("audience") || form.Has("redirect_uri") || header.Get("Authorization") == "" {
		t.Errorf("the token endpoint was asked %v", form)
	}
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if s := r.admitted(r.call(http.MethodGet, "/", "", "Cookie", cookie)); s.header("Authorization") != "Bearer "+x.given[0] {
		t.Errorf("with the session the upstream got %v", s.Headers)
	}
	r.change(map[string]any{"scopes_required": []any{"root"}})
	hits := r.echo.Hits()
	r.refused(r.asPerson(token), http.StatusForbidden, hits)
}

// TestTokenThatFailsHereIsNotSentToBeExchanged: 401, nobody is asked, and no
// visitor's login starts.
func TestTokenThatFailsHereIsNotSentToBeExchanged(t *testing.T) {
	t.Parallel()
	r, x, p := exchangeRig(t, one("verify_signature", true), one("display_errors", true))
	good := r.foreignToken(p)
	now := r.clock.now().Unix()
	claim := func(name string, value any) string {
		return changed(t, good, func(claims map[string]any) { claims[name] = value })
	}
	for name, tt := range map[string]struct {
		token, want string
		unsigned    bool // also where the signature is not verified
	}{
		"expired":                    {claim("exp", now-5), "exp", true},
		"without an end":             {claim("exp", nil), "exp", true},
		"not valid yet":              {claim("nbf", now+100), "nbf", true},
		"with another payload":       {claim("sub", "root"), "signature", false},
		"that nobody signed":         {segment(good, 0, `{"alg":"none"}`), "alg", true},
		"a logout token":             {claim("typ", "Logout"), "typ", true},
		"bound to a key":             {claim("cnf", map[string]any{"jkt": "x"}), "cnf", true},
		"of an unknown header alg":   {segment(good, 0, `{"alg":"XX256"}`), "alg", true},
		"whose header is of a proof": {segment(good, 0, `{"alg":"RS256","typ":"dpop+jwt"}`), "typ", true},
	} {
		for _, verify := range []bool{true, false} {
			if !verify && !tt.unsigned {
				continue
			}
			t.Run(fmt.Sprintf("%s, verify_signature %t", name, verify), func(t *testing.T) {
				r.t = t
				r.change(map[string]any{"token_exchange": exchanging(subject(p.Issuer(), one("verify_signature", verify)))})
				calls := x.calls()
				a := r.asPerson(tt.token)
				r.refused(a, http.StatusUnauthorized, 0)
				if a.location() != "" || !strings.Contains(a.header.Get("WWW-Authenticate"), `error="invalid_token"`) || x.calls() != calls {
					t.Errorf("Location %q, %q, %d calls", a.location(), a.header.Get("WWW-Authenticate"), x.calls()-calls)
				}
			})
		}
	}
	r.t = t
	r.admitted(r.asPerson(good))
}

// TestExchangeThatFails: what the IdP says of the token is 401, what it says of
// us 500, and an endpoint that gives no token 503; the first token never passes.
func TestExchangeThatFails(t *testing.T) {
	t.Parallel()
	refusal := func(code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"error":%q}`, code)
		}
	}
	member := func(name string, value any) func(map[string]any) {
		return func(answer map[string]any) { answer[name] = value }
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc // nil: the exchanger's own, changed
		change func(map[string]any)
		status int
		cause  string
	}{
		{"invalid_request", refusal("invalid_request"), nil, 401, "token exchange: the identity provider answered invalid_request"},
		{"invalid_grant", refusal("invalid_grant"), nil, 401, "answered invalid_grant"},
		{"access_denied", refusal("access_denied"), nil, 401, "answered access_denied"},
		{"invalid_target", refusal("invalid_target"), nil, 500, "token endpoint answered invalid_target"},
		{"invalid_scope", refusal("invalid_scope"), nil, 500, "token endpoint answered invalid_scope"},
		{"invalid_client", refusal("invalid_client"), nil, 500, "token endpoint answered invalid_client"},
		{"unsupported_grant_type", refusal("unsupported_grant_type"), nil, 500, "answered unsupported_grant_type"},
		{"temporarily_unavailable", refusal("temporarily_unavailable"), nil, 503, "cannot be asked"},
		{"a bad gateway", failing, nil, 503, "cannot be asked"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, nil, 503, "cannot be asked"},
		{"a redirect", func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "/x", http.StatusTemporaryRedirect)
		}, nil, 503, "cannot be asked"},
		{"a refresh token", nil, member("issued_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), 503, "cannot be asked"},
		{"a token of no type", nil, member("issued_token_type", nil), 503, "cannot be asked"},
		{"a DPoP token", nil, member("token_type", "DPoP"), 503, "cannot be asked"},
		{"a token that has expired already", nil, member("expires_in", 0), 401, "has expired already"},
		{"an opaque token", nil, member("access_token", "opaque"), 401, "no JWT"},
		{"a token that does not verify", nil, func(answer map[string]any) {
			token, _ := answer["access_token"].(string)
			answer["access_token"] = token[:len(token)-8] + "AAAAAAAA"
		}, 401, "signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, x, p := exchangeRig(t, nil, one("display_errors", true))
			x.change = tt.change
			if tt.answer != nil {
				x.respond(tt.answer)
			}
			a := r.bearer(r.foreignToken(p))
			r.refused(a, tt.status, 0)
			if a.location() != "" || !strings.Contains(a.body, tt.cause) || x.calls() != 1 {
				t.Errorf("Location %q, %d calls, %q is not in %s", a.location(), x.calls(), tt.cause, a.body)
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		r, _, p := exchangeRig(t, nil)
		r.change(one("token_endpoint", "http://127.0.0.1:1/none"))
		a := r.asPerson(r.foreignToken(p))
		r.refused(a, http.StatusServiceUnavailable, 0)
		if a.location() != "" || a.header.Get("Retry-After") == "" {
			t.Errorf("Location %q, Retry-After %q", a.location(), a.header.Get("Retry-After"))
		}
	})
}

func TestTokensThatAreNotExchanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer")})
	x := r.exchanger()
	own := func(conditions map[string]any) map[string]any {
		return subject(r.idp.Issuer(), one("conditions", conditions))
	}
	r.change(map[string]any{"token_exchange": exchanging(own(one("missing_scopes", []any{"email"})), own(one("has_scopes", []any{"root"})))})
	token := r.accessToken()
	if s := r.admitted(r.bearer(token)); s.header("Authorization") != "Bearer "+token || x.calls() != 0 {
		t.Errorf("a token of the issuer that meets no condition: %v, %d calls", s.Headers, x.calls())
	}
	hits := r.echo.Hits()
	r.refused(r.bearer(r.foreignToken(r.foreignIdP())), http.StatusUnauthorized, hits)
	r.refused(r.bearer("opaque"), http.StatusUnauthorized, hits)
	if x.calls() != 0 {
		t.Errorf("%d calls about tokens of nobody", x.calls())
	}
	// One of several entries suffices.
	r.change(map[string]any{"token_exchange": exchanging(own(one("missing_scopes", []any{"email"})), own(one("has_scopes", []any{"email"})))})
	if s := r.admitted(r.bearer(token)); x.calls() != 1 || s.header("Authorization") != "Bearer "+x.given[0] {
		t.Errorf("a token that meets the second: %v, %d calls", s.Headers, x.calls())
	}
	// Without the method bearer nothing is exchanged.
	r.change(with(apiConfig("userinfo"), one("upstream_access_token_header", "x-token")))
	if s := r.admitted(r.bearer(token)); x.calls() != 1 || s.header("X-Token") != token {
		t.Errorf("by user info: %v, %d calls", s.Headers, x.calls())
	}
}

// TestExchangeIsKept as long as both tokens live, for each client and each
// addition to the request apart; and a refusal for cache_ttl_neg.
func TestExchangeIsKept(t *testing.T) {
	t.Parallel()
	// asked tells how often the endpoint is asked by sending.
	asked := func(x *exchanger, send func()) int {
		before := x.calls()
		send()
		return x.calls() - before
	}
	t.Run("not beyond the first token", func(t *testing.T) {
		t.Parallel()
		r, x, p := exchangeRig(t, nil, one("cache_ttl_min", 3000))
		token := r.foreignToken(p)
		r.clock.advance(200 * time.Second)
		r.admitted(r.bearer(token)) // the other one ends 200 s later
		r.clock.advance(90 * time.Second)
		if n := asked(x, func() { r.admitted(r.bearer(token)) }); n != 0 {
			t.Errorf("asked %d times about a token that is kept", n)
		}
		hits := r.echo.Hits()
		r.clock.advance(20 * time.Second)
		if n := asked(x, func() { r.refused(r.bearer(token), http.StatusUnauthorized, hits) }); n != 0 {
			t.Errorf("asked %d times about a token that has expired", n)
		}
	})
	t.Run("not beyond the other token", func(t *testing.T) {
		t.Parallel()
		r, x, p := exchangeRig(t, nil)
		x.change = func(answer map[string]any) { answer["expires_in"] = 60 }
		token := r.foreignToken(p)
		if n := asked(x, func() {
			r.admitted(r.bearer(token))
			r.clock.advance(50 * time.Second)
			r.admitted(r.bearer(token))
		}); n != 1 {
			t.Errorf("asked %d times within its life", n)
		}
		r.clock.advance(11 * time.Second)
		if n := asked(x, func() { r.admitted(r.bearer(token)) }); n != 1 {
			t.Errorf("asked %d times after its life", n)
		}
	})
	t.Run("apart for each client and addition", func(t *testing.T) {
		t.Parallel()
		r, x, p := exchangeRig(t, nil, map[string]any{
			"client_id": []any{clientID, "second"}, "client_secret": []any{clientSecret, "secret of the second"},
			"token_post_args_client": []any{"audience"}, "hide_credentials": true,
		})
		token := r.foreignToken(p)
		for _, more := range [][]string{{"X-Client-Id", "second"}, {"Audience", "one"}, {"Audience", "two"}, nil} {
			for _, want := range []int{1, 0} {
				if n := asked(x, func() { r.admitted(r.bearer(token, more...)) }); n != want {
					t.Errorf("with %v asked %d times, want %d", more, n, want)
				}
			}
		}
	})
	t.Run("a refusal", func(t *testing.T) {
		t.Parallel()
		r, x, p := exchangeRig(t, nil, one("cache_ttl_neg", 60))
		x.respond(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			say(`{"error":"invalid_request"}`)(w, nil)
		})
		token := r.foreignToken(p)
		for _, want := range []int{1, 0} {
			if n := asked(x, func() { r.refused(r.bearer(token), http.StatusUnauthorized, 0) }); n != want {
				t.Errorf("asked %d times, want %d", n, want)
			}
		}
		r.clock.advance(61 * time.Second)
		if n := asked(x, func() { r.refused(r.bearer(token), http.StatusUnauthorized, 0) }); n != 1 {
			t.Errorf("asked %d times after cache_ttl_neg", n)
		}
	})
	t.Run("an outage, for cache_ttl_resurrect", func(t *testing.T) {
		t.Parallel()
		r, x, p := exchangeRig(t, nil, map[string]any{"cache_ttl_max": 10, "cache_ttl_resurrect": 60})
		token := r.foreignToken(p)
		r.admitted(r.bearer(token))
		x.respond(failing)
		r.clock.advance(20 * time.Second)
		r.admitted(r.bearer(token))
		r.clock.advance(60 * time.Second)
		r.refused(r.bearer(token), http.StatusServiceUnavailable, r.echo.Hits())
	})
	t.Run("in place of the other token's key", func(t *testing.T) {
		t.Parallel()
		r, x, p := exchangeRig(t, nil, one("rediscovery_lifetime", 0), one("cache_ttl", 100))
		token := r.foreignToken(p)
		r.admitted(r.bearer(token))
		if err := r.idp.RotateKeys(); err != nil {
			t.Fatal(err)
		}
		r.clock.advance(101 * time.Second) // the keys are due
		if n := asked(x, func() { r.admitted(r.bearer(token)) }); n != 1 {
			t.Errorf("a kept token of a withdrawn key was exchanged anew %d times", n)
		}
	})
	t.Run("not beyond the key of the first token", func(t *testing.T) {
		t.Parallel()
		r, x, p := exchangeRig(t, one("verify_signature", true), one("cache_ttl", 100))
		token := r.foreignToken(p)
		r.admitted(r.bearer(token))
		if err := p.RotateKeys(); err != nil {
			t.Fatal(err)
		}
		hits := r.echo.Hits()
		r.clock.advance(101 * time.Second)
		if n := asked(x, func() { r.refused(r.bearer(token), http.StatusUnauthorized, hits) }); n != 0 {
			t.Errorf("a token of a withdrawn key was exchanged %d times", n)
		}
	})
}

// TestForeignKeysComeFromTheForeignIssuer: from its own document, or from
// jwks_uri. Nothing that is meant for the configured issuer is sent there, and
// none of its keys counts.
func TestForeignKeysComeFromTheForeignIssuer(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer")})
	p, x := r.twinIdP(), r.exchanger()
	ofOurKey := r.foreignToken(p)
	if err := p.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	r.change(map[string]any{
		"discovery_headers_names": []any{"x-discovery"}, "discovery_headers_values": []any{"planted-discovery-secret"},
		"extra_jwks_uris": []any{r.idp.URL("jwks")}, "token_exchange": exchanging(subject(p.Issuer(), one("verify_signature", true))),
	})
	r.refused(r.bearer(ofOurKey), http.StatusUnauthorized, 0)
	if x.calls() != 0 {
		t.Error("a token of the configured issuer's key was sent to be exchanged")
	}
	r.admitted(r.bearer(r.foreignToken(p)))
	if own, foreign := r.idp.Seen("discovery").Header.Get("X-Discovery"), p.Seen("discovery").Header; own == "" || foreign == nil || foreign.Get("X-Discovery") != "" {
		t.Errorf("the configured issuer got %q, the other %v", own, foreign)
	}
	keys := newTap(t, p.URL("jwks"))
	r.change(map[string]any{"token_exchange": exchanging(subject(p.Issuer(), map[string]any{"verify_signature": true, "jwks_uri": keys.url()}))})
	documents := p.Calls("discovery")
	r.admitted(r.bearer(r.foreignToken(p)))
	if keys.calls() != 1 || p.Calls("discovery") != documents {
		t.Errorf("%d calls for keys at jwks_uri, %d for a document", keys.calls(), p.Calls("discovery")-documents)
	}
	keys.respond(failing)
	r.change(one("cache_ttl", 60)) // other keys
	hits, calls := r.echo.Hits(), x.calls()
	r.refused(r.bearer(r.foreignToken(p)), http.StatusServiceUnavailable, hits)
	if x.calls() != calls {
		t.Error("a token was sent to be exchanged without its keys")
	}
}
