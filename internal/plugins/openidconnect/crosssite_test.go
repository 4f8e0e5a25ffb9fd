package openidconnect_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// bare is a browser that withholds its cookies, as Chromium does for a
// cross-site POST.
func (b *browser) bare() *browser {
	return &browser{r: b.r, jar: b.jar, client: &http.Client{
		Transport:     b.client.Transport,
		Timeout:       b.client.Timeout,
		CheckRedirect: b.client.CheckRedirect,
	}}
}

func TestCallbackWhoseCookiesWereWithheldIsRepeatedFromOurOrigin(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"response_mode": "form_post"}})
	b := r.browser()
	reply := b.begin("/page?x=1")
	relay := b.bare().callback(reply)
	action, fields, ok := pageForm(relay)
	if !ok || action != r.gateway.URL+"/page" || fields.Get("state") != reply.form.Get("state") || fields.Get("code") != reply.form.Get("code") {
		t.Fatalf("no repeat of the same fields: %d %s", relay.status, relay.body)
	}
	csp := relay.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s is missing in %s", want, csp)
		}
	}
	if strings.Contains(csp, "form-action") || relay.header.Get("Cache-Control") != "no-store" {
		t.Errorf("policy %q, %v", csp, relay.header)
	}
	if r.idp.Calls("token") != 0 || r.echo.Hits() != 0 || relay.sets("session") {
		t.Error("the unmarked callback had an effect")
	}
	a := b.post(action, fields)
	if a.location() != r.gateway.URL+"/page?x=1" || !a.sets("session") {
		t.Errorf("the repeat: %d to %q %s", a.status, a.location(), a.body)
	}
}

func TestMarkedRequestIsHandledAsACallbackOrRefusedNeverProxied(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	hits := r.echo.Hits()
	a := b.post("/page", url.Values{"sallyport_relay": {"1"}, "transfer": {"everything"}})
	if a.status == http.StatusOK || r.echo.Hits() != hits {
		t.Errorf("a forged mark was proxied: %d", a.status)
	}
	if a := b.get("/page?sallyport_relay=1"); a.status == http.StatusOK || r.echo.Hits() != hits {
		t.Errorf("a forged mark in the query was proxied: %d", a.status)
	}
	if a := b.post("/page", url.Values{"transfer": {"everything"}}); a.status != http.StatusOK { // positive control
		t.Errorf("without the mark: %d", a.status)
	}
}

func TestSecondTabsCallbackGoesToItsTarget(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"query", "form_post"} {
		r := newRig(t, rigOptions{config: map[string]any{"response_mode": mode}})
		b := r.browser()
		one, two := b.begin("/page?tab=1"), b.begin("/page?tab=2")
		if a := b.callback(one); a.location() != r.gateway.URL+"/page?tab=1" {
			t.Fatalf("%s: first tab: %d to %q", mode, a.status, a.location())
		}
		codes := r.idp.Calls("code")
		if a := b.callback(two); a.location() != r.gateway.URL+"/page?tab=2" {
			t.Errorf("%s: second tab: %d to %q", mode, a.status, a.location())
		}
		if r.idp.Calls("code") != codes {
			t.Errorf("%s: the second tab redeemed a code in spite of a session", mode)
		}
		if a := b.get("/"); a.status != http.StatusOK {
			t.Errorf("%s: %d", mode, a.status)
		}
	}
}

var moveOn = regexp.MustCompile(`<meta http-equiv="refresh" content="0;url=([^"]*)">`)

func TestStrictSessionCookieIsCarriedByAPageOfOurOrigin(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"session_cookie_same_site": "Strict", "authorization_cookie_same_site": "Strict"}})
	b := r.browser()
	reply := b.begin("/page?x=1&y=2")
	relay := b.bare().callback(reply)
	m := moveOn.FindStringSubmatch(relay.body)
	if relay.status != http.StatusOK || m == nil {
		t.Fatalf("no repeat: %d %s", relay.status, relay.body)
	}
	end := b.get(html.UnescapeString(m[1]))
	m = moveOn.FindStringSubmatch(end.body)
	if end.status != http.StatusOK || m == nil || html.UnescapeString(m[1]) != r.gateway.URL+"/page?x=1&y=2" || !end.sets("session") {
		t.Fatalf("no page that moves on: %d %v %s", end.status, end.header, end.body)
	}
}

func TestFourthRedirectToOneTargetWithinHalfAMinuteIsAPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	u, _ := url.Parse(r.gateway.URL)
	drop := func() {
		b.jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: "x", Path: "/", MaxAge: -1}})
	}
	for range 3 {
		b.login("/")
		drop()
	}
	a := b.callback(b.begin("/"))
	if a.status != http.StatusInternalServerError || a.location() != "" || !strings.Contains(a.body, "circles") {
		t.Errorf("the fourth: %d to %q", a.status, a.location())
	}
	drop()
	r.clock.advance(40 * time.Second)
	b.login("/")
}

func TestCookiesThatABrowserWouldDropAreExplained(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]map[string]any{
		"Secure session cookie on http":  {"session_cookie_secure": true},
		"SameSite=None on http":          {"session_cookie_same_site": "None"},
		"Secure key cookie on http":      {"authorization_cookie_secure": true},
		"path that the target is not in": {"session_cookie_path": "/elsewhere"},
		"domain of another host":         {"session_cookie_domain": "other.test"},
	} {
		r := newRig(t, rigOptions{config: c})
		a := r.browser().get("/page")
		r.refused(a, http.StatusInternalServerError, 0)
		if a.location() != "" || r.idp.Calls("authorize") != 0 || !strings.Contains(a.body, "cannot work here") {
			t.Errorf("%s: %d to %q %s", name, a.status, a.location(), a.body)
		}
	}
	newRig(t, rigOptions{config: map[string]any{"session_cookie_path": "/page"}}).browser().login("/page")
}
