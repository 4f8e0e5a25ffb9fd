package openidconnect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/store"
)

const (
	applicationID = "bbbbbbbb-0000-4000-8000-000000000001"
	grantID       = "bbbbbbbb-0000-4000-8000-000000000002"
	grantedToken  = "planted-granted-token"
)

// granted adds people, and a token of Ada's application with more laid over.
func (r *rig) granted(more map[string]any) {
	r.t.Helper()
	r.people()
	r.insert(
		"oauth2_credentials", store.Object{"id": applicationID, "name": "notes", "client_id": "notes-app", "consumer": map[string]any{"id": adaID}},
		"oauth2_tokens", with(map[string]any{
			"id": grantID, "access_token": grantedToken, "expires_in": 0, "credential": map[string]any{"id": applicationID},
		}, more),
	)
}

const knownApplication = knownAda + " Credential-Identifier=notes-app"

// The method works alone: no other is enabled, and there is no identity provider
// that could be asked.
func TestTokensOfTheConfigurationNeedNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: with(apiConfig("kong_oauth2"), one("issuer", "http://127.0.0.1:1/nobody"))})
	r.granted(map[string]any{"scope": "read write", "authenticated_userid": "user-7"})
	for name, a := range map[string]answer{
		"Authorization":  r.bearer(grantedToken),
		"X-Access-Token": r.call(http.MethodGet, "/", "", "X-Access-Token", grantedToken),
		"query":          r.call(http.MethodGet, "/?access_token="+grantedToken, ""),
		"form":           r.call(http.MethodPost, "/", "access_token="+grantedToken, "Content-Type", "application/x-www-form-urlencoded"),
	} {
		s := r.admitted(a)
		if got := identity(s); got != knownApplication {
			t.Errorf("%s: the upstream is told %q, want %q", name, got, knownApplication)
		}
		if s.header("X-Authenticated-Scope") != "read write" || s.header("X-Authenticated-Userid") != "user-7" {
			t.Errorf("%s: scope %q, user %q", name, s.header("X-Authenticated-Scope"), s.header("X-Authenticated-Userid"))
		}
	}
	for name, a := range map[string]answer{
		"another token": r.bearer("another"), "none": r.call(http.MethodGet, "/", ""), "a prefix of it": r.bearer(grantedToken[:10]),
	} {
		if a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
	}
}

func TestTokensOfTheConfigurationAreNotExchanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("bearer", "kong_oauth2")})
	e := r.exchangeEndpoint()
	r.change(one("token_exchange_endpoint", e.url()))
	r.granted(nil)
	if got := r.admitted(r.bearer(grantedToken)).header("Authorization"); got != "Bearer "+grantedToken || e.calls() != 0 {
		t.Errorf("the upstream got %q, the endpoint %d calls", got, e.calls())
	}
	if r.admitted(r.bearer(r.accessToken())); e.calls() != 1 { // positive control
		t.Errorf("a token of the provider: %d calls", e.calls())
	}
}

func TestTokensOfTheConfigurationEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more   map[string]any
		before time.Duration // it counts then
		after  time.Duration // and does not count then; 0 for never
	}{
		"expires_in":               {one("expires_in", 60), 50 * time.Second, 61 * time.Second},
		"ttl":                      {one("ttl", 60), 50 * time.Second, 61 * time.Second},
		"the sooner one: ttl":      {map[string]any{"expires_in": 600, "ttl": 60}, 50 * time.Second, 61 * time.Second},
		"the sooner one: its own":  {map[string]any{"expires_in": 60, "ttl": 600}, 50 * time.Second, 61 * time.Second},
		"0 means never":            {map[string]any{"expires_in": 0, "ttl": 0}, 1000 * time.Hour, 0},
		"counted from created_at":  {map[string]any{"expires_in": 3600, "created_at": time.Now().Unix() - 3500}, 0, 101 * time.Second},
		"a negative one has ended": {one("expires_in", -1), -1, time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: apiConfig("kong_oauth2", "introspection")})
			r.granted(c.more)
			if c.before >= 0 {
				r.clock.ahead.Store(int64(c.before))
				r.admitted(r.bearer(grantedToken))
			}
			if c.after == 0 {
				return
			}
			r.clock.ahead.Store(int64(c.after))
			a := r.bearer(grantedToken)
			if a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), "The access token expired") {
				t.Errorf("afterwards: %d %v", a.status, a.header)
			}
			if n := r.idp.Calls("introspection"); n != 0 {
				t.Error("the identity provider is asked about a token of the configuration")
			}
		})
	}
}

func TestATokenOfTheConfigurationCountsWhileItIsThere(t *testing.T) {
	t.Parallel()
	for kind, id := range map[string]string{"oauth2_tokens": grantID, "oauth2_credentials": applicationID, "consumers": adaID} {
		r := newRig(t, rigOptions{config: apiConfig("kong_oauth2", "session")})
		r.granted(nil)
		a := r.bearer(grantedToken)
		r.admitted(a)
		if _, tried := r.events.find("open session"); tried || a.sets("session") {
			t.Error("a session is started, which outlives the token")
		}
		if err := r.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Delete(kind, id) }); err != nil {
			t.Fatal(err)
		}
		if a = r.bearer(grantedToken); a.status != http.StatusUnauthorized {
			t.Errorf("without the one in %s: %d", kind, a.status)
		}
	}
}

func TestATokenForOneServiceCountsThereAlone(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"app": http.StatusOK, "other": http.StatusUnauthorized} {
		r := newRig(t, rigOptions{config: apiConfig("kong_oauth2")})
		r.insert("services", store.Object{"name": "other", "url": "http://127.0.0.1:1/"})
		r.granted(one("service", map[string]any{"name": name}))
		if a := r.bearer(grantedToken); a.status != want {
			t.Errorf("a token for the service %s: %d, want %d", name, a.status, want)
		}
	}
}

// Kong's order: a JWT is the identity provider's where bearer is enabled, a token
// of the configuration comes before introspection, and what is neither goes on.
func TestOrderOfTheMethodsForTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("kong_oauth2", "introspection")})
	theirs := r.accessToken()
	r.granted(nil)
	if got := identity(r.admitted(r.bearer(grantedToken))); got != knownApplication {
		t.Errorf("a token of the configuration: %q", got)
	}
	if n := r.idp.Calls("introspection"); n != 0 {
		t.Errorf("%d introspections of a token of the configuration", n)
	}
	if got := identity(r.admitted(r.bearer(theirs))); got != "Credential-Identifier="+userName {
		t.Errorf("a token of the identity provider: %q", got)
	}
	r.insert("oauth2_tokens", store.Object{"access_token": theirs, "expires_in": 0, "credential": map[string]any{"id": applicationID}})
	if got := identity(r.admitted(r.bearer(theirs))); got != knownApplication {
		t.Errorf("in both: %q", got)
	}
	r.change(apiConfig("bearer", "kong_oauth2", "introspection"))
	if got := identity(r.admitted(r.bearer(theirs))); got != "Credential-Identifier="+userName {
		t.Errorf("a JWT in both, with bearer enabled: %q", got)
	}
	if got := identity(r.admitted(r.bearer(grantedToken))); got != knownApplication {
		t.Errorf("a token of the configuration, with bearer enabled: %q", got)
	}
}

// What a user agent says of itself in these headers never reaches the upstream.
func TestHeadersOfTokensOfTheConfigurationCannotBeForged(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: apiConfig("kong_oauth2")})
	r.granted(map[string]any{"authenticated_userid": "user\r\nX-Evil: 1"})
	s := r.admitted(r.bearer(grantedToken, "X-Authenticated-Scope", "admin", "X_Authenticated_Userid", "root", "X-Consumer-Username", "root", "x-credential-identifier", "root"))
	for name, value := range s.Headers {
		if text, _ := value.(string); text == "admin" || text == "root" || strings.EqualFold(name, "X-Evil") {
			t.Errorf("the upstream sees %s: %v", name, value)
		}
	}
	if got := identity(s); got != knownApplication {
		t.Errorf("the upstream is told %q", got)
	}
}

// It has no claims, so that it meets no rule that demands one.
func TestRulesRefuseTokensOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config map[string]any
		want   int
	}{
		"no rule":                    {nil, http.StatusOK},
		"a scope":                    {one("scopes_required", []any{"read"}), http.StatusForbidden},
		"an audience":                {one("audience_required", []any{"api"}), http.StatusForbidden},
		"a claim that must not be":   {one("claims_forbidden", []any{"admin"}), http.StatusForbidden},
		"a level":                    {one("sallyport", map[string]any{"acr": []any{"gold"}}), http.StatusUnauthorized},
		"a consumer by claim":        {one("consumer_claims", path(path("sub"))), http.StatusOK}, // the token says whose it is
		"a consumer group by claim":  {one("consumer_groups_claim", path("groups")), http.StatusForbidden},
		"authenticated groups":       {one("authenticated_groups_claim", path("groups")), http.StatusOK},
		"user info that is searched": {one("search_user_info", true), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: with(apiConfig("kong_oauth2"), c.config)})
			r.granted(one("scope", "read"))
			a := r.bearer(grantedToken)
			if a.status != c.want {
				t.Errorf("got %d %s, want %d", a.status, a.body, c.want)
			}
			if a.status == http.StatusOK && identity(r.admitted(a)) != knownApplication {
				t.Errorf("the upstream is told %q", identity(r.admitted(a)))
			}
			if n := r.idp.Calls("userinfo"); n != 0 {
				t.Error("the identity provider is asked about a token that is not its own")
			}
		})
	}
}
