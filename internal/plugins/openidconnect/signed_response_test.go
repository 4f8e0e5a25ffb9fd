package openidconnect_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/flow"
	"sallyport/internal/practiceidp"
)

// TestSignedResponses has the rows fapi2ms/ of the conformance suite and what it
// leaves out, over the three modes: what breaks a rule of JARM is refused before
// the code is redeemed.
func TestSignedResponses(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]string{
		"jarm-without-iss":      "authorization response: iss",
		"jarm-invalid-iss":      "authorization response: iss",
		"jarm-without-aud":      "authorization response: aud",
		"jarm-invalid-aud":      "authorization response: aud",
		"jarm-without-exp":      "authorization response: exp",
		"jarm-expired-exp":      "authorization response: exp",
		"jarm-invalid-sig":      "authorization response: signature",
		"jarm-other-key":        "authorization response: signature",
		"jarm-hs256-public-key": "authorization response: algorithm",
		"jarm-alg-none":         "state",
		"jarm-unsigned":         "state",
		"jarm-without-state":    "state",
		"jarm-invalid-state":    "state",
		"jarm-code-number":      "authorization response",
	} {
		for _, mode := range []string{"jwt", "query.jwt", "form_post.jwt"} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, rigOptions{config: map[string]any{"response_mode": mode}})
				b := r.browser()
				b.login("/page") // the positive control, which also fills the caches
				redeemed, hits := r.idp.Calls("code"), r.echo.Hits()
				r.idp.Misbehave(name)
				stranger := r.browser()
				reply := stranger.begin("/page")
				a := stranger.callback(reply)
				if action, fields, ok := pageForm(a); ok { // the repeat from our own origin
					if len(fields) != 2 || fields.Get("sallyport_relay") != "1" || fields.Get("response") != reply.form.Get("response") {
						t.Errorf("the relay page repeats %v", fields)
					}
					a = stranger.post(action, fields)
				}
				r.refused(a, http.StatusUnauthorized, hits)
				if a.location() != "" || r.idp.Calls("code") != redeemed {
					t.Errorf("sent to %q, %d redemptions", a.location(), r.idp.Calls("code")-redeemed)
				}
				if e, ok := r.events.find(rule); !ok || e.Verdict != flow.Refused {
					t.Errorf("no refusing event %q: %+v\n%s", rule, e, r.log)
				}
			})
		}
	}
}

// TestSignedResponseBindings: the state inside a signed response is bound to
// browser, plugin and time, and used once, as one outside is (C8).
func TestSignedResponseBindings(t *testing.T) {
	t.Parallel()
	jarm := rigOptions{config: map[string]any{"response_mode": "jwt"}}
	t.Run("another browser", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		reply := r.browser().begin("/")
		victim := r.browser()
		victim.start("/") // has a key cookie of its own
		a := victim.callback(reply)
		if a.sets("session") || r.idp.Calls("code") != 0 {
			t.Errorf("got %d, %d redemptions", a.status, r.idp.Calls("code"))
		}
	})
	t.Run("used twice", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		b := r.browser()
		reply := b.begin("/")
		if a := b.callback(reply); !a.sets("session") {
			t.Fatalf("positive control: %d", a.status)
		}
		b.forget("session")
		if a := b.callback(reply); a.sets("session") || r.idp.Calls("code") != 1 {
			t.Errorf("got %d, %d redemptions", a.status, r.idp.Calls("code"))
		}
	})
	t.Run("beside other parameters", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		b := r.browser()
		reply := b.begin("/")
		honest := newRig(t, rigOptions{}).browser().begin("/")
		u, err := url.Parse(honest.uri)
		if err != nil {
			t.Fatal(err)
		}
		// A code and a state in the clear do not count: those inside do.
		if a := b.get(reply.uri + "&code=injected&state=" + u.Query().Get("state") + "&error=access_denied&iss=https://evil.test"); !a.sets("session") {
			t.Errorf("got %d\n%s", a.status, r.log)
		}
		if got := r.idp.Seen("token").Form.Get("code"); got == "injected" || got == "" {
			t.Errorf("redeemed %q", got)
		}
	})
	t.Run("two responses", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		b := r.browser()
		reply := b.begin("/")
		r.refused(b.get(reply.uri+"&response=x.y.z"), http.StatusBadRequest, 0)
	})
	t.Run("iss twice, as Keycloak has it", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		r.idp.Misbehave("jarm-iss-twice")
		r.browser().login("/")
	})
	t.Run("an error", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		r.idp.Misbehave("callback-access_denied")
		b := r.browser()
		r.refused(b.callback(b.begin("/")), http.StatusUnauthorized, 0)
		if e, ok := r.events.find("authorization response"); !ok || e.Found != "access_denied" {
			t.Errorf("event %+v", e)
		}
	})
	t.Run("keys that cannot be had", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		b := r.browser()
		reply := b.begin("/")
		r.idp.Misbehave("jwks-500")
		r.refused(b.callback(reply), http.StatusServiceUnavailable, 0)
	})
	t.Run("an application's own parameter", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, jarm)
		b := r.browser()
		b.login("/")
		if a := b.get("/?response=mine"); a.status != http.StatusOK || !strings.Contains(a.body, "mine") {
			t.Errorf("got %d: the upstream did not get it", a.status)
		}
	})
}

// forget drops a cookie.
func (b *browser) forget(name string) {
	u, err := url.Parse(b.r.gateway.URL)
	if err != nil {
		b.r.t.Fatal(err)
	}
	b.jar.SetCookies(u, []*http.Cookie{{Name: name, Path: "/", MaxAge: -1}})
}

// TestPlainResponseIsReadAsBefore: without a signed mode a response parameter has
// no meaning.
func TestPlainResponseIsReadAsBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	reply := b.begin("/")
	if a := b.get(reply.uri + "&response=x.y.z"); !a.sets("session") {
		t.Errorf("got %d", a.status)
	}
}

// TestPushedRequestThatFails: nobody is sent to the IdP with half a request.
func TestPushedRequestThatFails(t *testing.T) {
	t.Parallel()
	pushes := map[string]any{"require_pushed_authorization_requests": true}
	for lie, status := range map[string]int{
		"par-500": 503, "par-connection-cut": 503, "par-redirect": 503, "par-empty-object": 503,
		"par-no-request-uri": 503, "par-relative-request-uri": 503, "par-invalid-request": 500,
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: pushes})
			r.idp.Misbehave(lie)
			a := r.browser().get("/")
			r.refused(a, status, 0)
			if a.location() != "" || a.sets("authorization") || r.idp.Calls("elsewhere") != 0 {
				t.Errorf("sent to %q", a.location())
			}
			if e, ok := r.events.find("pushed authorization request"); !ok || e.Verdict == flow.Passed {
				t.Errorf("event %+v", e)
			}
			if strings.Contains(r.log.String(), clientSecret) {
				t.Error("the secret is in the log")
			}
			r.idp.Misbehave()
			r.browser().login("/") // positive control
		})
	}
}

// TestFAPI2MessageSigning is the happy path of fapi2ms/: a pushed, signed
// request, a signed response, private_key_jwt with the issuer as audience, at an
// IdP that demands all of it.
func TestFAPI2MessageSigning(t *testing.T) {
	t.Parallel()
	key, err := clientEC()
	private, public := clientJWK(t, key, err, map[string]any{"kid": "e1"})
	r := newRig(t, rigOptions{
		config: map[string]any{
			"client_auth": []any{"private_key_jwt"}, "client_alg": []any{"ES256"}, "client_jwk": []any{private}, "client_secret": nil,
			"response_mode": "jwt", "sallyport": map[string]any{"client_assertion_audience": "issuer"},
		},
		idp: func(o *practiceidp.Options) {
			o.AnnouncePushed, o.AnnounceSigned = true, true
			c := &o.Clients[0]
			c.RequirePushed, c.RequireSigned, c.RequirePKCE, c.AuthMethods = true, true, true, []string{"private_key_jwt"}
			c.Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}
		},
	})
	b := r.browser()
	if q := b.start("/page"); len(q) != 2 || q.Get("client_id") != clientID || !strings.HasPrefix(q.Get("request_uri"), "urn:") {
		t.Errorf("the browser carries %v", q)
	}
	b.login("/page")
	if a := b.get("/page"); a.status != http.StatusOK {
		t.Errorf("the session gives %d", a.status)
	}
	for _, endpoint := range []string{"par", "token"} {
		if seen := r.idp.Seen(endpoint); !seen.Form.Has("client_assertion") {
			t.Errorf("%s: %v", endpoint, seen.Form)
		}
	}
}
