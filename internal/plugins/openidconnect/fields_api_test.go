package openidconnect_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/internal/plugins/openidconnect"
	"sallyport/internal/schema"
)

// status is the observable of a request.
func status(a answer) string { return fmt.Sprint(a.status) }

// upstreamHeader and downstreamHeader are what the upstream and the client got.
func upstreamHeader(r *rig, a answer, name string) string {
	if a.status != http.StatusOK {
		return status(a)
	}
	return r.admitted(a).header(name)
}

// shape says of what kind a header's value is, since tokens differ each time.
func shape(value string) string {
	text, err := base64.StdEncoding.DecodeString(value)
	switch {
	case value == "":
		return "nothing"
	case err == nil && strings.Contains(string(text), `"kty"`):
		return "a key"
	case err == nil && strings.HasPrefix(string(text), "{"):
		return "a document"
	case strings.HasPrefix(value, "Bearer "):
		return "a bearer token"
	case strings.Count(value, ".") == 2:
		return "a jwt"
	}
	return "a text"
}

func one(name string, value any) map[string]any { return map[string]any{name: value} }

// headerRows are the rows of the headers in both directions.
func headerRows() []fieldRow {
	var rows []fieldRow
	introspects := with(apiConfig("introspection"), one("introspection_accept", "application/jwt"))
	informed := with(apiConfig("bearer"), one("userinfo_accept", "application/jwt"), one("search_user_info", true))
	grants := with(apiConfig("password"), one("scopes", []any{"openid"}))
	basic := func(r *rig) answer {
		return r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace"))
	}
	bearer := func(r *rig) answer { return r.bearer(r.accessToken()) }
	for _, h := range []struct {
		field string
		base  map[string]any
		send  func(*rig) answer
		want  string
	}{
		{"access_token_header", apiConfig("bearer"), bearer, "a jwt"},
		{"access_token_jwk_header", apiConfig("bearer"), bearer, "a key"},
		{"id_token_header", grants, basic, "a jwt"},
		{"id_token_jwk_header", grants, basic, "a key"},
		{"refresh_token_header", grants, basic, "a text"},
		{"introspection_header", introspects, bearer, "a document"},
		{"introspection_jwt_header", introspects, bearer, "a jwt"},
		{"user_info_header", informed, bearer, "a document"},
		{"user_info_jwt_header", informed, bearer, "a jwt"},
	} {
		rows = append(rows,
			fieldRow{"upstream_" + h.field, h.base, one("upstream_"+h.field, "x_shown"), func(r *rig) string { return shape(upstreamHeader(r, h.send(r), "X-Shown")) }, h.want},
			fieldRow{"downstream_" + h.field, h.base, one("downstream_"+h.field, "x_shown"), func(r *rig) string { return shape(h.send(r).header.Get("X-Shown")) }, h.want},
		)
	}
	claims := func(r *rig) string { return bearer(r).header.Get("X-Who") }
	deprecated := map[string]any{"downstream_headers_claims": []any{"sub"}, "downstream_headers_names": []any{"x_who"}}
	return append(rows,
		fieldRow{"downstream_headers", apiConfig("bearer"), one("downstream_headers", []any{map[string]any{"header": "x-who", "path": []any{"sub"}}}), claims, userName},
		fieldRow{"downstream_headers_claims", apiConfig("bearer"), deprecated, claims, userName},
		fieldRow{"downstream_headers_names", apiConfig("bearer"), with(deprecated, one("downstream_headers_names", []any{"X-Who"})), claims, userName},
	)
}

// credentialRows are the rows of where credentials are found.
func credentialRows() []fieldRow {
	get := func(target string, pairs ...string) func(*rig) string {
		return func(r *rig) string { return status(r.call(http.MethodGet, target, "", pairs...)) }
	}
	bearerIn := func(send func(*rig, string) answer) func(*rig) string {
		return func(r *rig) string { return status(send(r, r.accessToken())) }
	}
	return []fieldRow{
		{"auth_methods", apiConfig("session"), apiConfig("bearer"), bearerIn(func(r *rig, t string) answer { return r.bearer(t) }), "200"},
		{"bearer_token_param_type", apiConfig("bearer"), one("bearer_token_param_type", []any{"header"}), bearerIn(func(r *rig, t string) answer { return r.call(http.MethodGet, "/?access_token="+t, "") }), "401"},
		{"bearer_token_header_name", apiConfig("bearer"), one("bearer_token_header_name", "x-tok"), bearerIn(func(r *rig, t string) answer { return r.call(http.MethodGet, "/", "", "X-Tok", t) }), "200"},
		{
			"bearer_token_cookie_name", with(apiConfig("bearer"), map[string]any{"bearer_token_param_type": []any{"cookie"}, "bearer_token_cookie_name": "other"}),
			one("bearer_token_cookie_name", "tok"),
			bearerIn(func(r *rig, t string) answer { return r.call(http.MethodGet, "/", "", "Cookie", "tok="+t) }), "200",
		},
		{"client_credentials_param_type", apiConfig("client_credentials"), one("client_credentials_param_type", []any{"query"}), get("/", "Authorization", basicAuth(clientID, clientSecret)), "401"},
		{"password_param_type", apiConfig("password"), one("password_param_type", []any{"header"}), get("/?username=ada&password=lovelace"), "401"},
		{"refresh_token_param_name", apiConfig("refresh_token"), one("refresh_token_param_name", "rt"), func(r *rig) string {
			_, _, refresh := r.tokens()
			return status(r.call(http.MethodGet, "/", "", "Rt", refresh))
		}, "200"},
		{"refresh_token_param_type", with(apiConfig("refresh_token"), one("refresh_token_param_name", "rt")), one("refresh_token_param_type", []any{"body"}), func(r *rig) string {
			_, _, refresh := r.tokens()
			return status(r.call(http.MethodGet, "/", "", "Rt", refresh))
		}, "401"},
		{"id_token_param_name", with(apiConfig("bearer"), one("upstream_id_token_header", "x-id")), one("id_token_param_name", "idt"), idTokenBeside, "a jwt"},
		{"id_token_param_type", with(apiConfig("bearer"), one("upstream_id_token_header", "x-id"), one("id_token_param_name", "idt")), one("id_token_param_type", []any{"query"}), idTokenBeside, "nothing"},
		{"hide_credentials", with(apiConfig("bearer"), one("upstream_access_token_header", nil)), one("hide_credentials", false), func(r *rig) string {
			return shape(upstreamHeader(r, r.bearer(r.accessToken()), "Authorization"))
		}, "a bearer token"},
		{"jwt_session_cookie", apiConfig("bearer"), one("jwt_session_cookie", "sid"), bearerIn(func(r *rig, t string) answer { return r.bearer(t, "Cookie", "sid=other") }), "401"},
		{"jwt_session_claim", with(apiConfig("bearer"), one("jwt_session_cookie", "sid")), one("jwt_session_claim", "sub"), bearerIn(func(r *rig, t string) answer { return r.bearer(t, "Cookie", "sid="+userName) }), "200"},
		{"disable_session", apiConfig("bearer", "session"), one("disable_session", []any{"bearer"}), func(r *rig) string {
			return fmt.Sprint(r.bearer(r.accessToken()).sets("session"))
		}, "false"},
		{"sallyport.access_token_signing_algs", apiConfig("bearer"), one("sallyport", map[string]any{"access_token_signing_algs": []any{"ES256"}}), bearerIn(func(r *rig, t string) answer { return r.bearer(t) }), "401"},
		{"extra_jwks_uris", with(apiConfig("bearer"), one("jwks_endpoint", "http://127.0.0.1:1/none")), nil, func(r *rig) string { return extraKeys(r) }, "200"},
	}
}

// sharedAfterBoth is how much nodes share after an introspection and a password.
func sharedAfterBoth(r *rig) string {
	r.admitted(r.bearer(r.accessToken()))
	r.admitted(r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace")))
	return fmt.Sprint(len(r.cluster.keys()))
}

// extraKeys is the row of extra_jwks_uris: the address is the rig's own.
func extraKeys(r *rig) string {
	if r.changed {
		p := newTap(r.t, "")
		p.respond(say(`{"keys":[]}`))
		r.change(map[string]any{"jwks_endpoint": p.url(), "extra_jwks_uris": []any{r.idp.URL("jwks")}})
	}
	return status(r.bearer(r.accessToken()))
}

func idTokenBeside(r *rig) string {
	access, id, _ := r.tokens()
	return shape(upstreamHeader(r, r.bearer(access, "Idt", id), "X-Id"))
}

// idpRows are the rows of what is asked of the IdP.
func idpRows() []fieldRow {
	introspected := func(look func(form url.Values, header http.Header) string) func(*rig) string {
		return func(r *rig) string {
			p := r.tapped("introspection")
			r.call(http.MethodGet, "/?resource=api", "", "Authorization", "Bearer "+r.accessToken(), "X-Tenant", "one")
			form, header, _ := p.last()
			return look(form, header)
		}
	}
	field := func(name string) func(url.Values, http.Header) string {
		return func(form url.Values, _ http.Header) string { return form.Get(name) }
	}
	header := func(name string) func(url.Values, http.Header) string {
		return func(_ url.Values, h http.Header) string { return h.Get(name) }
	}
	informed := func(look func(query url.Values, header http.Header) string) func(*rig) string {
		return func(r *rig) string {
			p := r.tapped("userinfo")
			r.call(http.MethodGet, "/?schema=x", "", "Authorization", "Bearer "+r.accessToken(), "X-Tenant", "one")
			_, header, query := p.last()
			return look(query, header)
		}
	}
	granted := func(look func(form url.Values, header http.Header) string) func(*rig) string {
		return func(r *rig) string {
			p := r.tapped("token")
			r.call(http.MethodGet, "/?resource=api", "", "Authorization", basicAuth(userName, "lovelace"), "X-Tenant", "one")
			form, header, _ := p.last()
			return look(form, header)
		}
	}
	replayed := func(name string) func(*rig) string {
		return func(r *rig) string {
			r.tapped("token")
			return r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace")).header.Get(name)
		}
	}
	introspects, users, password := apiConfig("introspection"), apiConfig("userinfo"), apiConfig("password")
	return []fieldRow{
		{"introspection_endpoint", introspects, one("introspection_endpoint", "http://127.0.0.1:1/none"), func(r *rig) string { return status(r.bearer(r.accessToken())) }, "503"},
		{"introspection_endpoint_auth_method", introspects, one("introspection_endpoint_auth_method", "client_secret_post"), introspected(field("client_id")), clientID},
		{"introspection_hint", introspects, one("introspection_hint", "refresh_token"), introspected(field("token_type_hint")), "refresh_token"},
		{"introspection_token_param_name", introspects, one("introspection_token_param_name", "tok"), introspected(func(form url.Values, _ http.Header) string { return shape(form.Get("tok")) }), "a jwt"},
		{"introspection_accept", introspects, one("introspection_accept", "application/token-introspection+jwt"), introspected(header("Accept")), "application/token-introspection+jwt"},
		{"introspection_headers_client", introspects, one("introspection_headers_client", []any{"x-tenant"}), introspected(header("X-Tenant")), "one"},
		{"introspection_headers_names", introspects, map[string]any{"introspection_headers_names": []any{"x-a"}, "introspection_headers_values": []any{"v"}}, introspected(header("X-A")), "v"},
		{"introspection_headers_values", introspects, map[string]any{"introspection_headers_names": []any{"authorization"}, "introspection_headers_values": []any{"Fixed v"}}, introspected(header("Authorization")), "Fixed v"},
		{"introspection_post_args_client", introspects, one("introspection_post_args_client", []any{"resource"}), introspected(field("resource")), "api"},
		{"introspection_post_args_client_headers", introspects, one("introspection_post_args_client_headers", []any{"x-tenant"}), introspected(field("x-tenant")), "one"},
		{"introspection_post_args_names", introspects, map[string]any{"introspection_post_args_names": []any{"a"}, "introspection_post_args_values": []any{"v"}}, introspected(field("a")), "v"},
		{"introspection_post_args_values", introspects, map[string]any{"introspection_post_args_names": []any{"a"}, "introspection_post_args_values": []any{"w"}}, introspected(field("a")), "w"},
		{"introspection_check_active", introspects, one("introspection_check_active", false), func(r *rig) string { return status(r.bearer("garbage")) }, "200"},
		{"introspect_jwt_tokens", apiConfig("bearer", "introspection"), one("introspect_jwt_tokens", true), func(r *rig) string {
			token := r.accessToken()
			r.idp.EndSessions()
			return status(r.bearer(token))
		}, "401"},
		{"userinfo_accept", users, one("userinfo_accept", "application/jwt"), informed(func(_ url.Values, h http.Header) string { return h.Get("Accept") }), "application/jwt"},
		{"userinfo_headers_client", users, one("userinfo_headers_client", []any{"x-tenant"}), informed(func(_ url.Values, h http.Header) string { return h.Get("X-Tenant") }), "one"},
		{"userinfo_query_args_client", users, one("userinfo_query_args_client", []any{"schema"}), informed(func(q url.Values, _ http.Header) string { return q.Get("schema") }), "x"},
		{"token_headers_client", password, one("token_headers_client", []any{"x-tenant"}), granted(header("X-Tenant")), "one"},
		{"token_post_args_client", password, one("token_post_args_client", []any{"resource"}), granted(field("resource")), "api"},
		{"token_headers_replay", password, one("token_headers_replay", []any{"x-tap"}), replayed("X-Tap"), "planted-tap-value"},
		{"token_headers_grants", with(password, one("token_headers_replay", []any{"x-tap"})), one("token_headers_grants", []any{"refresh_token"}), replayed("X-Tap"), ""},
		{"token_headers_prefix", with(password, one("token_headers_replay", []any{"x-tap"})), one("token_headers_prefix", "idp-"), replayed("Idp-X-Tap"), "planted-tap-value"},
		{"ignore_signature", introspects, one("ignore_signature", []any{"introspection"}), func(r *rig) string {
			p := r.tapped("introspection")
			p.respond(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/jwt")
				claims := fmt.Sprintf(`{"iss":%q,"aud":%q,"active":true}`, r.idp.Issuer(), clientID)
				_, _ = w.Write([]byte(segment(segment("a.b.c2ln", 0, `{"alg":"RS256"}`), 1, claims)))
			})
			return status(r.bearer("opaque"))
		}, "200"},
	}
}

// cacheRows count what the IdP is asked.
func cacheRows() []fieldRow {
	twice := func(endpoint string, wait time.Duration, send func(*rig) answer) func(*rig) string {
		return func(r *rig) string {
			before := r.idp.Calls(endpoint)
			send(r)
			r.clock.advance(wait)
			send(r)
			return fmt.Sprint(r.idp.Calls(endpoint) - before)
		}
	}
	once := func() func(*rig) answer { // one token for both requests
		token := ""
		return func(r *rig) answer {
			if token == "" {
				token = r.accessToken()
			}
			return r.bearer(token)
		}
	}
	fresh := func(endpoint string) func(*rig) string {
		return func(r *rig) string { return twice(endpoint, 0, once())(r) }
	}
	password := func(r *rig) answer {
		return r.call(http.MethodGet, "/", "", "Authorization", basicAuth(userName, "lovelace"))
	}
	return []fieldRow{
		{"cache_introspection", apiConfig("introspection"), one("cache_introspection", false), fresh("introspection"), "2"},
		{"cache_user_info", apiConfig("userinfo"), one("cache_user_info", false), fresh("userinfo"), "2"},
		{"cache_tokens", apiConfig("password"), one("cache_tokens", false), twice("password", 0, password), "2"},
		{"cluster_cache_strategy", with(clusterConfig("introspection"), one("cluster_cache_strategy", "off")), one("cluster_cache_strategy", "redis"), sharedAfterBoth, "1"},
		{"cluster_cache_items", clusterConfig("introspection"), one("cluster_cache_items", []any{"introspection", "tokens"}), sharedAfterBoth, "2"},
		{"cache_ttl_neg", apiConfig("introspection"), one("cache_ttl_neg", 60), twice("introspection", 30*time.Second, func(r *rig) answer { return r.bearer("garbage") }), "1"},
		{"cache_ttl_resurrect", with(apiConfig("introspection"), one("cache_ttl", 10)), one("cache_ttl_resurrect", 60), func(r *rig) string {
			p := r.tapped("introspection")
			p.respond(say(`{"active":true}`))
			r.bearer("opaque")
			r.clock.advance(20 * time.Second)
			p.respond(failing)
			return status(r.bearer("opaque"))
		}, "200"},
		{"cache_tokens_salt", with(apiConfig("password"), one("cache_tokens_salt", "a")), nil, func(r *rig) string {
			return twice("password", 0, func(r *rig) answer {
				a := password(r)
				if r.changed {
					r.change(map[string]any{"cache_tokens_salt": "b"})
				} else {
					r.change(map[string]any{"cache_tokens_salt": "a"}) // a change that changes nothing
				}
				return a
			})(r)
		}, "2"},
	}
}

func apiRows() []fieldRow {
	return slices.Concat(headerRows(), credentialRows(), idpRows(), cacheRows(), exchangeRows())
}

// TestFieldsOfAPIClients: every field is observable, and its default is observed
// to be something else.
func TestFieldsOfAPIClients(t *testing.T) {
	t.Parallel()
	for _, row := range apiRows() {
		t.Run(row.field, func(t *testing.T) {
			t.Parallel()
			row.try(t, nil)
		})
	}
}

// TestEveryFieldOfAPIClientsHasARow: fields whose names begin like these are
// about API clients, and each that is supported stands in the table.
func TestEveryFieldOfAPIClientsHasARow(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{
		// Rows of their own elsewhere: sessions and the login.
		"upstream_headers": true, "upstream_headers_claims": true, "upstream_headers_names": true,
		"upstream_session_id_header": true, "downstream_session_id_header": true,
		"userinfo_endpoint": true, "userinfo_headers_names": true, "userinfo_headers_values": true,
		"userinfo_query_args_names": true, "userinfo_query_args_values": true,
		"token_endpoint": true, "token_endpoint_auth_method": true, "token_headers_names": true, "token_headers_values": true,
		"token_post_args_names": true, "token_post_args_values": true,
		"cache_ttl": true, "cache_ttl_min": true, "cache_ttl_max": true, // TestCacheLifetimes
	}
	for _, row := range apiRows() {
		rows[row.field] = true
	}
	n := 0
	for _, f := range openidconnect.Definition(openidconnect.Deps{}).Config().Fields {
		about := false
		for _, prefix := range []string{
			"bearer_", "client_credentials_", "password_", "refresh_token_", "id_token_", "introspect", "userinfo_", "token_", "jwt_session_",
			"cache_", "upstream_", "downstream_", "ignore_signature", "hide_credentials", "disable_session", "extra_jwks_uris",
		} {
			about = about || strings.HasPrefix(f.Name, prefix)
		}
		if !about || f.Attr.Mark != schema.Supported || f.Record != nil {
			continue
		}
		if n++; !rows[f.Name] {
			t.Errorf("%s has no row", f.Name)
		}
	}
	if n < 50 {
		t.Errorf("only %d fields seen", n)
	}
}
