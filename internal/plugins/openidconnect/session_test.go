package openidconnect_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// cookie is the value that the browser would send to the gateway.
func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.r.gateway.URL)
	if err != nil {
		b.r.t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// with sends a GET with exactly this Cookie header, from a browser without any.
func (r *rig) with(cookie string) answer {
	r.t.Helper()
	b := r.browser()
	req := b.request(http.MethodGet, "/", nil)
	req.Header.Set("Cookie", cookie)
	return b.send(req)
}

func TestSessionCookieThatWasTamperedWithIsNoSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	other := newRig(t, rigOptions{config: map[string]any{"session_secret": "another planted secret"}})
	b, foreign := r.browser(), other.browser()
	b.login("/")
	foreign.login("/")
	good := b.cookie("session")
	for i := 0; i < len(good); i += 7 { // every character: session.FuzzCookie and its table
		altered := good[:i] + string('A'+(good[i]+1)%26) + good[i+1:]
		if altered == good {
			continue
		}
		hits := r.echo.Hits()
		if a := r.with("session=" + altered); a.status != http.StatusFound || r.echo.Hits() != hits {
			t.Fatalf("character %d altered: %d", i, a.status)
		}
	}
	for name, value := range map[string]string{
		"cut": good[:len(good)-1], "lengthened": good + "A", "empty": "", "of another secret": foreign.cookie("session"),
		"garbage": strings.Repeat("%", 4000), "the key cookie's value": b.cookie("authorization"),
	} {
		hits := r.echo.Hits()
		if a := r.with("session=" + value); a.status != http.StatusFound || r.echo.Hits() != hits {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	var many strings.Builder
	for range 1000 {
		many.WriteString("c=" + strings.Repeat("v", 20) + "; ")
	}
	for name, header := range map[string]string{
		"alone": "session=" + good, "twice": "session=" + good + "; session=" + good,
		"beside a thousand others": many.String() + "session=" + good, "beside a forgery": "session=" + good[:len(good)-1] + "A; session=" + good,
	} {
		if a := r.with(header); a.status != http.StatusOK { // positive controls
			t.Errorf("the good cookie %s: %d", name, a.status)
		}
	}
	second := r.browser()
	second.login("/")
	hits := r.echo.Hits()
	a := r.with("session=" + good + "; session=" + second.cookie("session"))
	if a.status != http.StatusFound || r.echo.Hits() != hits {
		t.Errorf("two different good cookies: %d", a.status)
	}
}

func TestStoreThatCannotBeAskedIs503AndEndsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	hits := r.echo.Hits()
	r.sessions.down.Store(true)
	a := b.get("/")
	r.refused(a, http.StatusServiceUnavailable, hits)
	if len(a.header["Set-Cookie"]) > 0 || a.location() != "" || a.header.Get("Retry-After") == "" {
		t.Errorf("cookies %v, location %q", a.header["Set-Cookie"], a.location())
	}
	// A login is not finished either, and its code not redeemed.
	codes := r.idp.Calls("code")
	fresh := r.browser()
	reply := fresh.begin("/")
	r.refused(fresh.callback(reply), http.StatusServiceUnavailable, hits)
	if r.idp.Calls("code") != codes {
		t.Error("the code was redeemed while its single use could not be marked")
	}
	r.sessions.down.Store(false)
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("after it healed: %d", a.status)
	}
	if a := fresh.callback(reply); !a.sets("session") {
		t.Errorf("the login after it healed: %d %s", a.status, a.body)
	}
}

func TestConcurrentRequestsRefreshOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }})
	b := r.browser()
	b.login("/")
	old := upstreamToken(t, b.get("/"))
	r.clock.advance(2 * time.Minute)
	good := "session=" + b.cookie("session")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			a := r.with(good)
			if a.status != http.StatusOK || strings.Contains(a.body, old) {
				t.Errorf("got %d", a.status)
			}
		})
	}
	wg.Wait()
	if got := r.idp.Calls("refresh"); got != 1 {
		t.Errorf("%d refreshes", got)
	}
}

func TestRefreshFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault  string
		status int
		ends   bool
	}{
		{"refresh-invalid-grant", http.StatusFound, true},
		{"refresh-error-200", http.StatusFound, true}, // invalid_grant with 200
		{"refresh-invalid-sig-rs256", http.StatusFound, true},
		{"refresh-500", http.StatusServiceUnavailable, false},
		{"refresh-no-answer", http.StatusServiceUnavailable, false},
		{"refresh-connection-cut", http.StatusServiceUnavailable, false},
		{"refresh-html", http.StatusServiceUnavailable, false},
		{"refresh-invalid-client", http.StatusInternalServerError, false},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: quick(nil), idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }})
			b := r.browser()
			b.login("/")
			r.clock.advance(2 * time.Minute)
			r.idp.Misbehave(tt.fault)
			hits := r.echo.Hits()
			a := b.get("/")
			r.refused(a, tt.status, hits)
			r.idp.Misbehave()
			a = b.get("/")
			if tt.ends && a.status != http.StatusFound || !tt.ends && a.status != http.StatusOK {
				t.Errorf("afterwards: %d\n%s", a.status, r.log)
			}
		})
	}
}

func TestUnreachableRefreshKeepsAnAccessTokenThatStillServes(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: quick(map[string]any{"leeway": 30}), idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }})
	b := r.browser()
	b.login("/")
	r.idp.Misbehave("refresh-500")
	r.clock.advance(50 * time.Second) // in the last quarter of its life, within the leeway
	if a := b.get("/"); a.status != http.StatusOK || r.idp.Calls("refresh") == 0 {
		t.Errorf("got %d after %d refreshes", a.status, r.idp.Calls("refresh"))
	}
}

func TestExpiredAccessTokenWithoutRefreshTokenAsksForALogin(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }})
	r.idp.Misbehave("no-refresh-token")
	b := r.browser()
	b.login("/")
	if a := b.get("/"); a.status != http.StatusOK {
		t.Fatalf("positive control: %d", a.status)
	}
	r.clock.advance(2 * time.Minute)
	hits := r.echo.Hits()
	b.start("/")
	if r.echo.Hits() != hits {
		t.Error("the expired token went upstream")
	}
}

func TestSessionTimeouts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		config map[string]any
		within time.Duration // still a session
		after  time.Duration // none any more, counted from then
	}{
		{"idling", map[string]any{"session_idling_timeout": 100}, 90 * time.Second, 102 * time.Second},
		{"rolling", map[string]any{"session_rolling_timeout": 100, "session_idling_timeout": 0}, 50 * time.Second, 52 * time.Second},
		{"absolute", map[string]any{"session_absolute_timeout": 100, "session_idling_timeout": 0}, 99 * time.Second, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: tt.config, idp: longTokens})
			b := r.browser()
			b.login("/")
			r.clock.advance(tt.within)
			if a := b.get("/"); a.status != http.StatusOK {
				t.Fatalf("within the timeout: %d", a.status)
			}
			r.clock.advance(tt.after)
			b.start("/")
		})
	}
}

func TestStricterPluginDoesNotAcceptALenientOnesSession(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"verify_nonce": false}})
	b := r.browser()
	b.login("/")
	if a := b.get("/"); a.status != http.StatusOK {
		t.Fatalf("positive control: %d", a.status)
	}
	r.change(map[string]any{"verify_nonce": true})
	b.start("/")
}

func TestConfigurationChangeLogsNobodyOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"session_secret": nil}})
	b := r.browser()
	b.login("/")
	r.change(map[string]any{"login_action": "upstream", "scopes": []any{"openid", "email"}, "display_errors": true})
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("after a change that touches neither realm nor secret: %d", a.status)
	}
}
