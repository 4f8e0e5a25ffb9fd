package openidconnect_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestRefusedOpaqueTokenSaysWhy, to the log and, with display_errors, to whoever
// sent it.
func TestRefusedOpaqueTokenSaysWhy(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("introspection"), one("display_errors", true), one("cache_introspection", false))})
	introspection, info := r.tapped("introspection"), r.tapped("userinfo")
	info.respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	introspected := apiConfig("introspection")
	for _, tt := range []struct {
		methods map[string]any
		answer  string
		reason  string
	}{
		{introspected, `{"active":false}`, "introspection: the token is not active"},
		{introspected, `{"active":true,"exp":1}`, "introspection: exp"},
		{introspected, `{"active":true,"nbf":99999999999}`, "introspection: nbf"},
		{introspected, `{"active":true,"iss":"https://evil.test"}`, "introspection: iss"},
		{apiConfig("bearer"), "", "access token: no JWT"},
		{apiConfig("userinfo"), "", "user info: the token is not accepted"},
	} {
		r.change(tt.methods)
		introspection.respond(say(tt.answer))
		a := r.bearer("opaque")
		r.refused(a, http.StatusUnauthorized, 0)
		if _, logged := r.events.find(tt.reason); !logged || !strings.Contains(a.body, "Unauthorized ("+tt.reason+")") {
			t.Errorf("%s: logged %v, told %s", tt.reason, logged, a.body)
		}
	}
}

// TestTokenCacheKeysAreComplete: whatever shapes a token request tells the tokens
// apart that come of it, one kind of credential from another included.
func TestTokenCacheKeysAreComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("password"), map[string]any{
		"token_post_args_client": []any{"resource"}, "token_headers_client": []any{"x-tenant"},
	})})
	calls := 0
	ask := func(name string, fresh bool, target string, pairs ...string) {
		t.Helper()
		if fresh {
			calls++
		}
		a := r.call(http.MethodGet, target, "", append([]string{"Authorization", basicAuth(userName, "lovelace")}, pairs...)...)
		if a.status != http.StatusOK || r.idp.Calls("token") != calls {
			t.Errorf("%s: %d, %d calls, want %d", name, a.status, r.idp.Calls("token"), calls)
		}
	}
	ask("first", true, "/")
	ask("again", false, "/other")
	ask("another resource", true, "/?resource=a")
	ask("a third resource", true, "/?resource=b")
	ask("the other resource again", false, "/?resource=a")
	ask("another tenant", true, "/", "X-Tenant", "a")
	ask("tenant and resource are not mixed up", true, "/?resource=b", "X-Tenant", "a")
	for name, change := range map[string]map[string]any{
		"fixed arguments": {"token_post_args_names": []any{"audience"}, "token_post_args_values": []any{"api"}},
		"a fixed header":  {"token_headers_names": []any{"x-a"}, "token_headers_values": []any{"b"}},
		"another method":  {"token_endpoint_auth_method": "client_secret_post"},
	} {
		r.change(change)
		ask(name, true, "/")
	}
	// One header means a user first. That the IdP does not know one is remembered
	// of the password, not of the client of the same name.
	r.change(with(apiConfig("password", "client_credentials"), one("token_endpoint_auth_method", nil)))
	for range 2 {
		r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basicAuth(clientID, clientSecret)))
	}
	if n := r.idp.Calls("client_credentials"); n != 1 {
		t.Errorf("%d tokens for the client", n)
	}
}

// TestLeewayGivesUpEarlyOrLate: an access token that can be refreshed is, leeway
// before its end; one that cannot counts leeway longer.
func TestLeewayGivesUpEarlyOrLate(t *testing.T) {
	t.Parallel()
	for lie, want := range map[string]string{"": "200 200 200", "no-refresh-token": "200 200 302"} {
		r := newRig(t, rigOptions{config: one("leeway", 10), idp: shortTokens})
		refreshes := "0 1 2"
		if lie != "" {
			r.idp.Misbehave(lie)
			refreshes = "0 0 0"
		}
		b := r.browser()
		b.login("/")
		var got, counted []string
		for _, wait := range []time.Duration{45 * time.Second, 10 * time.Second, 55 * time.Second} {
			if lie != "" && wait == 55*time.Second {
				wait = 17 * time.Second // 72 s after the login
			}
			r.clock.advance(wait)
			got = append(got, status(b.get("/")))
			counted = append(counted, string(rune('0'+r.idp.Calls("refresh"))))
		}
		if strings.Join(got, " ") != want || strings.Join(counted, " ") != refreshes {
			t.Errorf("%q: %v after %v refreshes, want %s after %s", lie, got, counted, want, refreshes)
		}
	}
	// Late, without a refresh: still good 5 s after its end.
	r := newRig(t, rigOptions{config: one("leeway", 10), idp: shortTokens})
	r.idp.Misbehave("no-refresh-token")
	b := r.browser()
	b.login("/")
	r.clock.advance(65 * time.Second)
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("5 s after its end: %d", a.status)
	}
}

// TestArgumentsAreComparedDecodedAndWhole: a name counts however it is spelt, and
// nothing that only contains it does.
func TestArgumentsAreComparedDecodedAndWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("bearer", "session", "authorization_code"), one("logout_query_arg", "bye"), one("logout_methods", []any{"GET"}))})
	token := r.accessToken()
	for target, want := range map[string]int{
		"/?access_token=" + token: http.StatusOK, "/?%61ccess%5Ftoken=" + token: http.StatusOK, "/?a=b&access_token=" + token: http.StatusOK,
		"/?xaccess_token=" + token: http.StatusFound, "/?access_tokenx=" + token: http.StatusFound, "/?x=access_token=" + token: http.StatusFound,
		"/?access_token=" + token + "&%61ccess_token=x": http.StatusUnauthorized,
	} {
		if a := r.call(http.MethodGet, target, ""); a.status != want {
			t.Errorf("%.30s: %d, want %d", target, a.status, want)
		}
	}
	for query, want := range map[string]bool{"bye": true, "%62ye": true, "a=b&bye=": true, "goodbye": false, "byes": false, "x=bye": false, "x=%26bye": false} {
		b := r.browser()
		b.login("/")
		if got := b.get("/?"+query).status == http.StatusFound; got != want {
			t.Errorf("%s signs out: %v", query, got)
		}
	}
}

// TestSessionBoundToAnAddressBehindAProxy: the address is the user agent's, not
// that of the proxy that all share.
func TestSessionBoundToAnAddressBehindAProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: one("session_bind", []any{"ip"}), trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	b := r.browser()
	from := func(address, target string) answer {
		req := b.request(http.MethodGet, target, nil)
		req.Header.Set("X-Real-Ip", address)
		return b.send(req)
	}
	if a := from("203.0.113.1", b.authorize(from("203.0.113.1", "/").location()).uri); !a.sets("session") {
		t.Fatalf("login: %d %s", a.status, a.body)
	}
	for address, want := range map[string]int{"203.0.113.2": http.StatusFound, "203.0.113.1": http.StatusOK} {
		if a := from(address, "/"); a.status != want {
			t.Errorf("from %s: %d, want %d", address, a.status, want)
		}
	}
}

// TestBodyOfUnknownLengthLetsNobodyIn: a credential is looked for only in a body
// that says how long it is, so that without one the request is refused.
func TestBodyOfUnknownLengthLetsNobodyIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer")})
	body := url.Values{"access_token": {r.accessToken()}}.Encode()
	send := func(length int64) answer {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.gateway.URL+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.ContentLength = length
		return r.do(req)
	}
	r.refused(send(-1), http.StatusUnauthorized, 0)
	r.admitted(send(int64(len(body)))) // positive control
}

// TestRelayPageRepeatsTheCallbackAndNothingElse: the form that is sent once more
// from our own origin holds what is ours, escaped and bounded.
func TestRelayPageRepeatsTheCallbackAndNothingElse(t *testing.T) {
	t.Parallel()
	const markup = `"><script>alert(1)</script>`
	r := newRig(t, rigOptions{config: map[string]any{"response_mode": "form_post"}})
	b := r.browser()
	reply := b.begin("/page")
	reply.form.Set("session_state", markup)
	reply.form.Set("<script>", "x")
	reply.form.Set("transfer", "everything")
	relay := b.bare().callback(reply)
	_, fields, ok := pageForm(relay)
	if !ok || fields.Get("session_state") != markup || strings.Contains(relay.body, "<script>alert") {
		t.Errorf("not repeated, or not escaped: %d %s", relay.status, relay.body)
	}
	if fields.Has("<script>") || fields.Has("transfer") {
		t.Errorf("repeats %v", fields)
	}
	reply.form.Set("session_state", strings.Repeat("x", 9<<10))
	if a := b.bare().callback(reply); a.status < 400 || strings.Contains(a.body, "<form") {
		t.Errorf("9 KB are repeated: %d", a.status)
	}
}
