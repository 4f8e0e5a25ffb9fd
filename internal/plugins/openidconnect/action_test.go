package openidconnect_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

func TestLoginActions(t *testing.T) {
	t.Parallel()
	t.Run("upstream gets a GET without the callback's parameters", func(t *testing.T) {
		t.Parallel()
		for _, mode := range []string{"query", "form_post"} {
			r := newRig(t, rigOptions{config: map[string]any{"login_action": "upstream", "response_mode": mode}})
			b := r.browser()
			a := b.callback(b.begin("/page"))
			var seen struct {
				Method, URL, Data string
				Args              map[string]string
				Headers           map[string]string
			}
			if err := json.Unmarshal([]byte(a.body), &seen); err != nil || a.status != http.StatusOK || !a.sets("session") {
				t.Fatalf("%s: %d %s", mode, a.status, a.body)
			}
			if seen.Method != "GET" || len(seen.Args) != 0 || seen.Data != "" || !strings.HasPrefix(seen.Headers["Authorization"], "Bearer ") {
				t.Errorf("%s: the upstream saw %+v", mode, seen)
			}
			if a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: an answer with our cookie may be cached: %v", mode, a.header)
			}
		}
	})
	t.Run("response gives the chosen tokens", func(t *testing.T) {
		t.Parallel()
		for _, tt := range []struct {
			tokens []any
			want   []string
		}{
			{[]any{"id_token"}, []string{"id_token"}},
			{[]any{"id_token", "access_token", "refresh_token"}, []string{"id_token", "access_token", "refresh_token"}},
			{[]any{"tokens"}, []string{"id_token", "access_token", "refresh_token", "token_type", "expires_in"}},
			{nil, nil},
		} {
			values := map[string]any{"login_action": "response", "login_tokens": nil}
			if tt.tokens != nil {
				values["login_tokens"] = tt.tokens
			}
			r := newRig(t, rigOptions{config: values})
			b := r.browser()
			a := b.callback(b.begin("/"))
			var got map[string]any
			if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK || r.echo.Hits() != 0 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			for _, name := range tt.want {
				if got[name] == nil {
					t.Errorf("%v: %s is missing in %v", tt.tokens, name, got)
				}
			}
			if len(tt.want) < 4 && len(got) != len(tt.want) {
				t.Errorf("%v: got %d members", tt.tokens, len(got))
			}
		}
	})
	t.Run("redirect with tokens in fragment or query", func(t *testing.T) {
		t.Parallel()
		for mode, separator := range map[string]string{"fragment": "#", "query": "?"} {
			r := newRig(t, rigOptions{config: map[string]any{"login_tokens": []any{"id_token"}, "login_redirect_mode": mode}})
			b := r.browser()
			a := b.callback(b.begin("/"))
			if !strings.HasPrefix(a.location(), r.gateway.URL+"/"+separator+"id_token=ey") {
				t.Errorf("%s: %q", mode, a.location())
			}
		}
	})
	t.Run("redirect to login_redirect_uri", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, rigOptions{config: map[string]any{"login_redirect_uri": []any{"https://app.test/welcome?a=b"}}})
		b := r.browser()
		if a := b.callback(b.begin("/page")); a.location() != "https://app.test/welcome?a=b" {
			t.Errorf("got %q", a.location())
		}
	})
	t.Run("without preserve_query_args the query is lost", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, rigOptions{config: map[string]any{"preserve_query_args": false}})
		b := r.browser()
		if a := b.callback(b.begin("/page?x=1")); a.location() != r.gateway.URL+"/page" {
			t.Errorf("got %q", a.location())
		}
	})
}

func TestLongTargets(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	for _, n := range []int{100, 400, 800, 1200} {
		b := r.browser()
		target := "/page?q=" + strings.Repeat("x", n)
		a := b.get(target)
		u, _ := url.Parse(a.location())
		if len(u.Query().Get("state")) > 1024 {
			t.Errorf("%d: state of %d characters", n, len(u.Query().Get("state")))
		}
		if end := b.callback(b.authorize(a.location())); end.location() != r.gateway.URL+target {
			t.Errorf("%d: sent to %d characters", n, len(end.location()))
		}
		for i := 1; i <= 8; i++ {
			if b.cookie("authorization_target"+strconv.Itoa(i)) != "" {
				t.Errorf("%d: the companion cookie outlives the login", n)
			}
		}
	}
	b := r.browser()
	end := b.callback(b.begin("/page?q=" + strings.Repeat("x", 5000)))
	if end.status != http.StatusOK || !strings.Contains(end.body, "too long") || !strings.Contains(end.body, `href="`+r.gateway.URL+`/page"`) || !end.sets("session") {
		t.Errorf("a target beyond both places: %d %s", end.status, end.body)
	}
}

func TestPKCE(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		setting any
		idp     func(*practiceidp.Options)
		sent    bool
	}{
		{"unset, S256 listed", nil, nil, true},
		{"unset, no list", nil, func(o *practiceidp.Options) { o.OmitPKCEMethods = true }, false},
		{"unset, plain alone", nil, func(o *practiceidp.Options) { o.PKCEMethods = []string{"plain"} }, false},
		{"true, no list", true, func(o *practiceidp.Options) { o.OmitPKCEMethods = true }, true},
		{"false, S256 listed", false, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{config: map[string]any{"require_proof_key_for_code_exchange": tt.setting}, idp: tt.idp})
			if got := r.browser().start("/").Get("code_challenge") != ""; got != tt.sent {
				t.Errorf("code_challenge sent: %v", got)
			}
			r.browser().login("/")
		})
	}
	r := newRig(t, rigOptions{idp: func(o *practiceidp.Options) { o.Clients[0].RequirePKCE = true }})
	r.browser().login("/")
}

func TestExtraAuthorizationArguments(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{
		"authorization_query_args_names": []any{"prompt", "ui"}, "authorization_query_args_values": []any{"login", "dark"},
		"authorization_query_args_client": []any{"login_hint"}, "scopes": []any{"openid", "email"},
	}})
	q := r.browser().start("/?login_hint=ada%40example.test&nonce=mine&state=mine&redirect_uri=http%3A%2F%2Fevil&scope=all&ui=light")
	for name, want := range map[string]string{"prompt": "login", "ui": "dark", "login_hint": "ada@example.test", "scope": "openid email", "redirect_uri": r.gateway.URL + "/"} {
		if q.Get(name) != want || len(q[name]) != 1 {
			t.Errorf("%s is %q, want %q", name, q[name], want)
		}
	}
	for _, name := range []string{"nonce", "state"} {
		if q.Get(name) == "mine" {
			t.Errorf("the request replaced %s", name)
		}
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"client_secret_basic", "client_secret_post", "none"} {
		t.Run("auth/"+method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{
				config: map[string]any{"client_auth": []any{method}},
				idp: func(o *practiceidp.Options) {
					o.Clients[0].AuthMethods = []string{method}
					if method == "none" {
						o.Clients[0].Secret = ""
					}
				},
			})
			r.browser().login("/")
		})
	}
	r := newRig(t, rigOptions{config: map[string]any{"client_secret": []any{"wrong"}}})
	b := r.browser()
	r.refused(b.callback(b.begin("/")), http.StatusInternalServerError, 0)
}

func TestConfiguredMessagesAndRedirects(t *testing.T) {
	t.Parallel()
	unauthorized := func(r *rig) answer {
		b := r.browser()
		req := b.request(http.MethodGet, "/", nil)
		req.Header.Set("X-Requested-With", "XMLHttpRequest")
		req.Header.Set("Accept", "application/json")
		return b.send(req)
	}
	r := newRig(t, rigOptions{})
	if a := unauthorized(r); a.status != 401 || a.body != `{"message":"Unauthorized"}` {
		t.Errorf("default: %d %s", a.status, a.body)
	}
	r.change(map[string]any{"unauthorized_error_message": "Nobody there", "display_errors": true})
	if a := unauthorized(r); a.body != `{"message":"Nobody there (no session)"}` {
		t.Errorf("own message: %s", a.body)
	}
	r.change(map[string]any{"unauthorized_redirect_uri": []any{"https://app.test/401"}, "unexpected_redirect_uri": []any{"https://app.test/500"}})
	if a := unauthorized(r); a.status != http.StatusFound || a.location() != "https://app.test/401" {
		t.Errorf("unauthorized_redirect_uri: %d to %q", a.status, a.location())
	}
	r.idp.Misbehave("token-500")
	b := r.browser()
	if a := b.callback(b.begin("/")); a.location() != "https://app.test/500" {
		t.Errorf("unexpected_redirect_uri: %d to %q", a.status, a.location())
	}
	r.idp.Misbehave("invalid-aud")
	b = r.browser()
	if a := b.callback(b.begin("/")); a.location() != "https://app.test/401" {
		t.Errorf("a refused token: %d to %q", a.status, a.location())
	}
}

func TestUpstreamHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{config: map[string]any{
		"upstream_id_token_header": "x-id-token", "upstream_refresh_token_header": "refresh_token", "upstream_session_id_header": "x-session",
		"upstream_headers": []any{
			map[string]any{"header": "X-User", "path": []any{"sub"}},
			map[string]any{"header": "X-Groups", "path": []any{"groups"}},
			map[string]any{"header": "X-Nothing", "path": []any{"nothing"}},
		},
	}})
	b := r.browser()
	b.login("/")
	req := b.request(http.MethodGet, "/", nil)
	for _, name := range []string{"X-User", "x_user", "X.User", "x-nothing", "X_Nothing", "X-Consumer-Id", "x_consumer_username", "X-Id_Token", "Authorization"} {
		req.Header[name] = []string{"forged"}
	}
	req.Header.Set("Connection", "authorization, x-user")
	a := b.send(req)
	var seen struct{ Headers map[string]string }
	if err := json.Unmarshal([]byte(a.body), &seen); err != nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if strings.Contains(a.body, "forged") {
		t.Errorf("a forged identity header got through: %v", seen.Headers)
	}
	if seen.Headers["X-User"] != userName || !strings.HasPrefix(seen.Headers["X-Id-Token"], "ey") || seen.Headers["Refresh-Token"] == "" || len(seen.Headers["X-Session"]) != 43 {
		t.Errorf("the upstream saw %v", seen.Headers)
	}
	if !strings.HasPrefix(seen.Headers["Authorization"], "Bearer ey") {
		t.Errorf("Connection: authorization took the bearer token away: %v", seen.Headers)
	}
	r.change(map[string]any{"upstream_headers": []any{map[string]any{"header": "X-Late", "path": []any{"sub"}}}})
	if err := json.Unmarshal([]byte(b.get("/").body), &seen); err != nil || seen.Headers["X-Late"] != userName {
		t.Errorf("a header configured later is missing for a session that exists: %v", seen.Headers)
	}
}

func TestClaimWithLineBreaksReachesNoHeader(t *testing.T) {
	t.Parallel()
	headers := map[string]any{"upstream_headers": []any{map[string]any{"header": "X-Name", "path": []any{"name"}}}, "scopes": []any{"openid", "profile"}}
	r := newRig(t, rigOptions{config: headers})
	r.idp.Misbehave("claims-with-newline")
	b := r.browser()
	b.login("/")
	a := b.get("/")
	if strings.Contains(a.body, "X-Injected") || strings.Contains(a.body, "injected") {
		t.Errorf("a claim injected a header: %s", a.body)
	}
	if a.status != http.StatusOK {
		t.Errorf("got %d", a.status)
	}
}

func TestRequestChoosesItsClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		config: map[string]any{"client_id": []any{clientID, "second"}, "client_secret": []any{clientSecret, "second-secret"}},
		idp: func(o *practiceidp.Options) {
			o.Clients = append(o.Clients, practiceidp.Client{ID: "second", Secret: "second-secret", SkipConsent: true, RedirectURIs: o.Clients[0].RedirectURIs})
		},
	})
	for name, tt := range map[string]struct {
		path, header, want string
	}{
		"nothing asked": {"/", "", clientID}, "by id": {"/?client_id=second", "", "second"}, "by position": {"/?client_id=2", "", "second"},
		"out of range": {"/?client_id=3", "", clientID}, "by header": {"/", "second", "second"},
	} {
		b := r.browser()
		req := b.request(http.MethodGet, tt.path, nil)
		if tt.header != "" {
			req.Header.Set("X-Client-ID", tt.header)
		}
		a := b.send(req)
		u, _ := url.Parse(a.location())
		if got := u.Query().Get("client_id"); got != tt.want {
			t.Errorf("%s: client %q, want %q", name, got, tt.want)
			continue
		}
		// Callback, session and refresh use the same client.
		if end := b.callback(b.authorize(a.location())); !end.sets("session") || b.get("/").status != http.StatusOK {
			t.Errorf("%s: %d %s", name, end.status, end.body)
		}
	}
	b := r.browser()
	if a := b.post("/", url.Values{"client_id": {"second"}}); !strings.Contains(a.location(), "client_id=second") {
		t.Errorf("by form: %q", a.location())
	}
}

func TestHideCredentialsKeepsTheSessionCookieFromTheUpstream(t *testing.T) {
	t.Parallel()
	for _, hide := range []bool{true, false} {
		r := newRig(t, rigOptions{config: map[string]any{"hide_credentials": hide}})
		b := r.browser()
		b.login("/")
		u, _ := url.Parse(r.gateway.URL)
		b.jar.SetCookies(u, []*http.Cookie{{Name: "theirs", Value: "kept", Path: "/"}})
		a := b.get("/")
		if got := strings.Contains(a.body, b.cookie("session")); got == hide {
			t.Errorf("hide_credentials %v: the upstream got the session cookie: %v", hide, got)
		}
		if !strings.Contains(a.body, "theirs=kept") || strings.Contains(a.body, "authorization=") {
			t.Errorf("hide_credentials %v: %s", hide, a.body)
		}
	}
}

func TestDerivedRedirectURITooLongForTheStateIsExplained(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	a := r.browser().get("/" + strings.Repeat("x", 900))
	r.refused(a, http.StatusInternalServerError, 0)
	if a.location() != "" || !strings.Contains(r.log.String()+a.body, "configure redirect_uri") {
		t.Errorf("%d to %q %s", a.status, a.location(), a.body)
	}
	r.change(map[string]any{"redirect_uri": []any{r.gateway.URL + "/cb"}})
	b := r.browser()
	b.login("/" + strings.Repeat("x", 900))
}

func TestUnauthorizedEndsAnUnusableSession(t *testing.T) {
	t.Parallel()
	for _, destroy := range []bool{true, false} {
		r := newRig(t, rigOptions{
			config: map[string]any{"unauthorized_destroy_session": destroy},
			idp:    func(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute },
		})
		r.idp.Misbehave("no-refresh-token")
		b := r.browser()
		b.login("/")
		r.clock.advance(2 * time.Minute)
		req := b.request(http.MethodGet, "/", nil)
		req.Header.Set("X-Requested-With", "XMLHttpRequest")
		if a := b.send(req); a.status != http.StatusUnauthorized || (b.cookie("session") == "") != destroy {
			t.Errorf("destroy %v: %d, cookie %q", destroy, a.status, b.cookie("session"))
		}
	}
}

func TestPreflightPassesOnlyWhereItMay(t *testing.T) {
	t.Parallel()
	for _, run := range []bool{true, false} {
		r := newRig(t, rigOptions{config: map[string]any{"run_on_preflight": run}})
		b := r.browser()
		req := b.request(http.MethodOptions, "/", nil)
		req.Header.Set("Authorization", "Bearer forged")
		a := b.send(req)
		if (a.status == http.StatusOK) == run {
			t.Errorf("run_on_preflight %v: %d", run, a.status)
		}
		if strings.Contains(a.body, "forged") {
			t.Errorf("run_on_preflight %v: a forged credential reached the upstream", run)
		}
	}
}
