package openidconnect_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// TestFlowFields has a row for settings of login, session and logout that have
// tests of their own as well.
func TestFlowFields(t *testing.T) {
	t.Parallel()
	for _, f := range flowRows() {
		t.Run(f.field, func(t *testing.T) {
			t.Parallel()
			f.try(t)
		})
	}
}

func flowRows() []clientField {
	return slices.Concat(authorizationRows(), actionRows(), logoutRows(), keptRows(), toldRows())
}

// authorizationRows are about what a login begins with.
func authorizationRows() []clientField {
	second := func(o *practiceidp.Options) {
		o.Clients = append(o.Clients, practiceidp.Client{ID: "second", Secret: "second-secret", RedirectURIs: o.Clients[0].RedirectURIs})
	}
	asking := func(target, name string) func(r *rig) string {
		return func(r *rig) string { return r.browser().start(target).Get(name) }
	}
	challenged := func(r *rig) string { return fmt.Sprint(r.browser().start("/").Has("code_challenge")) }
	first := func(r *rig) string { return status(r.browser().get("/")) }
	return []clientField{
		{
			field: "client_arg", base: map[string]any{"client_id": []any{clientID, "second"}, "client_secret": []any{clientSecret, "second-secret"}}, idp: second,
			change: one("client_arg", "tenant"), observe: asking("/?tenant=second", "client_id"), without: clientID, with: "second",
		},
		{field: "redirect_uri", observe: func(r *rig) string {
			return strings.TrimPrefix(asking("/page", "redirect_uri")(r), r.gateway.URL)
		}, without: "/page", with: "/cb", late: func(r *rig) map[string]any { return one("redirect_uri", []any{r.gateway.URL + "/cb"}) }},
		{field: "authorization_query_args_names, authorization_query_args_values", change: map[string]any{
			"authorization_query_args_names": []any{"ui"}, "authorization_query_args_values": []any{"dark"},
		}, observe: asked("ui"), without: "", with: "dark"},
		{field: "authorization_query_args_client", change: one("authorization_query_args_client", []any{"login_hint"}), observe: asking("/?login_hint=x", "login_hint"), without: "", with: "x"},
		{field: "require_proof_key_for_code_exchange", change: one("require_proof_key_for_code_exchange", false), observe: challenged, without: "true", with: "false"},
		{
			field: "require_proof_key_for_code_exchange true", change: one("require_proof_key_for_code_exchange", true),
			idp: func(o *practiceidp.Options) { o.OmitPKCEMethods = true }, observe: challenged, without: "false", with: "true",
		},
		{field: "authorization_cookie_secure", change: one("authorization_cookie_secure", true), observe: first, without: "302", with: "500"}, // on plain http
		{field: "session_cookie_secure", change: one("session_cookie_secure", true), observe: first, without: "302", with: "500"},
		{
			field: "enable_hs_signatures", change: one("enable_hs_signatures", true), observe: func(r *rig) string {
				r.idp.Misbehave("alg-hs256-secret", "discovery-lists-none") // HS256 is listed, too
				return outcome(r)
			}, without: "401", with: "in",
		},
		{
			field: "sallyport.id_token_signing_algs", base: one("enable_hs_signatures", true), change: own("id_token_signing_algs", []any{"HS256"}),
			observe: lying("alg-hs256-secret", outcome), without: "401", with: "in",
		},
		{field: "run_on_preflight", change: one("run_on_preflight", false), observe: func(r *rig) string {
			return status(r.call(http.MethodOptions, "/", ""))
		}, without: "303", with: "200"},
	}
}

// actionRows are about what follows a login.
func actionRows() []clientField {
	ends := func(target string) func(r *rig) answer {
		return func(r *rig) answer {
			b := r.browser()
			return b.callback(b.begin(target))
		}
	}
	location := func(r *rig) string { return strings.TrimPrefix(ends("/page?x=1")(r).location(), r.gateway.URL) }
	action := func(r *rig) string { return fmt.Sprint(ends("/")(r).status, r.echo.Hits()) }
	upstream, tokens := one("login_action", "upstream"), one("login_tokens", []any{"id_token"})
	return []clientField{
		{field: "preserve_query_args", change: one("preserve_query_args", false), observe: location, without: "/page?x=1", with: "/page"},
		{field: "login_action", base: upstream, change: one("login_action", "redirect"), observe: action, without: "200 1", with: "302 0"},
		{field: "login_action response", base: upstream, change: one("login_action", "response"), observe: action, without: "200 1", with: "200 0"},
		{field: "login_tokens", base: with(tokens, one("login_action", "response")), change: one("login_tokens", []any{"access_token"}), observe: func(r *rig) string {
			var got map[string]any
			if err := json.Unmarshal([]byte(ends("/")(r).body), &got); err != nil {
				return err.Error()
			}
			return strings.Join(slices.Sorted(maps.Keys(got)), " ")
		}, without: "id_token", with: "access_token"},
		{field: "login_redirect_uri", change: one("login_redirect_uri", []any{"https://app.test/in"}), observe: location, without: "/page?x=1", with: "https://app.test/in"},
		{field: "login_redirect_mode", base: tokens, change: one("login_redirect_mode", "query"), observe: func(r *rig) string {
			before, _, _ := strings.Cut(location(r), "id_token=")
			return before
		}, without: "/page?x=1#", with: "/page?x=1&"},
		{field: "unexpected_redirect_uri", change: one("unexpected_redirect_uri", []any{"https://app.test/500"}), observe: lying("token-500", location), without: "", with: "https://app.test/500"},
	}
}

// logoutRows tell a logout, which leads away, from an ordinary request.
func logoutRows() []clientField {
	signsOut := func(send func(b *browser) answer) func(r *rig) string {
		return func(r *rig) string {
			b := r.browser()
			b.login("/")
			return status(send(b))
		}
	}
	get := func(target string) func(b *browser) answer { return func(b *browser) answer { return b.get(target) } }
	byGET := one("logout_methods", []any{"GET"})
	return []clientField{
		{field: "logout_methods", base: one("logout_uri_suffix", "/logout"), change: byGET, observe: signsOut(get("/logout")), without: "200", with: "302"},
		{field: "logout_uri_suffix", base: byGET, change: one("logout_uri_suffix", "/logout"), observe: signsOut(get("/x/logout")), without: "200", with: "302"},
		{field: "logout_query_arg", base: byGET, change: one("logout_query_arg", "bye"), observe: signsOut(get("/?bye")), without: "200", with: "302"},
		{field: "logout_post_arg", change: one("logout_post_arg", "leave"), observe: signsOut(func(b *browser) answer {
			return b.post("/", url.Values{"leave": {"1"}})
		}), without: "200", with: "303"},
		{
			field: "logout_redirect_uri", base: with(byGET, one("logout_uri_suffix", "/logout")), change: one("logout_redirect_uri", []any{"https://app.test/bye"}),
			observe: func(r *rig) string {
				b := r.browser()
				b.login("/")
				u, err := url.Parse(b.get("/logout").location())
				if err != nil {
					return err.Error()
				}
				return u.Query().Get("post_logout_redirect_uri")
			}, without: "", with: "https://app.test/bye",
		},
	}
}

// keptRows are about how long a session counts, and where.
func keptRows() []clientField {
	// back takes a change back after the login: whoever logged in under it has no
	// session then.
	back := func(change map[string]any) func(r *rig) string {
		return func(r *rig) string {
			b := r.browser()
			b.login("/")
			r.change(change)
			return status(b.get("/"))
		}
	}
	after := func(r *rig) string {
		b := r.browser()
		b.login("/")
		r.clock.advance(150 * time.Second)
		return status(b.get("/"))
	}
	awake := one("session_idling_timeout", 0)
	return []clientField{
		{field: "session_secret", change: one("session_secret", "another planted secret"), observe: back(one("session_secret", "planted-session-secret")), without: "200", with: "302"},
		{field: "session_audience", change: one("session_audience", "another"), observe: back(one("session_audience", "default")), without: "200", with: "302"},
		{field: "session_storage", change: one("session_storage", "cookie"), observe: func(r *rig) string {
			b := r.browser()
			b.login("/")
			r.sessions.down.Store(true)
			return status(b.get("/"))
		}, without: "503", with: "200"},
		{field: "session_idling_timeout", change: one("session_idling_timeout", 100), idp: longTokens, observe: after, without: "200", with: "302"},
		{field: "session_rolling_timeout", base: awake, change: one("session_rolling_timeout", 100), idp: longTokens, observe: after, without: "200", with: "302"},
		{field: "session_absolute_timeout", base: awake, change: one("session_absolute_timeout", 100), idp: longTokens, observe: after, without: "200", with: "302"},
	}
}

// toldRows are about headers made of claims.
func toldRows() []clientField {
	header := func(direction, name, claim string) map[string]any {
		return one(direction+"_headers", []any{map[string]any{"header": name, "path": []any{claim}}})
	}
	downstream := func(r *rig) string {
		b := r.browser()
		b.login("/")
		return b.get("/").header.Get("X-Who")
	}
	upstream := upstreamSees("X-Who")
	rows := []clientField{
		{field: "upstream_session_id_header", change: one("upstream_session_id_header", "x_session"), observe: func(r *rig) string {
			return fmt.Sprint(len(upstreamSees("X-Session")(r)))
		}, without: "0", with: "43"},
	}
	for direction, observe := range map[string]func(*rig) string{"upstream": upstream, "downstream": downstream} {
		rows = append(rows,
			clientField{field: direction + "_headers", change: header(direction, "x-who", "sub"), observe: observe, without: "", with: userName},
			clientField{field: direction + "_headers[].header", base: header(direction, "x-else", "sub"), change: header(direction, "x-who", "sub"), observe: observe, without: "", with: userName},
			clientField{field: direction + "_headers[].path", base: header(direction, "x-who", "iss"), change: header(direction, "x-who", "sub"), observe: under(3, observe), without: "htt", with: userName},
		)
	}
	return rows
}
