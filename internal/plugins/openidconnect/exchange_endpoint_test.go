package openidconnect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestExchangeEndpoint: the verified token is exchanged for the upstream alone.
func TestExchangeEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("bearer", "session", "authorization_code"), map[string]any{
		"downstream_access_token_header": "x-mine", "scopes_required": []any{"email"},
	})})
	e := r.exchangeEndpoint()
	r.change(one("token_exchange_endpoint", e.url()))
	token := r.accessToken()
	for range 2 {
		a := r.bearer(token)
		if s := r.admitted(a); s.header("Authorization") != "Bearer h.p.s1" || a.header.Get("X-Mine") != token {
			t.Errorf("the upstream got %v, the client %q", s.Headers, a.header.Get("X-Mine"))
		}
	}
	if _, header, _ := e.last(); header.Get("Authorization") != "Bearer "+token || e.calls() != 1 {
		t.Errorf("asked %d times with %v", e.calls(), header)
	}
	// Of a session, too: that of the token, and that of a login.
	cookie, _, _ := strings.Cut(r.bearer(token).header.Get("Set-Cookie"), ";")
	if s := r.admitted(r.call(http.MethodGet, "/", "", "Cookie", cookie)); s.header("Authorization") != "Bearer h.p.s1" {
		t.Errorf("with the session of the token the upstream got %v", s.Headers)
	}
	r.change(one("scopes", []any{"openid", "email"}))
	b := r.browser()
	b.login("/")
	if s := r.admitted(b.get("/")); s.header("Authorization") != "Bearer h.p.s2" {
		t.Errorf("after a login the upstream got %v", s.Headers)
	}
	// A token that does not verify, or breaks a rule, is not handed out.
	calls, hits := e.calls(), r.echo.Hits()
	r.refused(r.bearer(segment(r.accessToken(), 1, `{}`)), http.StatusUnauthorized, hits)
	r.change(one("scopes_required", []any{"root"}))
	r.refused(r.bearer(r.accessToken()), http.StatusForbidden, hits)
	if e.calls() != calls {
		t.Error("a token that does not count was handed out")
	}
	// Where the upstream gets no token nobody is asked for one.
	r.change(map[string]any{"scopes_required": nil, "upstream_access_token_header": nil})
	if s := r.admitted(r.bearer(r.accessToken())); s.header("Authorization") != "" || e.calls() != calls {
		t.Errorf("without a header: %v, %d calls", s.Headers, e.calls()-calls)
	}
}

// TestExchangeEndpointThatGivesNoToken: the request does not go on with the
// first one.
func TestExchangeEndpointThatGivesNoToken(t *testing.T) {
	t.Parallel()
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"401":                       {text(401, ""), 401},
		"403":                       {text(403, "h.p.s"), 401},
		"a bad gateway":             {failing, 503},
		"created":                   {text(201, "h.p.s"), 503},
		"no compact form":           {say(`{"access_token":"h.p.s"}`), 503},
		"two headers":               {text(200, "h.p.s\r\nX-Admin: 1"), 503},
		"a token that has expired":  {text(200, segment("a.b.c2ln", 1, `{"exp":1}`)), 401},
		"an answer that never ends": {func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: with(apiConfig("bearer", "session", "authorization_code"), one("timeout", 2000))})
			b := r.browser()
			b.login("/")
			e, hits := r.exchangeEndpoint(), r.echo.Hits()
			e.respond(tt.answer)
			r.change(map[string]any{"token_exchange_endpoint": e.url(), "unauthorized_destroy_session": false})
			for who, a := range map[string]answer{"client": r.asPerson(r.accessToken()), "session": b.get("/")} {
				r.refused(a, tt.status, hits)
				if a.location() != "" {
					t.Errorf("%s: Location %q", who, a.location())
				}
			}
			if e.calls() != 2 {
				t.Errorf("asked %d times", e.calls())
			}
		})
	}
}

func TestExchangeEndpointIsAskedAgainWhenItsTokenEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer")})
	e := r.exchangeEndpoint()
	now := r.clock.now().Unix()
	e.respond(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(segment("a.b.c2ln", 1, fmt.Sprintf(`{"exp":%d}`, now+60+int64(100*e.calls())))))
	})
	r.change(map[string]any{"token_exchange_endpoint": e.url(), "leeway": 400})
	token := r.accessToken()
	for _, step := range []struct {
		wait  time.Duration
		calls int
	}{{0, 1}, {150 * time.Second, 1}, {15 * time.Second, 2}, {80 * time.Second, 2}, {60 * time.Second, 3}} {
		r.clock.advance(step.wait)
		if r.admitted(r.bearer(token)); e.calls() != step.calls {
			t.Errorf("%s later asked %d times, want %d", step.wait, e.calls(), step.calls)
		}
	}
}

// TestTokenLifeCountsFromTheTimeOfAsking, for what is kept of a grant, of a
// login and of a refresh: an answer that takes long has tokens that end soon.
func TestTokenLifeCountsFromTheTimeOfAsking(t *testing.T) {
	t.Parallel()
	const slow = 200 * time.Second // of 300 that a token lives
	takesLong := func(r *rig, change func(map[string]any)) *tap {
		p := r.tapped("token")
		p.respond(func(w http.ResponseWriter, _ *http.Request) {
			form, _, _ := p.last()
			tokens := r.issue(form)
			r.clock.advance(slow)
			change(tokens)
			say(jsonText(tokens))(w, nil)
		})
		return p
	}
	t.Run("password", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, rigOptions{config: with(apiConfig("password"), one("scopes", []any{"email"}))})
		p := takesLong(r, func(tokens map[string]any) { tokens["access_token"] = "opaque" })
		for _, step := range []struct {
			wait  time.Duration
			calls int
		}{{0, 1}, {90 * time.Second, 1}, {15 * time.Second, 2}} {
			r.clock.advance(step.wait)
			r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace")))
			if p.calls() != step.calls {
				t.Errorf("%s later asked %d times, want %d", step.wait, p.calls(), step.calls)
			}
		}
	})
	t.Run("login and refresh", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, rigOptions{})
		p := takesLong(r, func(map[string]any) {})
		b := r.browser()
		b.login("/")
		for _, step := range []struct {
			wait  time.Duration
			calls int
		}{{80 * time.Second, 1}, {25 * time.Second, 2}, {80 * time.Second, 2}, {25 * time.Second, 3}} {
			r.clock.advance(step.wait)
			r.admitted(b.get("/"))
			if p.calls() != step.calls {
				t.Errorf("%s later asked %d times, want %d", step.wait, p.calls(), step.calls)
			}
		}
	})
}
