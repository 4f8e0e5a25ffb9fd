package openidconnect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
	"sallyport/internal/practiceidp/idptest"
)

// TestLoginFields has a row for settings of the login and of what follows it
// whose effect no other test is about.
func TestLoginFields(t *testing.T) {
	t.Parallel()
	for _, f := range loginRows(t) {
		t.Run(f.field, func(t *testing.T) {
			t.Parallel()
			f.try(t)
		})
	}
}

// TestSessionFields is the same for settings of the session and its cookies.
func TestSessionFields(t *testing.T) {
	t.Parallel()
	for _, f := range sessionRows() {
		t.Run(f.field, func(t *testing.T) {
			t.Parallel()
			f.try(t)
		})
	}
}

// lying observes while the IdP misbehaves.
func lying(lie string, observe func(r *rig) string) func(r *rig) string {
	return func(r *rig) string {
		r.idp.Misbehave(lie)
		return observe(r)
	}
}

// upstreamSees is a header that the upstream gets after a login.
func upstreamSees(name string) func(r *rig) string {
	return func(r *rig) string {
		b := r.browser()
		b.login("/")
		var seen struct{ Headers map[string]string }
		if err := json.Unmarshal([]byte(b.get("/").body), &seen); err != nil {
			return err.Error()
		}
		return seen.Headers[name]
	}
}

// under is the prefix of what is observed, where the rest differs each time.
func under(n int, observe func(r *rig) string) func(r *rig) string {
	return func(r *rig) string {
		text := observe(r)
		return text[:min(n, len(text))]
	}
}

// renamed is a late change of an endpoint to the same one under another name.
func renamed(field, endpoint string) func(r *rig) map[string]any {
	return func(r *rig) map[string]any {
		return one(field, strings.Replace(r.idp.URL(endpoint), "127.0.0.1", "localhost", 1))
	}
}

// host is the name under which an endpoint is asked.
func host(endpoint string) func(r *rig) string {
	return func(r *rig) string {
		r.browser().login("/")
		name, _, _ := net.SplitHostPort(r.idp.Seen(endpoint).Host)
		return name
	}
}

// hostOf is the name of the host that a user agent is sent to.
func hostOf(send func(b *browser) answer) func(r *rig) string {
	return func(r *rig) string {
		u, err := url.Parse(send(r.browser()).location())
		if err != nil {
			return err.Error()
		}
		return u.Hostname()
	}
}

func loginRows(t *testing.T) []clientField {
	t.Helper()
	other := idptest.Start(t, practiceidp.Options{Clients: []practiceidp.Client{{ID: "x", Secret: "y", RedirectURIs: []string{"https://x.test/"}}}, Keys: foreignKeys(t)})
	info := one("search_user_info", true)
	logout := map[string]any{"logout_methods": []any{"GET"}, "logout_uri_suffix": "/logout"}
	scripted := func(r *rig) answer {
		b := r.browser()
		req := b.request(http.MethodGet, "/", nil)
		req.Header.Set("Accept", "application/json")
		req.Header.Set("X-Requested-With", "XMLHttpRequest")
		return b.send(req)
	}
	infoHeader := func(name string) func(r *rig) string {
		return func(r *rig) string {
			r.browser().login("/")
			return r.idp.Seen("userinfo").Header.Get(name) + r.idp.Seen("userinfo").Query.Get(name)
		}
	}
	local, elsewhere := "127.0.0.1", "localhost"
	return []clientField{
		{field: "issuer", change: one("issuer", "http://127.0.0.1:1"), observe: outcome, without: "in", with: "503"},
		{field: "using_pseudo_issuer", observe: func(r *rig) string {
			r.browser().login("/")
			return fmt.Sprint(r.idp.Calls("discovery"))
		}, without: "1", with: "0", late: func(r *rig) map[string]any {
			return map[string]any{
				"using_pseudo_issuer": true, "authorization_endpoint": r.idp.URL("authorize"), "token_endpoint": r.idp.URL("token"),
				"jwks_endpoint": r.idp.URL("jwks"),
			}
		}},
		{field: "authorization_endpoint", observe: hostOf(func(b *browser) answer { return b.get("/") }), without: local, with: elsewhere, late: renamed("authorization_endpoint", "authorize")},
		{field: "token_endpoint", observe: host("token"), without: local, with: elsewhere, late: renamed("token_endpoint", "token")},
		{field: "jwks_endpoint", observe: host("jwks"), without: local, with: elsewhere, late: renamed("jwks_endpoint", "jwks")},
		{field: "userinfo_endpoint", base: info, observe: host("userinfo"), without: local, with: elsewhere, late: renamed("userinfo_endpoint", "userinfo")},
		{field: "end_session_endpoint", base: logout, observe: hostOf(func(b *browser) answer {
			b.login("/")
			return b.get("/logout")
		}), without: local, with: elsewhere, late: renamed("end_session_endpoint", "logout")},
		{field: "extra_jwks_uris", base: one("jwks_endpoint", other.URL("jwks")), observe: outcome, without: "401", with: "in", late: func(r *rig) map[string]any {
			return one("extra_jwks_uris", []any{r.idp.URL("jwks")})
		}},
		{field: "rediscovery_lifetime", change: one("rediscovery_lifetime", 0), observe: lying("unknown-kid", func(r *rig) string {
			for range 3 {
				outcome(r)
			}
			return fmt.Sprint(r.idp.Calls("jwks"))
		}), without: "2", with: "3"},
		{field: "client_id", change: one("client_id", []any{"another"}), observe: asked("client_id"), without: clientID, with: "another"},
		{field: "auth_methods", change: one("auth_methods", []any{"authorization_code"}), observe: secondRequest, without: "200", with: "302"},
		{field: "audience", change: one("audience", []any{"api"}), observe: asked("audience"), without: "", with: "api"},
		{field: "scopes", change: one("scopes", []any{"openid", "email"}), observe: asked("scope"), without: "openid", with: "openid email"},
		{field: "scopes empty", change: one("scopes", []any{}), observe: asked("scope"), without: "openid", with: ""},
		{field: "max_age", change: one("max_age", 60), observe: asked("max_age"), without: "", with: "60"},
		{field: "authorization_rolling_timeout", change: one("authorization_rolling_timeout", 20), observe: func(r *rig) string {
			b := r.browser()
			reply := b.begin("/")
			r.clock.advance(30 * time.Second)
			return fmt.Sprint(b.callback(reply).sets("session"))
		}, without: "true", with: "false"},
		{field: "refresh_tokens", change: one("refresh_tokens", false), idp: shortTokens, observe: func(r *rig) string {
			b := r.browser()
			b.login("/")
			r.clock.advance(2 * time.Minute)
			b.get("/")
			return fmt.Sprint(r.idp.Calls("refresh"))
		}, without: "1", with: "0"},
		{field: "login_methods", change: one("login_methods", []any{"session"}), base: one("login_action", "response"), observe: func(r *rig) string {
			b := r.browser()
			return fmt.Sprint(b.callback(b.begin("/")).status, r.echo.Hits())
		}, without: "200 0", with: "200 1"},
		{field: "verify_signature", change: one("verify_signature", false), observe: lying("invalid-sig-rs256", outcome), without: "401", with: "in"},
		{field: "verify_claims", change: one("verify_claims", false), observe: lying("invalid-aud", outcome), without: "401", with: "in"},
		{field: "verify_nonce", change: one("verify_nonce", false), observe: lying("nonce-invalid", outcome), without: "401", with: "in"},
		{field: "leeway", change: one("leeway", 600), observe: lying("expired", outcome), without: "401", with: "in"},
		{field: "issuers_allowed", observe: lying("invalid-iss", outcome), without: "401", with: "in", late: func(r *rig) map[string]any {
			return one("issuers_allowed", []any{r.idp.Issuer() + "1"})
		}},
		{field: "audience_required", change: one("audience_required", []any{"another"}), observe: outcome, without: "in", with: "403"},
		{field: "audience_claim", base: one("audience_required", []any{userName}), change: one("audience_claim", []any{"sub"}), observe: outcome, without: "403", with: "in"},
		{field: "scopes_claim", base: one("scopes_required", []any{userName}), change: one("scopes_claim", []any{"sub"}), observe: outcome, without: "403", with: "in"},
		{field: "groups_claim", base: one("groups_required", []any{userName}), change: one("groups_claim", []any{"sub"}), observe: outcome, without: "403", with: "in"},
		{field: "roles_claim", base: one("roles_required", []any{userName}), change: one("roles_claim", []any{"sub"}), observe: outcome, without: "403", with: "in"},
		{field: "search_user_info", change: info, observe: func(r *rig) string {
			r.browser().login("/")
			return fmt.Sprint(r.idp.Calls("userinfo"))
		}, without: "0", with: "1"},
		{field: "userinfo_headers_names, userinfo_headers_values", base: info, change: map[string]any{
			"userinfo_headers_names": []any{"x-key"}, "userinfo_headers_values": []any{"v"},
		}, observe: infoHeader("x-key"), without: "", with: "v"},
		{field: "userinfo_query_args_names, userinfo_query_args_values", base: info, change: map[string]any{
			"userinfo_query_args_names": []any{"schema"}, "userinfo_query_args_values": []any{"openid"},
		}, observe: infoHeader("schema"), without: "", with: "openid"},
		{field: "upstream_access_token_header", change: one("upstream_access_token_header", "x_token"), observe: under(2, upstreamSees("X-Token")), without: "", with: "ey"},
		{field: "upstream_user_info_header", base: info, change: one("upstream_user_info_header", "x_info"), observe: under(2, upstreamSees("X-Info")), without: "", with: "ey"},
		{field: "upstream_headers_claims, upstream_headers_names", change: map[string]any{
			"upstream_headers_claims": []any{"sub"}, "upstream_headers_names": []any{"x_who"},
		}, observe: upstreamSees("X-Who"), without: "", with: userName},
		{field: "downstream_session_id_header", change: one("downstream_session_id_header", "x_session"), observe: func(r *rig) string {
			b := r.browser()
			b.login("/")
			return fmt.Sprint(len(b.get("/").header.Get("X-Session")))
		}, without: "0", with: "43"},
		{field: "expose_error_code", base: one("scopes_required", []any{"admin"}), change: one("expose_error_code", false), observe: func(r *rig) string {
			b := r.browser()
			return fmt.Sprint(strings.Contains(b.callback(b.begin("/")).header.Get("WWW-Authenticate"), "error="))
		}, without: "true", with: "false"},
		{field: "display_errors", change: one("display_errors", true), observe: func(r *rig) string { return scripted(r).body }, without: `{"message":"Unauthorized"}`, with: `{"message":"Unauthorized (no session)"}`},
		{field: "cache_ttl", change: one("cache_ttl", 60), idp: withoutExpiry, observe: refreshesAfter(2 * time.Minute), without: "0", with: "1"},
		{field: "cache_ttl_min", base: one("cache_ttl", 60), change: one("cache_ttl_min", 3600), idp: withoutExpiry, observe: refreshesAfter(2 * time.Minute), without: "1", with: "0"},
		{field: "cache_ttl_max", change: one("cache_ttl_max", 60), idp: withoutExpiry, observe: refreshesAfter(2 * time.Minute), without: "0", with: "1"},
	}
}

func shortTokens(o *practiceidp.Options) { o.AccessTokenTTL = time.Minute }

// withoutExpiry lets nothing say how long an access token lives.
func withoutExpiry(o *practiceidp.Options) { o.OmitExpiresIn, o.AccessTokenTTL = true, 100*time.Hour }

// refreshesAfter counts the refreshes of a session of some age, whose access
// token does not say when it expires.
func refreshesAfter(age time.Duration) func(r *rig) string {
	return lying("access-token-opaque", func(r *rig) string {
		b := r.browser()
		b.login("/")
		r.clock.advance(age)
		b.get("/")
		return fmt.Sprint(r.idp.Calls("refresh"))
	})
}

// secondRequest is the status of the request after a login.
func secondRequest(r *rig) string {
	b := r.browser()
	b.login("/")
	return fmt.Sprint(b.get("/").status)
}

func foreignKeys(t *testing.T) *practiceidp.Keys {
	t.Helper()
	var o practiceidp.Options
	ownKeys(t)(&o)
	return o.Keys
}

// attribute is an attribute of the cookie that an answer sets under a name, or
// the name of the only cookie where no attribute is asked for.
func attribute(a answer, name, attr string) string {
	for _, line := range a.header["Set-Cookie"] {
		if !strings.HasPrefix(line, name) || strings.Contains(line, "Max-Age=0") {
			continue
		}
		if attr == "" {
			name, _, _ := strings.Cut(line, "=")
			return name
		}
		for part := range strings.SplitSeq(line, "; ") {
			if key, value, _ := strings.Cut(part, "="); strings.EqualFold(key, attr) {
				return key + value
			}
		}
		return "absent"
	}
	return "no cookie"
}

// atHost is a browser for which the gateway is at another name.
func atHost(r *rig, name string) (*browser, string) {
	b := r.browser()
	u, err := url.Parse(r.gateway.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	b.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.Replace(address, name, "127.0.0.1", 1))
	}
	return b, "http://" + name + ":" + u.Port() + "/"
}

func sessionRows() []clientField {
	key := func(attr string) func(r *rig) string {
		return func(r *rig) string { return attribute(r.browser().get("/"), "authorization", attr) }
	}
	cookie := func(attr string) func(r *rig) string {
		return func(r *rig) string {
			b := r.browser()
			return attribute(b.callback(b.begin("/")), "session", attr)
		}
	}
	const name = "gateway.app.test"
	named := func(o *practiceidp.Options) {
		o.Clients[0].RedirectURIs = []string{strings.Replace(o.Clients[0].RedirectURIs[0], "127.0.0.1", name, 1)}
	}
	return []clientField{
		{field: "authorization_cookie_name", change: one("authorization_cookie_name", "authorization_x"), observe: key(""), without: "authorization", with: "authorization_x"},
		{field: "authorization_cookie_path", late: func(r *rig) map[string]any {
			return map[string]any{"authorization_cookie_path": "/app", "redirect_uri": []any{r.gateway.URL + "/app"}}
		}, observe: key("Path"), without: "Path/", with: "Path/app"},
		{field: "authorization_cookie_domain", change: one("authorization_cookie_domain", "app.test"), observe: func(r *rig) string {
			b, target := atHost(r, name)
			return attribute(b.get(target), "authorization", "Domain")
		}, without: "absent", with: "Domainapp.test"},
		{field: "authorization_cookie_http_only", change: one("authorization_cookie_http_only", false), observe: key("HttpOnly"), without: "HttpOnly", with: "absent"},
		{field: "authorization_cookie_same_site", change: one("authorization_cookie_same_site", "Strict"), observe: key("SameSite"), without: "absent", with: "SameSiteStrict"},
		{field: "session_cookie_name", change: one("session_cookie_name", "session_x"), observe: cookie(""), without: "session", with: "session_x"},
		{field: "session_cookie_path", change: one("session_cookie_path", "/page"), observe: func(r *rig) string {
			b := r.browser()
			return attribute(b.callback(b.begin("/page")), "session", "Path")
		}, without: "Path/", with: "Path/page"},
		{field: "session_cookie_domain", idp: named, change: one("session_cookie_domain", "app.test"), observe: func(r *rig) string {
			b, target := atHost(r, name)
			return attribute(b.callback(b.begin(target)), "session", "Domain")
		}, without: "absent", with: "Domainapp.test"},
		{field: "session_cookie_http_only", change: one("session_cookie_http_only", false), observe: cookie("HttpOnly"), without: "HttpOnly", with: "absent"},
		{field: "session_cookie_same_site", change: one("session_cookie_same_site", "Default"), observe: cookie("SameSite"), without: "SameSiteLax", with: "absent"},
		{field: "session_bind", change: one("session_bind", []any{"user-agent"}), observe: func(r *rig) string {
			b := r.browser()
			b.login("/")
			req := b.request(http.MethodGet, "/", nil)
			req.Header.Set("User-Agent", "another")
			return fmt.Sprint(b.send(req).status, b.get("/").status)
		}, without: "200 200", with: "302 200"},
		{field: "session_enforce_same_subject", change: one("session_enforce_same_subject", true), observe: func(r *rig) string {
			b := r.browser()
			b.login("/")
			r.change(one("session_audience", "another"))
			r.idp.LogInAs("bob")
			b.login("/")
			r.change(one("session_audience", "default"))
			return fmt.Sprint(b.get("/").status)
		}, without: "200", with: "302"},
	}
}

// TestSessionsOfOneAudienceAreNotThoseOfAnother: session_audience is a slot of
// the session, and what stands in the others stays.
func TestSessionsOfOneAudienceAreNotThoseOfAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	b := r.browser()
	b.login("/")
	r.change(one("session_audience", "another"))
	if a := b.get("/"); a.status != http.StatusFound {
		t.Errorf("another audience's session counted: %d", a.status)
	}
	r.change(one("session_audience", "default"))
	if a := b.get("/"); a.status != http.StatusOK {
		t.Errorf("the session of the audience is gone: %d", a.status)
	}
}
