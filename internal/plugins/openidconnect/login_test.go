package openidconnect_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestLoginBringsTheBrowserWithABearerTokenToTheUpstream(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"query", "form_post"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: map[string]any{"response_mode": mode}})
			b := r.browser()
			q := b.start("/?hello=world&a=b%20c")
			for name, want := range map[string]string{
				"response_type": "code", "response_mode": mode, "scope": "openid", "client_id": clientID,
				"redirect_uri": r.gateway.URL + "/", "code_challenge_method": "S256",
			} {
				if q.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, q.Get(name), want)
				}
			}
			if len(q.Get("nonce")) != 43 || q.Get("state") == "" || len(q.Get("state")) > 1024 || len(q.Get("code_challenge")) != 43 {
				t.Errorf("nonce %q, state %q, code_challenge %q", q.Get("nonce"), q.Get("state"), q.Get("code_challenge"))
			}
			b.login("/?hello=world&a=b%20c")
			hits := r.idp.Calls("token") + r.idp.Calls("discovery") + r.idp.Calls("jwks")
			a := b.get("/?hello=world")
			var seen struct {
				Args    map[string]string
				Headers map[string]string
			}
			if err := json.Unmarshal([]byte(a.body), &seen); err != nil {
				t.Fatalf("%v in %s", err, a.body)
			}
			if seen.Args["hello"] != "world" || !strings.HasPrefix(seen.Headers["Authorization"], "Bearer ey") {
				t.Errorf("the upstream saw %+v", seen)
			}
			if c := seen.Headers["Cookie"]; strings.Contains(c, "session=") || strings.Contains(c, "authorization=") {
				t.Errorf("the upstream got our cookies: %s", c)
			}
			if got := r.idp.Calls("token") + r.idp.Calls("discovery") + r.idp.Calls("jwks"); got != hits {
				t.Errorf("%d further calls to the IdP for a live session", got-hits)
			}
			if strings.Contains(r.log.String(), clientSecret) || strings.Contains(r.log.String(), "planted") {
				t.Error("a secret is in the log")
			}
		})
	}
}

func TestRequestThatIsNoNavigationGets401InPlaceOfARedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	for name, header := range map[string][2]string{
		"fetch": {"Sec-Fetch-Mode", "cors"}, "image": {"Sec-Fetch-Mode", "no-cors"},
		"XMLHttpRequest": {"X-Requested-With", "XMLHttpRequest"}, "WebSocket": {"Upgrade", "websocket"},
	} {
		b := r.browser()
		req := b.request(http.MethodGet, "/", nil)
		req.Header.Set(header[0], header[1])
		req.Header.Set("Accept", "*/*")
		a := b.send(req)
		if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer realm=") || len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: got %d, %v", name, a.status, a.header)
		}
	}
	r.browser().start("/") // positive control
}
