package openidconnect_test

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/flow"
	"sallyport/internal/practiceidp"
)

// row is one relying-party test of the OpenID Foundation's conformance suite,
// told by what the provider does and what must come of it.
type row struct {
	name string
	// lies are the provider's misbehaviours.
	lies []string
	// config is laid over the plugin's configuration.
	config map[string]any
	// refused is the status of a login that must fail; 0 means that it must
	// succeed.
	refused int
	// rule is part of the step that the flow event names.
	rule string
	// userInfo is how often the user info endpoint is asked in the end.
	userInfo int
	idp      func(*practiceidp.Options)
	// check looks at more after a successful login.
	check func(t *testing.T, r *rig, b *browser)
}

// basicRows are the modules of oidcc-client-basic-certification-test-plan.
func basicRows() []row {
	info := map[string]any{"search_user_info": true}
	return []row{
		{name: "happy", config: info, userInfo: 1},
		{name: "invalid-iss", lies: []string{"invalid-iss"}, config: info, refused: 401, rule: "id token: iss"},
		{name: "missing-sub", lies: []string{"missing-sub"}, config: info, refused: 401, rule: "id token: sub"},
		{name: "invalid-aud", lies: []string{"invalid-aud"}, config: info, refused: 401, rule: "id token: aud"},
		{name: "missing-iat", lies: []string{"missing-iat"}, config: info, refused: 401, rule: "id token: iat"},
		{name: "kid-absent-single-jwks", lies: []string{"kid-absent-single-jwks"}, config: info, userInfo: 1},
		{name: "kid-absent-multiple-jwks", lies: []string{"kid-absent-multiple-jwks"}, config: info, userInfo: 1},
		{name: "idtoken-sig-rs256", lies: []string{"idtoken-sig-rs256"}, config: info, userInfo: 1},
		{name: "idtoken-sig-none", lies: []string{"alg-none", "discovery-lists-none"}, config: info, refused: 401, rule: "id token: algorithm"},
		{name: "invalid-sig-rs256", lies: []string{"invalid-sig-rs256"}, config: info, refused: 401, rule: "id token: signature"},
		{name: "userinfo-invalid-sub", lies: []string{"userinfo-invalid-sub"}, config: info, refused: 401, rule: "user info", userInfo: 1},
		{name: "nonce-invalid", lies: []string{"nonce-invalid"}, config: info, refused: 401, rule: "id token: nonce"},
		{
			name: "scope-userinfo-claims", userInfo: 1,
			config: map[string]any{
				"search_user_info": true, "scopes": []any{"openid", "profile", "email"},
				"upstream_headers": []any{map[string]any{"header": "X-Email", "path": []any{"email"}}},
			},
			check: func(t *testing.T, _ *rig, b *browser) {
				var seen struct{ Headers map[string]string }
				if err := json.Unmarshal([]byte(b.get("/").body), &seen); err != nil {
					t.Fatal(err)
				}
				if seen.Headers["X-Email"] != "ada@example.test" {
					t.Errorf("the upstream got no e-mail address: %v", seen.Headers)
				}
			},
		},
		{
			name: "client-secret-basic", userInfo: 1,
			config: map[string]any{"search_user_info": true, "client_auth": []any{"client_secret_basic"}},
			idp:    func(o *practiceidp.Options) { o.Clients[0].AuthMethods = []string{"client_secret_basic"} },
		},
	}
}

// try runs one row: a login from an empty browser, then the silence after a
// refusal.
func (c row) try(t *testing.T) {
	r := newRig(t, rigOptions{config: c.config, idp: c.idp})
	r.idp.Misbehave(c.lies...)
	b := r.browser()
	a := b.callback(b.begin("/page?x=1"))
	if c.refused == 0 {
		if a.status/100 != 3 || a.location() != r.gateway.URL+"/page?x=1" || !a.sets("session") {
			t.Fatalf("got %d to %q\n%s\n%s", a.status, a.location(), a.body, r.log)
		}
		if page := b.get("/page?x=1"); page.status != http.StatusOK {
			t.Errorf("the session gives %d", page.status)
		}
		if c.check != nil {
			c.check(t, r, b)
		}
	} else {
		r.refused(a, c.refused, 0)
		if a.location() != "" {
			t.Errorf("an automatic new login to %q", a.location())
		}
		e, ok := r.events.find(c.rule)
		if !ok || e.Verdict != flow.Refused || e.Flow == "" || !strings.Contains(a.body, e.Flow) {
			t.Errorf("no refusing event %q with the flow id of the page: %+v\n%s", c.rule, e, r.log)
		}
	}
	if got := r.idp.Calls("code"); got != 1 {
		t.Errorf("the code was redeemed %d times", got)
	}
	if got := r.idp.Calls("userinfo"); got != c.userInfo {
		t.Errorf("%d user info requests, want %d", got, c.userInfo)
	}
	if got := r.idp.Calls("jwks"); got > 2 {
		t.Errorf("%d fetches of the keys for one login", got)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, c := range basicRows() {
		t.Run("basic/"+c.name, func(t *testing.T) {
			t.Parallel()
			c.try(t)
		})
		posted := c
		posted.config = map[string]any{"response_mode": "form_post"}
		maps.Copy(posted.config, c.config)
		t.Run("formpost/"+c.name, func(t *testing.T) {
			t.Parallel()
			posted.try(t)
		})
	}
	for name, test := range map[string]func(*testing.T){
		"formpost/form-post-error":                                   formPostError,
		"config/discovery-openid-config":                             discoveryOnly,
		"config/discovery-jwks-uri-keys":                             discoveryThenKeys,
		"config/discovery-issuer-mismatch":                           issuerMismatch,
		"config/idtoken-sig-none":                                    row{lies: []string{"alg-none", "discovery-lists-none"}, refused: 401, rule: "id token: algorithm"}.try,
		"config/signing-key-rotation-just-before-signing/cold cache": func(t *testing.T) { rotationBeforeSigning(t, false) },
		"config/signing-key-rotation-just-before-signing/warm cache": func(t *testing.T) { rotationBeforeSigning(t, true) },
		"config/signing-key-rotation":                                signingKeyRotation,
		"refresh/refresh-token":                                      refreshToken,
		"refresh/refresh-token-invalid-issuer":                       func(t *testing.T) { refreshRefused(t, "refresh-invalid-iss") },
		"refresh/refresh-token-invalid-sub":                          func(t *testing.T) { refreshRefused(t, "refresh-invalid-sub") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func formPostError(t *testing.T) {
	r := newRig(t, rigOptions{config: map[string]any{
		"response_mode": "form_post", "max_age": 0,
		"authorization_query_args_names": []any{"prompt"}, "authorization_query_args_values": []any{"none"},
	}})
	r.idp.Misbehave("form-post-error")
	b := r.browser()
	a := b.get("/")
	for _, want := range []string{"max_age=0", "prompt=none"} {
		if !strings.Contains(a.location(), want) {
			t.Errorf("%s is missing in %s", want, a.location())
		}
	}
	relay := b.callback(b.authorize(a.location()))
	action, fields, ok := pageForm(relay)
	if !ok || action != r.gateway.URL+"/" {
		t.Fatalf("no same-origin repeat before the error page: %d %s", relay.status, relay.body)
	}
	a = b.post(action, fields)
	r.refused(a, http.StatusUnauthorized, 0)
	if r.idp.Calls("token") != 0 {
		t.Error("the token endpoint was called")
	}
}

func discoveryOnly(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.browser().get("/")
	if r.idp.Calls("discovery") != 1 || r.idp.Calls("authorize")+r.idp.Calls("jwks")+r.idp.Calls("token") != 0 {
		t.Error("a request without a session asks the IdP for more than its document")
	}
}

func discoveryThenKeys(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.browser().login("/")
	if r.idp.Calls("discovery") != 1 || r.idp.Calls("jwks") != 1 || r.idp.Calls("userinfo") != 0 {
		t.Errorf("%d documents, %d key sets, %d user infos", r.idp.Calls("discovery"), r.idp.Calls("jwks"), r.idp.Calls("userinfo"))
	}
}

func issuerMismatch(t *testing.T) {
	r := newRig(t, rigOptions{})
	r.idp.Misbehave("discovery-issuer-mismatch")
	for range 3 {
		a := r.browser().get("/")
		r.refused(a, http.StatusInternalServerError, 0)
		if a.location() != "" {
			t.Errorf("a redirect to %q", a.location())
		}
	}
	r.idp.Misbehave()
	r.clock.advance(10 * time.Second)
	r.browser().login("/") // positive control, and recovery without a restart
}

func rotationBeforeSigning(t *testing.T, warm bool) {
	r := newRig(t, rigOptions{idp: ownKeys(t)})
	if warm {
		r.browser().login("/")
	}
	r.idp.Misbehave("signing-key-rotation-just-before-signing")
	r.browser().login("/")
}

func signingKeyRotation(t *testing.T) {
	r := newRig(t, rigOptions{idp: ownKeys(t)})
	r.idp.Misbehave("signing-key-rotation")
	r.browser().login("/")
	r.browser().login("/")
	if got := r.idp.Calls("jwks"); got != 2 {
		t.Errorf("%d fetches of the keys, want 2", got)
	}
}

// ownKeys keeps a rotation of keys from other tests.
func ownKeys(t *testing.T) func(*practiceidp.Options) {
	t.Helper()
	keys, err := practiceidp.NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *practiceidp.Options) { o.Keys = keys }
}

// upstreamToken is the access token that the upstream gets.
func upstreamToken(t *testing.T, a answer) string {
	t.Helper()
	var seen struct{ Headers map[string]string }
	if err := json.Unmarshal([]byte(a.body), &seen); err != nil {
		t.Fatalf("%d: %v in %s", a.status, err, a.body)
	}
	return strings.TrimPrefix(seen.Headers["Authorization"], "Bearer ")
}

func refreshToken(t *testing.T) {
	r := newRig(t, rigOptions{config: map[string]any{"search_user_info": true, "cache_ttl": 2}, idp: func(o *practiceidp.Options) {
		o.OmitExpiresIn, o.AccessTokenTTL = true, time.Minute
	}})
	b := r.browser()
	b.login("/")
	old := upstreamToken(t, b.get("/"))
	r.clock.advance(2 * time.Minute)
	fresh := upstreamToken(t, b.get("/"))
	if fresh == old || fresh == "" {
		t.Error("the upstream got no new access token")
	}
	if r.idp.Calls("refresh") != 1 || r.idp.Calls("userinfo") != 2 {
		t.Errorf("%d refreshes, %d user infos", r.idp.Calls("refresh"), r.idp.Calls("userinfo"))
	}
	r.clock.advance(2 * time.Minute)
	if again := upstreamToken(t, b.get("/")); again == fresh || r.idp.Calls("refresh") != 2 {
		t.Error("the rotated refresh token was not used")
	}
}

func refreshRefused(t *testing.T, lie string) {
	r := newRig(t, rigOptions{config: map[string]any{"search_user_info": true}, idp: func(o *practiceidp.Options) {
		o.AccessTokenTTL = time.Minute
	}})
	b := r.browser()
	b.login("/")
	hits, infos := r.echo.Hits(), r.idp.Calls("userinfo")
	r.idp.Misbehave(lie)
	r.clock.advance(2 * time.Minute)
	a := b.get("/")
	if a.status != http.StatusFound || !strings.HasPrefix(a.location(), r.idp.URL("authorize")) {
		t.Errorf("got %d to %q, want a new login", a.status, a.location())
	}
	if r.echo.Hits() != hits || r.idp.Calls("userinfo") != infos {
		t.Error("the refused tokens were used")
	}
	if e, ok := r.events.find("token request"); !ok || e.Kind != flow.Refresh || e.Verdict == flow.Passed {
		t.Errorf("no event of the refused refresh: %+v", e)
	}
	r.idp.Misbehave()
	b.start("/") // the session has ended, it does not come back
}
