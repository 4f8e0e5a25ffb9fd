package openidconnect_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

func TestForbiddenClaimsFailClosedForATokenThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{"access-token-opaque", "access-token-duplicate-member"} {
		r := newRig(t, rigOptions{config: map[string]any{"claims_forbidden": []any{"banned"}}})
		r.idp.Misbehave(lie)
		b := r.browser()
		r.refused(b.callback(b.begin("/")), http.StatusForbidden, 0)
		r.idp.Misbehave()
		r.browser().login("/") // positive control: a token that can be read
		// A session from before the rule.
		r = newRig(t, rigOptions{})
		r.idp.Misbehave(lie)
		b = r.browser()
		b.login("/")
		r.change(map[string]any{"claims_forbidden": []any{"banned"}})
		if a := b.get("/"); a.status != http.StatusForbidden {
			t.Errorf("%s: a session from before the rule gives %d", lie, a.status)
		}
	}
}

func TestRotatedRefreshTokenSurvivesWhatFailsAfterIt(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"userinfo-500", "jwks-500"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{
				config: quick(map[string]any{"search_user_info": fault == "userinfo-500"}),
				idp: func(o *practiceidp.Options) {
					ownKeys(t)(o)
					o.AccessTokenTTL = time.Minute
				},
			})
			b := r.browser()
			b.login("/")
			if fault == "jwks-500" {
				if err := r.idp.RotateKeys(); err != nil {
					t.Fatal(err)
				}
			}
			r.clock.advance(2 * time.Minute)
			r.idp.Misbehave(fault)
			during := b.get("/")
			if want := map[string]int{"userinfo-500": http.StatusOK, "jwks-500": http.StatusServiceUnavailable}[fault]; during.status != want {
				t.Errorf("during the outage: %d, want %d", during.status, want)
			}
			r.idp.Misbehave()
			r.clock.advance(10 * time.Second)
			if a := b.get("/"); a.status != http.StatusOK {
				t.Errorf("after it healed: %d to %q", a.status, a.location())
			}
		})
	}
}

func TestCrossSiteLogoutDoesNotPretend(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"logout_uri_suffix": "/logout"}})
	b := r.browser()
	b.login("/")
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"} {
		req := b.request(http.MethodPost, "/logout", nil)
		req.Header.Set(name, value)
		a := b.bare().send(req) // a Lax cookie is withheld
		if a.status != http.StatusForbidden || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d, %v", name, a.status, a.header["Set-Cookie"])
		}
	}
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("the session: %d", a.status)
	}
	req := b.request(http.MethodPost, "/logout", nil)
	req.Header.Set("Origin", r.gateway.URL)
	if a := b.send(req); a.status != http.StatusSeeOther { // positive control
		t.Errorf("from our own site: %d", a.status)
	}
}

// via sends a request as a trusted proxy that ended TLS, or did not, does.
func (b *browser) via(scheme, target string) answer {
	b.r.t.Helper()
	req := b.request(http.MethodGet, target, nil)
	req.Header.Set("X-Forwarded-Proto", scheme)
	return b.send(req)
}

func TestTargetThatASecureCookieDoesNotReachGetsNoRedirect(t *testing.T) {
	t.Parallel()
	var secure string
	r := newRig(t, rigOptions{
		trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		idp: func(o *practiceidp.Options) {
			secure = strings.Replace(o.Clients[0].RedirectURIs[1], "http:", "https:", 1)
			o.Clients[0].RedirectURIs = append(o.Clients[0].RedirectURIs, secure)
		},
	})
	r.change(map[string]any{"redirect_uri": []any{secure}})
	b := r.browser()
	reply := b.authorize(b.via("http", "/page").location()) // a state with a plain target
	u, err := url.Parse(reply.uri)
	if err != nil {
		t.Fatal(err)
	}
	if a := b.via("https", u.RequestURI()); a.location() != "" || a.status == http.StatusOK {
		t.Errorf("%d to %q with %v", a.status, a.location(), a.header["Set-Cookie"])
	}
	b = r.browser() // positive control: https all the way
	a := b.via("https", "/page")
	if a.status != http.StatusFound {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if loc, _ := url.Parse(a.location()); loc.Query().Get("redirect_uri") != secure {
		t.Errorf("redirect_uri %q", loc.Query().Get("redirect_uri"))
	}
}

func TestLeewayBeyondTheTokensLifeDoesNotRefreshOnEveryRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"leeway": 60}, idp: func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }})
	b := r.browser()
	b.login("/")
	for range 5 {
		if a := b.get("/"); a.status != http.StatusOK {
			t.Fatalf("got %d", a.status)
		}
	}
	if got := r.idp.Calls("refresh"); got != 0 {
		t.Errorf("%d refreshes of a fresh token", got)
	}
	r.clock.advance(50 * time.Second) // the last quarter
	b.get("/")
	if got := r.idp.Calls("refresh"); got != 1 {
		t.Errorf("%d refreshes in the last quarter", got)
	}
}

func TestAccessTokenThatHasExpiredAlreadySignsNobodyIn(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{"expires-in-zero", "expires-in-negative"} {
		r := newRig(t, rigOptions{})
		r.idp.Misbehave(lie)
		b := r.browser()
		r.refused(b.callback(b.begin("/")), http.StatusInternalServerError, 0)
		r.idp.Misbehave()
		r.browser().login("/")
	}
}

func TestCallbackParametersBehindAHundredOthersAreSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	reply := b.begin("/")
	junk := strings.Repeat("&a=b", 120)
	r.refused(b.get(reply.uri+junk+"&code=second"), http.StatusBadRequest, 0)
	if r.idp.Calls("token") != 0 {
		t.Error("the code was redeemed")
	}
	if a := b.callback(reply); !a.sets("session") {
		t.Errorf("positive control: %d", a.status)
	}
}

func TestEverySpellingOfTheRedirectURIIsTheRedirectURI(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/cb"}})
	b := r.browser()
	b.login("/")
	hits := r.echo.Hits()
	for _, path := range []string{"/cb", "/%63b", "//cb", "/./cb", "/cb?" + strings.Repeat("a=b&", 120)} {
		req := b.request(http.MethodGet, "/", nil)
		raw, query, _ := strings.Cut(path, "?")
		req.URL.Path, req.URL.RawPath = raw, raw
		if strings.Contains(raw, "%") {
			req.URL.Opaque = raw
		}
		req.URL.RawQuery = query + "state=garbage&code=leaked"
		if a := b.send(req); a.status == http.StatusOK || r.echo.Hits() != hits {
			t.Errorf("%s: %d, upstream hit %v", path, a.status, r.echo.Hits() != hits)
		}
	}
	if a := b.get("/other?state=theirs&code=theirs"); a.status != http.StatusOK { // positive control
		t.Errorf("elsewhere: %d", a.status)
	}
}

func TestLongTargetsOfSeveralTabs(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	type tab struct {
		target string
		reply  reply
	}
	var tabs []tab
	for i := range 6 {
		target := "/page?tab=" + string(rune('a'+i)) + "&q=" + strings.Repeat("x", 900)
		tabs = append(tabs, tab{target, b.begin(target)})
	}
	whole := 0
	for _, tab := range tabs {
		a := b.callback(tab.reply)
		switch {
		case a.location() == r.gateway.URL+tab.target:
			whole++
		case a.status == http.StatusOK && strings.Contains(a.body, "too long"): // two tabs met in one slot
		default:
			t.Errorf("%d to %.60q: the query is lost without a word", a.status, a.location())
		}
	}
	if whole == 0 {
		t.Error("no tab came back to its target")
	}
}

func TestPagesThatWaitForAPersonCloseNoLoop(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	var replies []reply
	for range 6 {
		replies = append(replies, b.begin("/page?q="+strings.Repeat("x", 5000)))
	}
	for i, reply := range replies {
		if a := b.callback(reply); a.status != http.StatusOK || !strings.Contains(a.body, "too long") {
			t.Errorf("tab %d: %d %s", i, a.status, a.body)
		}
	}
	// Positive control: as many redirects to one target are a loop.
	b, replies = r.browser(), replies[:0]
	for range 4 {
		replies = append(replies, b.begin("/page"))
	}
	last := 0
	for _, reply := range replies {
		last = b.callback(reply).status
	}
	if last != http.StatusInternalServerError {
		t.Errorf("positive control: %d", last)
	}
}

func TestKeyCookieThatDoesNotReachTheRedirectURIIsExplained(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"authorization_cookie_path": "/app"}})
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/cb"}})
	a := r.browser().get("/app")
	r.refused(a, http.StatusInternalServerError, 0)
	if a.location() != "" || !strings.Contains(a.body, "authorization_cookie_path") {
		t.Errorf("%d %s", a.status, a.body)
	}
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/app"}})
	r.browser().login("/app/x")
}

func TestCutTargetStaysWithinTheSessionCookiesPath(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"session_cookie_path": "/app"}})
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/app"}})
	b := r.browser()
	a := b.callback(b.begin("/app/" + strings.Repeat("x", 3000)))
	if a.status != http.StatusOK || !a.sets("session") || !strings.Contains(a.body, `href="`+r.gateway.URL+`/app"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestTargetAtAnotherPortOfTheHostGetsNoRedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/cb"}})
	b := r.browser()
	req := b.request(http.MethodGet, "/phish", nil)
	req.Host = "127.0.0.1:9999"
	a := b.send(req)
	r.refused(a, http.StatusInternalServerError, 0)
	if a.location() != "" {
		t.Errorf("a state for %q was sealed", a.location())
	}
	b.login("/page")
}

func TestStoreThatReadsButDoesNotWriteKeepsSessionsGoing(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"session_idling_timeout": 0, "session_rolling_timeout": 100}, idp: longTokens})
	b := r.browser()
	b.login("/")
	r.clock.advance(80 * time.Second) // renewal is due
	r.sessions.readOnly.Store(true)
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("got %d", a.status)
	}
	r.sessions.readOnly.Store(false)
	if a := b.get("/"); a.status != http.StatusOK || !a.sets("session") {
		t.Errorf("after it healed: %d, renewed %v", a.status, a.sets("session"))
	}
}

func TestStricterMaxAgeDoesNotAcceptAnOlderLoginsSession(t *testing.T) {
	t.Parallel()
	for _, change := range []map[string]any{{"max_age": 60}, {"require_proof_key_for_code_exchange": true}} {
		r := newRig(t, rigOptions{config: map[string]any{"require_proof_key_for_code_exchange": false}})
		b := r.browser()
		b.login("/")
		r.change(change)
		b.start("/")
	}
}
