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

func longTokens(o *practiceidp.Options) { o.AccessTokenTTL = 100 * time.Hour }

// altered returns a reply by query with one parameter changed.
func altered(t *testing.T, r reply, change func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(r.uri)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	change(q)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestCallbackWithABadStateIsRefusedWithoutATarget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(url.Values)
		status int
	}{
		{"missing", func(q url.Values) { q.Del("state") }, 401},
		{"empty", func(q url.Values) { q.Set("state", "") }, 401},
		{"altered", func(q url.Values) {
			s := q.Get("state")
			q.Set("state", s[:40]+string('A'+(s[40]+1)%26)+s[41:])
		}, 401},
		{"cut", func(q url.Values) { q.Set("state", q.Get("state")[:60]) }, 401},
		{"huge", func(q url.Values) { q.Set("state", strings.Repeat("A", 30000)) }, 401},
		{"duplicated", func(q url.Values) { q.Add("state", q.Get("state")) }, 400},
		{"code duplicated", func(q url.Values) { q.Add("code", "other") }, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, redirect := range []string{"", "/cb"} {
				r := newRig(t, rigOptions{})
				if redirect != "" {
					r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + redirect}})
				}
				b := r.browser()
				reply := b.begin("/")
				a := b.get(altered(t, reply, tt.change))
				r.refused(a, tt.status, 0)
				if strings.Contains(a.body, "Start again") || a.location() != "" {
					t.Errorf("a target is offered: %s", a.body)
				}
				if r.idp.Calls("token") != 0 {
					t.Error("the code was redeemed")
				}
				if e, found := r.events.find("state"); !found || e.Flow == "" || !strings.Contains(a.body, e.Flow) {
					t.Errorf("page and log do not share a flow id: %+v", e)
				}
				if ok := b.callback(reply); ok.status != http.StatusFound || !ok.sets("session") { // positive control
					t.Errorf("the unaltered callback gives %d %s", ok.status, ok.body)
				}
			}
		})
	}
}

func TestCallbackOfAnotherPluginOrGatewayIsRefused(t *testing.T) {
	t.Parallel()
	one := newRig(t, rigOptions{})
	other := newRig(t, rigOptions{config: map[string]any{"leeway": 7}})                                  // another realm, the same secret
	foreign := newRig(t, rigOptions{config: map[string]any{"session_secret": "another planted secret"}}) // another gateway
	for name, from := range map[string]*rig{"plugin": other, "gateway": foreign} {
		reply := from.browser().begin("/")
		u, err := url.Parse(reply.uri)
		if err != nil {
			t.Fatal(err)
		}
		b := one.browser()
		b.begin("/") // its own login is under way
		a := b.get("/?" + u.RawQuery)
		one.refused(a, http.StatusUnauthorized, 0)
		if one.idp.Calls("token") != 0 {
			t.Errorf("of another %s: the code was redeemed", name)
		}
	}
	one.browser().login("/")
}

func TestExpiredCallbackStartsAgainOnceAndThenShowsAPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	reply := b.begin("/page?x=1")
	r.clock.advance(11 * time.Minute)
	a := b.callback(reply)
	if a.status != http.StatusFound || !strings.HasPrefix(a.location(), r.idp.URL("authorize")) {
		t.Fatalf("got %d to %q, want a new login", a.status, a.location())
	}
	r.refused(a, http.StatusFound, 0)
	second := b.authorize(a.location())
	r.clock.advance(11 * time.Minute)
	a = b.callback(second)
	r.refused(a, http.StatusUnauthorized, 0)
	if !strings.Contains(a.body, `href="`+r.gateway.URL+`/page?x=1"`) {
		t.Errorf("the page does not offer the saved target: %s", a.body)
	}
	r.browser().login("/page?x=1")
}

func TestUsedCallbackIsNotRedeemedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	reply := b.begin("/page")
	first := b.callback(reply)
	if !first.sets("session") {
		t.Fatalf("positive control: %d", first.status)
	}
	// With the session: straight to the target, nothing redeemed.
	if a := b.callback(reply); a.status != http.StatusFound || a.location() != r.gateway.URL+"/page" || r.idp.Calls("code") != 1 {
		t.Errorf("with a session: %d to %q, %d redemptions", a.status, a.location(), r.idp.Calls("code"))
	}
	// Without it, in the same browser: used.
	u, _ := url.Parse(r.gateway.URL)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "session" {
			b.jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: "gone", MaxAge: -1, Path: "/"}})
		}
	}
	a := b.callback(reply)
	if r.idp.Calls("code") != 1 || a.sets("session") || a.status != http.StatusFound || !strings.HasPrefix(a.location(), r.idp.URL("authorize")) {
		t.Errorf("without a session: %d to %q, %d redemptions", a.status, a.location(), r.idp.Calls("code"))
	}
}

func TestCallbackInAnotherBrowserSignsNobodyIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	attacker := r.browser()
	reply := attacker.begin("/")
	victims := map[string]*browser{"without a login of its own": r.browser(), "with a login of its own": r.browser()}
	victims["with a login of its own"].begin("/")
	for name, victim := range victims {
		req := victim.request(http.MethodGet, reply.uri, nil)
		req.Header.Set("Accept", "application/json") // no automatic new login
		a := victim.send(req)
		r.refused(a, http.StatusUnauthorized, 0)
		if r.idp.Calls("token") != 0 {
			t.Errorf("%s: the attacker's code was redeemed", name)
		}
	}
	// Nor does the attacker's key cookie help when the victim has its own.
	victim := victims["with a login of its own"]
	u, _ := url.Parse(r.gateway.URL)
	var planted string
	for _, c := range attacker.jar.Cookies(u) {
		if c.Name == "authorization" {
			planted = c.Value
		}
	}
	req := victim.request(http.MethodGet, reply.uri, nil)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cookie", "authorization="+planted) // beside the jar's own: tossed by a sibling subdomain
	a := victim.send(req)
	r.refused(a, http.StatusUnauthorized, 0)
	if ok := attacker.callback(reply); !ok.sets("session") { // positive control
		t.Errorf("the browser that started the login: %d %s", ok.status, ok.body)
	}
}

func TestCodeOfAnotherLoginFailsAtTheNonce(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) { o.OmitPKCEMethods = true }})
	attacker, victim := r.browser(), r.browser()
	stolen := attacker.begin("/")
	reply := victim.begin("/")
	s, _ := url.Parse(stolen.uri)
	a := victim.get(altered(t, reply, func(q url.Values) { q.Set("code", s.Query().Get("code")) }))
	r.refused(a, http.StatusUnauthorized, 0)
	if e, ok := r.events.find("id token: nonce"); !ok {
		t.Errorf("the nonce did not stop it: %+v", e)
	}
	r.browser().login("/")
}

func TestCallbackWithAnotherContentType(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{"response_mode": "form_post"}})
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/cb"}})
	b := r.browser()
	reply := b.begin("/")
	for _, contentType := range []string{"text/plain", "application/json", "multipart/form-data; boundary=x", ""} {
		req := b.request(http.MethodPost, reply.uri, strings.NewReader(reply.form.Encode()))
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		r.refused(b.send(req), http.StatusBadRequest, 0)
	}
	if a := b.callback(reply); !a.sets("session") {
		t.Errorf("positive control: %d %s", a.status, a.body)
	}
}

func TestForeignHostOnAHostlessRouteStartsNoLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/cb"}})
	b := r.browser()
	req := b.request(http.MethodGet, "/", nil)
	req.Host = "evil.test"
	a := b.send(req)
	r.refused(a, http.StatusInternalServerError, 0)
	if a.location() != "" || strings.Contains(a.body, `href="http://evil.test`) {
		t.Errorf("a way to the foreign host: %v %s", a.header, a.body)
	}
	b.login("/")
}

func TestApplicationsOwnStateAndCodeAreNotOurs(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	// Right after our login, the key cookie still there.
	a := b.get("/page?state=theirs&code=theirs")
	if a.status != http.StatusOK || !strings.Contains(a.body, "theirs") {
		t.Errorf("the application's own callback gives %d %s", a.status, a.body)
	}
	if a := r.browser().get("/page?state=of-a-list"); a.status != http.StatusFound {
		t.Errorf("an ordinary argument called state gives %d", a.status)
	}
	if a := b.post("/page", url.Values{"state": {"NY"}, "code": {"10001"}}); a.status != http.StatusOK || !strings.Contains(a.body, "10001") {
		t.Errorf("an application's form gives %d %s", a.status, a.body)
	}
}

func TestIdPErrorsOnTheCallback(t *testing.T) {
	t.Parallel()
	for lie, status := range map[string]int{
		"callback-error-markup": 401, "callback-error-code-markup": 401, "callback-error-newline": 401,
		"callback-login_required": 401, "callback-interaction_required": 401, "callback-consent_required": 401,
		"callback-account_selection_required": 401, "callback-invalid_request": 500, "callback-unauthorized_client": 500,
		"callback-invalid_scope": 500, "callback-unsupported_response_type": 500, "callback-server_error": 503,
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{})
			r.idp.Misbehave(lie)
			b := r.browser()
			a := b.callback(b.begin("/"))
			r.refused(a, status, 0)
			if a.location() != "" {
				t.Errorf("a loop: redirect to %q", a.location())
			}
			if strings.Contains(a.body, "<script") || strings.Contains(a.body, "<b>") || strings.Contains(a.body, "<img") {
				t.Errorf("mark-up of the IdP is live: %s", a.body)
			}
			if len(a.header["Set-Cookie"]) > 1 {
				t.Errorf("cookies: %v", a.header["Set-Cookie"])
			}
			r.idp.Misbehave()
			r.browser().login("/")
		})
	}
}

func TestTemporarilyUnavailableStartsAgainOnceThenIs503(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.idp.Misbehave("callback-temporarily_unavailable")
	b := r.browser()
	a := b.callback(b.begin("/page"))
	if a.status != http.StatusFound || !strings.HasPrefix(a.location(), r.idp.URL("authorize")) {
		t.Fatalf("got %d to %q", a.status, a.location())
	}
	second := b.authorize(a.location())
	r.refused(b.callback(second), http.StatusServiceUnavailable, 0)
	// Positive control: the restart succeeds where the IdP has recovered.
	b = r.browser()
	a = b.callback(b.begin("/page"))
	r.idp.Misbehave()
	if a = b.callback(b.authorize(a.location())); a.location() != r.gateway.URL+"/page" || !a.sets("session") {
		t.Errorf("got %d to %q", a.status, a.location())
	}
}

func TestRedirectsStayOnOurHost(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/cb"}})
	own, _ := url.Parse(r.gateway.URL)
	for _, path := range []string{
		"//evil.test", "///evil.test/x", "/%2F%2Fevil.test", "/%252f%252fevil.test", "/%5Cevil.test", "/%5c%5cevil.test",
		"/.//evil.test", "/x/..//evil.test", "/%09/evil.test", "/?next=//evil.test", "/@evil.test", "/;@evil.test",
		"/%0d%0aSet-Cookie:%20a=b", "/?q=%0d%0aLocation:%20http://evil.test",
	} {
		b := r.browser()
		req := b.request(http.MethodGet, "/", nil)
		raw, query, _ := strings.Cut(path, "?")
		req.URL.Opaque, req.URL.RawQuery = raw, query
		if strings.HasPrefix(raw, "//") {
			req.URL.Opaque = "" // an opaque //x would become an authority
			req.URL.Path = raw
		}
		a := b.send(req)
		if a.status == http.StatusBadRequest {
			continue // refused outright
		}
		if a.status != http.StatusFound {
			t.Errorf("%s: got %d", path, a.status)
			continue
		}
		end := b.callback(b.authorize(a.location()))
		u, err := url.Parse(end.location())
		if err != nil || u.Host != own.Host || u.Scheme != "http" || strings.Contains(end.location(), `\`) || u.User != nil {
			t.Errorf("%s: sent to %q", path, end.location())
		}
		if strings.ContainsAny(end.location(), "\r\n") || len(end.header["Set-Cookie"]) > 3 {
			t.Errorf("%s: header injected: %v", path, end.header)
		}
	}
}

func TestForwardedHeadersOfAnUntrustedPeerChangeNothing(t *testing.T) {
	t.Parallel()
	forge := func(req *http.Request) {
		for name, value := range map[string]string{
			"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "1@evil.test",
			"X-Forwarded-Prefix": "//evil.test", "X-Forwarded-Path": "/evil", "Forwarded": "host=evil.test;proto=https",
			"X-Original-Url": "/evil", "X-Rewrite-Url": "/evil",
		} {
			req.Header.Set(name, value)
		}
	}
	r := newRig(t, rigOptions{})
	b := r.browser()
	req := b.request(http.MethodGet, "/page", nil)
	forge(req)
	a := b.send(req)
	u, _ := url.Parse(a.location())
	if got := u.Query().Get("redirect_uri"); got != r.gateway.URL+"/page" {
		t.Errorf("redirect_uri is %q", got)
	}
	end := b.callback(b.authorize(a.location()))
	if end.location() != r.gateway.URL+"/page" {
		t.Errorf("sent to %q", end.location())
	}
	// Positive control: a trusted peer is believed.
	trusting := newRig(t, rigOptions{trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	b = trusting.browser()
	req = b.request(http.MethodGet, "/page", nil)
	req.Header.Set("X-Forwarded-Proto", "https")
	req.Header.Set("X-Forwarded-Host", "public.test")
	req.Header.Set("X-Forwarded-Port", "443")
	a = b.send(req)
	u, _ = url.Parse(a.location())
	if got := u.Query().Get("redirect_uri"); got != "https://public.test/page" {
		t.Errorf("a trusted peer's redirect_uri is %q", got)
	}
}

func TestCallbackAtAnotherRedirectURIIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	reply := b.begin("/app")
	u, err := url.Parse(reply.uri)
	if err != nil {
		t.Fatal(err)
	}
	a := b.get("/page?" + u.RawQuery)
	r.refused(a, http.StatusUnauthorized, 0)
	if r.idp.Calls("token") != 0 {
		t.Error("the code was redeemed")
	}
	if ok := b.callback(reply); !ok.sets("session") { // positive control
		t.Errorf("at its own: %d %s", ok.status, ok.body)
	}
}

func TestStateExpiresAlsoWhereTheKeyCookieIsFresh(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	old := b.begin("/page")
	r.clock.advance(6 * time.Minute)
	fresh := b.begin("/app") // re-sends the key cookie with fresh time
	r.clock.advance(6 * time.Minute)
	a := b.callback(old)
	if a.sets("session") || r.idp.Calls("token") != 0 {
		t.Errorf("a state of twelve minutes was accepted: %d", a.status)
	}
	if a := b.callback(fresh); !a.sets("session") && r.idp.Calls("code") == 0 { // positive control: six minutes old
		t.Errorf("the fresh one: %d %s", a.status, a.body)
	}
}
