package openidconnect_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/plugins/openidconnect"
	"sallyport/internal/practiceidp"
)

// TestConfiguringAsksNobody: a plugin is created and changed without the IdP;
// the first request that needs it asks.
func TestConfiguringAsksNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: one("rediscovery_lifetime", 7)})
	r.change(one("leeway", 1))
	r.change(one("extra_jwks_uris", []any{r.idp.URL("jwks")}))
	if asked := r.idp.Calls("discovery") + r.idp.Calls("jwks"); asked != 0 {
		t.Errorf("%d calls before the first request", asked)
	}
	r.browser().start("/")
	if got := r.idp.Calls("discovery"); got != 1 {
		t.Errorf("%d documents for the first request", got)
	}
}

// TestPriorityIsKongs: where the plugin runs among others is part of what its
// users rely on.
func TestPriorityIsKongs(t *testing.T) {
	t.Parallel()
	if got := openidconnect.Definition(openidconnect.Deps{}).Priority; got != 1050 {
		t.Errorf("priority %d", got)
	}
}

// TestDerivedRedirectURIKeepsTheSpellingOfThePath: the IdP gets the path as it
// was sent, and the callback at it is recognised.
func TestDerivedRedirectURIKeepsTheSpellingOfThePath(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/my%20page", "/caf%C3%A9/%7Euser", "/a+b"} {
		r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) {
			own := o.Clients[0].RedirectURIs[0]
			o.Clients[0].RedirectURIs = []string{own + path[1:]}
		}})
		b := r.browser()
		if got := b.start(path + "?x=1").Get("redirect_uri"); got != r.gateway.URL+path {
			t.Errorf("%s: redirect_uri %q", path, got)
			continue
		}
		b.login(path + "?x=1")
	}
}

// TestRedirectsAreNeverCached: no-store for everyone, Pragma for HTTP/1.0 alone.
func TestRedirectsAreNeverCached(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	for version, want := range map[string]string{"HTTP/1.0": "no-cache", "HTTP/1.1": ""} {
		address := strings.TrimPrefix(r.gateway.URL, "http://")
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprintf(conn, "GET / %s\r\nHost: %s\r\nAccept: text/html\r\nConnection: close\r\n\r\n", version, address); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusFound || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Pragma") != want {
			t.Errorf("%s: %d %v", version, res.StatusCode, res.Header)
		}
	}
}

// TestGeneratedSecretIsNotInTheConfiguration: what the Admin API would return
// has none where none was given.
func TestGeneratedSecretIsNotInTheConfiguration(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: one("session_secret", nil)})
	r.browser().login("/")
	stored, ok := r.store.View().Get("plugins", "11111111-2222-3333-4444-555555555555")
	if !ok {
		t.Fatal("the plugin is not there")
	}
	settings, _ := stored["config"].(map[string]any)
	if settings["session_secret"] != nil || settings["client_secret"] == nil {
		t.Errorf("session_secret is %v", settings["session_secret"])
	}
}

// TestRefreshWithoutAnIDTokenKeepsTheOldOne: a provider need not send one
// (OpenID Connect Core section 12.2).
func TestRefreshWithoutAnIDTokenKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: one("upstream_id_token_header", "x-id-token"), idp: shortTokens})
	header := func(b *browser, name string) string {
		var seen struct{ Headers map[string]string }
		if err := json.Unmarshal([]byte(b.get("/").body), &seen); err != nil {
			t.Fatal(err)
		}
		return seen.Headers[name]
	}
	b := r.browser()
	b.login("/")
	first, access := header(b, "X-Id-Token"), header(b, "Authorization")
	r.idp.Misbehave("refresh-idtoken-absent")
	r.clock.advance(2 * time.Minute)
	if got := header(b, "X-Id-Token"); got != first || got == "" {
		t.Errorf("the id token is %q after the refresh", got)
	}
	if got := header(b, "Authorization"); got == access {
		t.Error("there was no refresh")
	}
	r.idp.Misbehave() // positive control: a new one replaces it
	r.clock.advance(2 * time.Minute)
	if got := header(b, "X-Id-Token"); got == first {
		t.Error("the new id token was not taken")
	}
}

// TestClaimValuesInHeaders: texts as they are, everything else as base64 of its
// JSON, and nothing for null.
func TestClaimValuesInHeaders(t *testing.T) {
	t.Parallel()
	paths := map[string][]any{
		"X-Text": {"text"}, "X-Number": {"number"}, "X-List": {"list"}, "X-Inner": {"object", "inner", "text"},
		"X-Object": {"object", "inner"}, "X-Null": {"null"}, "X-Null-Below": {"null", "below"}, "X-Text-Below": {"text", "below"},
	}
	var headers []any
	for name, path := range paths {
		headers = append(headers, map[string]any{"header": name, "path": path})
	}
	r := newRig(t, rigOptions{config: one("upstream_headers", headers), idp: func(o *practiceidp.Options) {
		o.Users[0].Claims = map[string]any{
			"text": "plain", "number": 7, "list": []string{"a", "b"}, "null": nil,
			"object": map[string]any{"inner": map[string]any{"text": "deep"}},
		}
	}})
	b := r.browser()
	b.login("/")
	req := b.request(http.MethodGet, "/", nil)
	for name := range paths {
		req.Header.Set(name, "forged")
	}
	var seen struct{ Headers map[string]string }
	if err := json.Unmarshal([]byte(b.send(req).body), &seen); err != nil {
		t.Fatal(err)
	}
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, want := range map[string]string{
		"X-Text": "plain", "X-Number": "7", "X-List": encoded(`["a","b"]`), "X-Inner": "deep",
		"X-Object": encoded(`{"text":"deep"}`), "X-Null": "", "X-Null-Below": "", "X-Text-Below": "",
	} {
		if got := seen.Headers[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestNoHeaderLetsAnAnonymousRequestThrough: whatever a request says of itself,
// without a session it does not reach the upstream, and learns nothing of it.
func TestNoHeaderLetsAnAnonymousRequestThrough(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	claims := [][2]string{
		{"Accept", "*/*"},
		{"Accept", "application/json"},
		{"Accept", "text/event-stream"},
		{"Accept", ""},
		{"User-Agent", "kube-probe/1.30"},
		{"User-Agent", "GoogleHC/1.0"},
		{"User-Agent", "ELB-HealthChecker/2.0"},
		{"User-Agent", ""},
		{"Sec-Fetch-Mode", "cors"},
		{"Sec-Fetch-Mode", "navigate"},
		{"Sec-Fetch-Site", "same-origin"},
		{"Sec-Fetch-Dest", "image"},
		{"Upgrade", "websocket"},
		{"Upgrade", "h2c"},
		{"Connection", "Upgrade, Authorization, Cookie"},
		{"X-Requested-With", "XMLHttpRequest"},
		{"Purpose", "prefetch"},
		{"Origin", "null"},
		{"Access-Control-Request-Method", "GET"},
		{"Authorization", "Bearer forged"},
		{"Authorization", "Basic YTpi"},
		{"X-Access-Token", "forged"},
		{"Cookie", "session=forged"},
		{"X-Consumer-Id", "1"},
		{"X-Forwarded-For", "127.0.0.1"},
		{"X-Real-IP", "127.0.0.1"},
		{"X-Original-Method", "OPTIONS"},
		{"X-HTTP-Method-Override", "OPTIONS"},
		{"X-Original-URL", "/public"},
		{"Content-Type", "application/x-www-form-urlencoded"},
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
		for _, claim := range claims {
			b := r.browser()
			req := b.request(method, "/page?health=1", nil)
			req.Header.Set(claim[0], claim[1])
			a := b.send(req)
			if r.echo.Hits() != 0 || a.status/100 == 2 || strings.Contains(a.body, "/anything") {
				t.Fatalf("%s with %s: %s: %d, %d upstream hits", method, claim[0], claim[1], a.status, r.echo.Hits())
			}
		}
	}
	b := r.browser() // positive control
	b.login("/page")
	if a := b.get("/page"); a.status != http.StatusOK || r.echo.Hits() != 1 {
		t.Errorf("with a session: %d", a.status)
	}
}

// TestWhatTheIdPTakesAwayCountsAfterTheRefresh: rules ask the tokens of now, not
// those of the login.
func TestWhatTheIdPTakesAwayCountsAfterTheRefresh(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: shortTokens, config: map[string]any{
		"scopes": []any{"openid", "email"}, "scopes_required": []any{"email"},
	}})
	b := r.browser()
	b.login("/")
	if a := b.get("/"); a.status != http.StatusOK {
		t.Fatalf("positive control: %d", a.status)
	}
	// From now on a refresh brings a token for less.
	r.change(map[string]any{"token_post_args_names": []any{"scope"}, "token_post_args_values": []any{"openid"}})
	if a := b.get("/"); a.status != http.StatusOK {
		t.Fatalf("before the refresh: %d", a.status)
	}
	hits := r.echo.Hits()
	r.clock.advance(2 * time.Minute)
	r.refused(b.get("/"), http.StatusForbidden, hits)
	if r.idp.Calls("refresh") != 1 || r.idp.Seen("token").Form.Get("scope") != "openid" {
		t.Errorf("%d refreshes, scope %q", r.idp.Calls("refresh"), r.idp.Seen("token").Form.Get("scope"))
	}
}

// TestRefreshSendsNoRedirectURI: it belongs to the code alone (RFC 6749 section
// 4.1.3).
func TestRefreshSendsNoRedirectURI(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: shortTokens})
	b := r.browser()
	b.login("/")
	redirect := func(form url.Values) string { return form.Get("grant_type") + " " + form.Get("redirect_uri") }
	if got := redirect(r.idp.Seen("token").Form); got != "authorization_code "+r.gateway.URL+"/" {
		t.Errorf("code: %q", got)
	}
	r.clock.advance(2 * time.Minute)
	b.get("/")
	if got := redirect(r.idp.Seen("token").Form); got != "refresh_token " {
		t.Errorf("refresh: %q", got)
	}
}

// TestOneSetCookieForEachCookie: a session that is rotated and ended by the same
// request is ended in a single line, and the cookies of others stay.
func TestOneSetCookieForEachCookie(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{idp: shortTokens, config: one("scopes_required", []any{"openid"})})
	b := r.browser()
	b.login("/")
	r.clock.advance(2 * time.Minute)
	rotated := b.get("/").header["Set-Cookie"]
	if len(rotated) != 1 || strings.Contains(rotated[0], "Max-Age=0") {
		t.Fatalf("positive control: the rotated cookie alone, not %q", rotated)
	}
	r.change(one("scopes_required", []any{"admin"}))
	r.clock.advance(2 * time.Minute)
	a := b.get("/")
	seen := map[string]int{}
	for _, line := range a.header["Set-Cookie"] {
		seen[attribute(answer{header: http.Header{"Set-Cookie": {line}}}, "session", "")+line[strings.Index(line, "; "):]]++
		if !strings.Contains(line, "Max-Age=0") {
			t.Errorf("a session that has ended is set: %s", line)
		}
	}
	for line, n := range seen {
		if n != 1 {
			t.Errorf("%d lines for %s", n, line)
		}
	}
	if a.status != http.StatusForbidden || len(seen) == 0 || b.cookie("session") != "" {
		t.Errorf("got %d, cookies %q", a.status, a.header["Set-Cookie"])
	}
}

// TestUserInfoIsCheckedWhateverElseIsNot: switching checks of the ID token off
// changes nothing for user info.
func TestUserInfoIsCheckedWhateverElseIsNot(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{
		"search_user_info": true, "verify_signature": false, "verify_claims": false, "verify_nonce": false,
	}})
	r.idp.Misbehave("userinfo-invalid-sub")
	b := r.browser()
	r.refused(b.callback(b.begin("/")), http.StatusUnauthorized, 0)
	r.idp.Misbehave()
	r.browser().login("/") // positive control
}

// TestRefusalNeedsNoDocument: who must be refused is refused, whatever is wrong
// with the provider.
func TestRefusalNeedsNoDocument(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{"discovery-issuer-mismatch", "discovery-no-endpoints", "discovery-500"} {
		r := newRig(t, rigOptions{})
		r.idp.Misbehave(lie)
		b := r.browser()
		req := b.request(http.MethodGet, "/", nil)
		req.Header.Set("X-Requested-With", "XMLHttpRequest")
		r.refused(b.send(req), http.StatusUnauthorized, 0)
		if a := r.browser().get("/"); a.status < 500 { // positive control: a login needs it
			t.Errorf("%s: a login begins with %d", lie, a.status)
		}
	}
}

// TestDoubtfulCallbacksRedeemNothing: what is missing or there twice is not made
// up for, or chosen from.
func TestDoubtfulCallbacksRedeemNothing(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"query", "form_post"} {
		r := newRig(t, rigOptions{config: one("response_mode", mode)})
		for _, lie := range []string{"code-twice", "code-and-error", "code-missing", "state-invalid", "state-missing"} {
			b := r.browser()
			r.idp.Misbehave(lie)
			a := b.callback(b.begin("/"))
			if action, fields, ok := pageForm(a); ok { // posted across sites: repeated from our own
				a = b.post(action, fields)
			}
			if a.sets("session") || r.echo.Hits() != 0 || r.idp.Calls("token") != 0 || a.status < 400 && !strings.HasPrefix(a.location(), r.idp.URL("authorize")) {
				t.Errorf("%s, %s: %d to %q, %d token requests", mode, lie, a.status, a.location(), r.idp.Calls("token"))
			}
		}
		r.idp.Misbehave()
		r.browser().login("/") // positive control
	}
}

// TestScopesTellEntriesOfTheTokenCacheApart: tokens for some scopes are not
// handed out for others.
func TestScopesTellEntriesOfTheTokenCacheApart(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("password"), one("scopes", []any{"openid"}))})
	calls := func() int {
		r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace"))
		return r.idp.Calls("token")
	}
	if first, again := calls(), calls(); first != 1 || again != 1 {
		t.Errorf("%d calls, then %d: nothing is cached", first, again)
	}
	r.change(one("scopes", []any{"openid", "email"}))
	if got := calls(); got != 2 {
		t.Errorf("%d calls after other scopes were asked for", got)
	}
}
