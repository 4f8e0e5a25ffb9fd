package openidconnect_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
)

// TestClientFields has a row for each setting of this kind that does something.
func TestClientFields(t *testing.T) {
	t.Parallel()
	for _, rows := range [][]clientField{clientRows(t), requestRows(t), endpointRows(), callRows(t), revocationRows()} {
		for _, f := range rows {
			t.Run(f.field, func(t *testing.T) {
				t.Parallel()
				f.try(t)
			})
		}
	}
}

// outcome is how a login ends: in, or the status of the answer that it ends with.
func outcome(r *rig) string {
	b := r.browser()
	a := b.get("/")
	if a.status != http.StatusFound {
		return fmt.Sprint(a.status)
	}
	if a = b.callback(b.authorize(a.location())); !a.sets("session") {
		return fmt.Sprint(a.status)
	}
	return "in"
}

// sent is what a login sends to the token endpoint under a name.
func sent(name string) func(r *rig) string {
	return func(r *rig) string {
		r.browser().login("/")
		return strings.Join(r.idp.Seen("token").Form[name], ",")
	}
}

// asked is what the user agent is sent to the IdP with under a name.
func asked(name string) func(r *rig) string {
	return func(r *rig) string { return r.browser().start("/").Get(name) }
}

// assertion is a part of the client assertion: a member of its header or a claim.
func assertion(part string) func(r *rig) string {
	return func(r *rig) string {
		r.browser().login("/")
		token := r.idp.Seen("token").Form.Get("client_assertion")
		object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{
			jose.HS256, jose.HS512, jose.RS256, jose.PS256, jose.ES256, jose.EdDSA,
		})
		if err != nil {
			return err.Error()
		}
		header := object.Signatures[0].Protected
		switch part {
		case "alg":
			return header.Algorithm
		case "kid":
			return header.KeyID
		case "aud":
			var claims struct{ Aud string }
			if err := json.Unmarshal(object.UnsafePayloadWithoutVerification(), &claims); err != nil {
				return err.Error()
			}
			return strings.TrimPrefix(claims.Aud, r.idp.Issuer())
		}
		return fmt.Sprint(header.ExtraHeaders[jose.HeaderKey(part)])
	}
}

func clientRows(t *testing.T) []clientField {
	t.Helper()
	rsaKey, err := clientRSA()
	plain, public := clientJWK(t, rsaKey, err, nil)
	with := func(name string, value any) map[string]any {
		m := maps.Clone(plain)
		m[name] = value
		return map[string]any{"client_jwk": []any{m}}
	}
	keyed := map[string]any{"client_auth": []any{"private_key_jwt"}, "client_jwk": []any{plain}}
	knows := func(kid string) func(*practiceidp.Options) {
		return func(o *practiceidp.Options) {
			k := public
			k.KeyID = kid
			second := public
			second.KeyID = ""
			o.Clients[0].AuthMethods = []string{"private_key_jwt", "client_secret_jwt", "client_secret_basic", "client_secret_post"}
			o.Clients[0].Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k, second}}
		}
	}
	secretJWT := map[string]any{"client_auth": []any{"client_secret_jwt"}, "client_secret": []any{longSecret}}
	return []clientField{
		{field: "client_secret", change: map[string]any{"client_secret": []any{"another secret"}}, observe: outcome, without: "in", with: "500"},
		{
			field: "client_auth", change: map[string]any{"client_auth": []any{"client_secret_post"}}, observe: sent("client_id"),
			without: "", with: clientID,
		},
		{
			field: "token_endpoint_auth_method", base: map[string]any{"client_auth": []any{"client_secret_basic"}},
			change: map[string]any{"token_endpoint_auth_method": "client_secret_post"}, observe: sent("client_secret"), without: "", with: clientSecret,
		},
		{
			field: "client_alg", base: secretJWT, change: map[string]any{"client_alg": []any{"HS512"}}, idp: func(o *practiceidp.Options) {
				o.Clients[0].AuthMethods = []string{"client_secret_jwt"}
				o.Clients[0].Secret = longSecret
			}, observe: assertion("alg"), without: "HS256", with: "HS512",
		},
		{field: "client_alg for a key", base: keyed, change: map[string]any{"client_alg": []any{"PS256"}}, idp: knows(""), observe: assertion("alg"), without: "RS256", with: "PS256"},
		{
			field: "client_jwk", base: map[string]any{"client_auth": []any{"private_key_jwt"}}, change: keyed, idp: knows(""),
			observe: outcome, without: "500", with: "in",
		},
		{field: "client_jwk[].kid", base: keyed, change: with("kid", "k7"), idp: knows("k7"), observe: assertion("kid"), without: "", with: "k7"},
		{field: "client_jwk[].alg", base: keyed, change: with("alg", "PS256"), idp: knows(""), observe: assertion("alg"), without: "RS256", with: "PS256"},
		{field: "client_jwk[].x5t", base: keyed, change: with("x5t", "dGh1bWI"), idp: knows(""), observe: assertion("x5t"), without: "<nil>", with: "dGh1bWI"},
		{field: "client_jwk[].x5t#S256", base: keyed, change: with("x5t#S256", "dGh1bWI"), idp: knows(""), observe: assertion("x5t#S256"), without: "<nil>", with: "dGh1bWI"},
		{
			field: "sallyport.client_assertion_audience", base: keyed, idp: knows(""),
			change:  map[string]any{"sallyport": map[string]any{"client_assertion_audience": "issuer"}},
			observe: assertion("aud"), without: "/token", with: "",
		},
		{
			field: "tls_client_auth_cert_id", tls: true, change: map[string]any{
				"client_auth": []any{"tls_client_auth"}, "tls_client_auth_cert_id": certificateID, "tls_client_auth_ssl_verify": false,
			},
			idp: func(o *practiceidp.Options) {
				o.Clients[0].AuthMethods = []string{"tls_client_auth", "client_secret_basic"}
				o.Clients[0].SubjectDN = "CN=the gateway"
			},
			observe: func(r *rig) string {
				r.browser().login("/")
				return r.idp.Seen("token").Certificate
			}, without: "", with: "CN=the gateway",
		},
		{
			field: "tls_client_auth_ssl_verify", tls: true,
			base: map[string]any{"client_auth": []any{"tls_client_auth"}, "tls_client_auth_cert_id": certificateID},
			idp: func(o *practiceidp.Options) {
				o.Clients[0].AuthMethods, o.Clients[0].SubjectDN = []string{"tls_client_auth"}, "CN=the gateway"
			},
			change: map[string]any{"tls_client_auth_ssl_verify": false}, observe: outcome, without: "500", with: "in",
		},
	}
}

const longSecret = "planted-secret-of-64-bytes-for-HMAC-with-SHA-512-0123456789abcdef"

func requestRows(t *testing.T) []clientField {
	t.Helper()
	shape := func(r *rig) string {
		q := r.browser().start("/")
		var names []string
		for _, name := range []string{"request", "request_uri", "response_type", "scope", "state", "nonce", "redirect_uri"} {
			if q.Has(name) {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	const plain = "response_type scope state nonce redirect_uri"
	callback := func(r *rig) string {
		b := r.browser()
		reply := b.begin("/")
		by := "query"
		values := url.Values{}
		if reply.form != nil {
			by, values = "form", reply.form
		} else if u, err := url.Parse(reply.uri); err == nil {
			values = u.Query()
		}
		if a := b.callback(reply); !a.sets("session") {
			return fmt.Sprint(a.status)
		}
		if values.Has("response") && len(values) == 1 {
			return "signed by " + by
		}
		return "plain by " + by
	}
	announce := func(pushed, signed bool) func(*practiceidp.Options) {
		return func(o *practiceidp.Options) { o.AnnouncePushed, o.AnnounceSigned = pushed, signed }
	}
	own := map[string]any{"client_auth": []any{"client_secret_basic"}}
	return []clientField{
		{field: "response_mode jwt", change: map[string]any{"response_mode": "jwt"}, observe: callback, without: "plain by query", with: "signed by query"},
		{field: "response_mode query.jwt", change: map[string]any{"response_mode": "query.jwt"}, observe: callback, without: "plain by query", with: "signed by query"},
		{field: "response_mode form_post.jwt", change: map[string]any{"response_mode": "form_post.jwt"}, observe: callback, without: "plain by query", with: "signed by form"},
		{field: "require_pushed_authorization_requests", change: map[string]any{"require_pushed_authorization_requests": true}, observe: shape, without: plain, with: "request_uri"},
		{
			field: "require_pushed_authorization_requests false", change: map[string]any{"require_pushed_authorization_requests": false}, idp: announce(true, false),
			observe: shape, without: "request_uri", with: plain,
		},
		{field: "require_signed_request_object", base: own, change: map[string]any{"require_signed_request_object": true}, observe: shape, without: plain, with: "request response_type scope"},
		{
			field: "require_signed_request_object false", change: map[string]any{"require_signed_request_object": false}, idp: announce(false, true),
			observe: shape, without: "request response_type scope", with: plain,
		},
		{
			field: "require_signed_request_object, pushed", base: map[string]any{
				"require_pushed_authorization_requests": true, "client_auth": []any{"client_secret_jwt"}, "client_secret": []any{longSecret},
			},
			change: map[string]any{"require_signed_request_object": true},
			idp: func(o *practiceidp.Options) {
				o.Clients[0].AuthMethods, o.Clients[0].Secret = []string{"client_secret_jwt"}, longSecret
			},
			observe: func(r *rig) string {
				r.browser().login("/")
				return fmt.Sprint(r.idp.Seen("par").Form.Has("request"))
			}, without: "false", with: "true",
		},
		{
			field:  "pushed_authorization_request_endpoint_auth_method",
			base:   map[string]any{"client_auth": []any{"client_secret_basic"}, "require_pushed_authorization_requests": true},
			change: map[string]any{"pushed_authorization_request_endpoint_auth_method": "client_secret_post"}, observe: func(r *rig) string {
				r.browser().login("/")
				return r.idp.Seen("par").Form.Get("client_secret") + r.idp.Seen("token").Form.Get("client_secret")
			}, without: "", with: clientSecret,
		},
	}
}

// endpointRows are about where calls go. The practice IdP answers under two
// names: localhost tells a configured endpoint from an announced one.
func endpointRows() []clientField {
	at := func(endpoint string) func(r *rig) string {
		return func(r *rig) string {
			b := r.browser()
			b.login("/")
			b.get("/logout")
			host, _, _ := net.SplitHostPort(r.idp.Seen(endpoint).Host)
			return host
		}
	}
	introspectedAt := func(r *rig) string {
		if a := r.bearer(r.accessToken()); a.status != http.StatusOK {
			return fmt.Sprint(a.status)
		}
		host, _, _ := net.SplitHostPort(r.idp.Seen("introspection").Host)
		return host
	}
	elsewhere := func(field, endpoint string) func(r *rig) map[string]any {
		return func(r *rig) map[string]any {
			return map[string]any{field: strings.Replace(r.idp.URL(endpoint), "127.0.0.1", "localhost", 1)}
		}
	}
	logout := map[string]any{"logout_methods": []any{"GET"}, "logout_uri_suffix": "/logout", "logout_revoke": true}
	pushes := map[string]any{"require_pushed_authorization_requests": true}
	certified := func(more map[string]any) map[string]any {
		m := map[string]any{
			"client_auth": []any{"tls_client_auth"}, "tls_client_auth_cert_id": certificateID, "tls_client_auth_ssl_verify": false,
		}
		maps.Copy(m, more)
		return m
	}
	subject := func(o *practiceidp.Options) {
		o.Clients[0].AuthMethods, o.Clients[0].SubjectDN = []string{"tls_client_auth"}, "CN=the gateway"
	}
	rows := []clientField{
		{field: "pushed_authorization_request_endpoint", base: pushes, observe: at("par"), late: elsewhere("pushed_authorization_request_endpoint", "par")},
		{field: "revocation_endpoint", base: logout, observe: at("revoke"), late: elsewhere("revocation_endpoint", "revoke")},
		{field: "mtls_token_endpoint", base: certified(nil), tls: true, idp: subject, observe: at("token"), late: elsewhere("mtls_token_endpoint", "token")},
		{
			field: "mtls_introspection_endpoint", tls: true, observe: introspectedAt, late: elsewhere("mtls_introspection_endpoint", "introspection"),
			base: map[string]any{
				"auth_methods": []any{"introspection"}, "introspection_endpoint_auth_method": "tls_client_auth", "tls_client_auth_cert_id": certificateID,
				"tls_client_auth_ssl_verify": false,
			},
			idp: func(o *practiceidp.Options) {
				o.Clients[0].AuthMethods, o.Clients[0].SubjectDN = []string{"tls_client_auth", "client_secret_basic"}, "CN=the gateway"
			},
		},
		{field: "mtls_revocation_endpoint", base: certified(logout), tls: true, idp: subject, observe: at("revoke"), late: elsewhere("mtls_revocation_endpoint", "revoke")},
	}
	for i := range rows {
		rows[i].without, rows[i].with = "127.0.0.1", "localhost"
	}
	return rows
}

func revocationRows() []clientField {
	revoked := func(r *rig) string {
		b := r.browser()
		b.login("/")
		b.get("/logout")
		return fmt.Sprintf("access %d, refresh %d", r.idp.Calls("revoke access_token"), r.idp.Calls("revoke refresh_token"))
	}
	form := func(name string) func(r *rig) string {
		return func(r *rig) string {
			revoked(r)
			return fmt.Sprint(r.idp.Seen("revoke").Form.Has(name))
		}
	}
	off := map[string]any{"logout_methods": []any{"GET"}, "logout_uri_suffix": "/logout"}
	on := maps.Clone(off)
	on["logout_revoke"] = true
	return []clientField{
		{field: "logout_revoke", base: off, change: map[string]any{"logout_revoke": true}, observe: revoked, without: "access 0, refresh 0", with: "access 1, refresh 1"},
		{field: "logout_revoke_access_token", base: on, change: map[string]any{"logout_revoke_access_token": false}, observe: revoked, without: "access 1, refresh 1", with: "access 0, refresh 1"},
		{field: "logout_revoke_refresh_token", base: on, change: map[string]any{"logout_revoke_refresh_token": false}, observe: revoked, without: "access 1, refresh 1", with: "access 1, refresh 0"},
		{field: "revocation_token_param_name", base: on, change: map[string]any{"revocation_token_param_name": "jeton"}, observe: form("jeton"), without: "false", with: "true"},
		{
			field: "revocation_endpoint_auth_method", base: on, change: map[string]any{"revocation_endpoint_auth_method": "client_secret_post"},
			observe: form("client_secret"), without: "false", with: "true",
		},
	}
}

// callRows are headers, arguments, proxies and connections.
func callRows(t *testing.T) []clientField {
	t.Helper()
	proxy, secure := newForwardProxy(t), newForwardProxy(t)
	through := func(p *forwardProxy) func(r *rig) string {
		return func(r *rig) string {
			if got := outcome(r); got != "in" {
				return got
			}
			return p.used(r.idp.Issuer())
		}
	}
	header := func(endpoint, name string) func(r *rig) string {
		return func(r *rig) string {
			b := r.browser()
			reply := b.begin("/")
			req := b.request(http.MethodGet, reply.uri+"&resource=from-the-query&acr=x", nil)
			req.Header.Set("X-Device", "a phone")
			req.Header.Set("Tenant-Id", "t1")
			if a := b.send(req); !a.sets("session") {
				return fmt.Sprint(a.status)
			}
			return r.idp.Seen(endpoint).Header.Get(name)
		}
	}
	argument := func(name string) func(r *rig) string {
		return func(r *rig) string {
			header("token", "")(r)
			return r.idp.Seen("token").Form.Get(name)
		}
	}
	plainProxy := map[string]any{"http_proxy": proxy.url}
	tlsProxy := map[string]any{"https_proxy": secure.url}
	return []clientField{
		{field: "token_headers_client", change: map[string]any{"token_headers_client": []any{"x-device"}}, observe: header("token", "X-Device"), without: "", with: "a phone"},
		{
			field: "token_headers_names, token_headers_values", base: map[string]any{"token_headers_client": []any{"x-device"}},
			change:  map[string]any{"token_headers_names": []any{"x-device"}, "token_headers_values": []any{"fixed"}},
			observe: header("token", "X-Device"), without: "a phone", with: "fixed", // the fixed one wins
		},
		{field: "token_post_args_client by query", change: map[string]any{"token_post_args_client": []any{"resource"}}, observe: argument("resource"), without: "", with: "from-the-query"},
		{field: "token_post_args_client by header", change: map[string]any{"token_post_args_client": []any{"tenant_id"}}, observe: argument("tenant_id"), without: "", with: "t1"},
		{
			field: "token_post_args_names, token_post_args_values", base: map[string]any{"token_post_args_client": []any{"resource"}},
			change:  map[string]any{"token_post_args_names": []any{"resource"}, "token_post_args_values": []any{"fixed"}},
			observe: argument("resource"), without: "from-the-query", with: "fixed",
		},
		{
			field: "discovery_headers_names, discovery_headers_values", change: map[string]any{"discovery_headers_names": []any{"x-key"}, "discovery_headers_values": []any{"v"}},
			observe: header("discovery", "X-Key"), without: "", with: "v",
		},
		{field: "http_proxy", change: plainProxy, observe: through(proxy), without: "direct", with: "proxied"},
		{
			field: "http_proxy_authorization", base: plainProxy, change: map[string]any{"http_proxy_authorization": "Basic abc"},
			observe: func(r *rig) string { through(proxy)(r); return proxy.authorization(r.idp.Issuer()) }, without: "", with: "Basic abc",
		},
		{field: "https_proxy", tls: true, change: tlsProxy, observe: through(secure), without: "direct", with: "proxied"},
		{
			field: "https_proxy_authorization", tls: true, base: tlsProxy, change: map[string]any{"https_proxy_authorization": "Basic xyz"},
			observe: func(r *rig) string { through(secure)(r); return secure.authorization(r.idp.Issuer()) }, without: "", with: "Basic xyz",
		},
		{field: "no_proxy", base: plainProxy, change: map[string]any{"no_proxy": "a.test, 127.0.0.1"}, observe: through(proxy), without: "proxied", with: "direct"},
		{
			field: "keepalive", change: map[string]any{"keepalive": false}, observe: func(r *rig) string {
				r.browser().login("/")
				if r.idp.Seen("discovery").Connection == r.idp.Seen("token").Connection {
					return "one connection"
				}
				return "several"
			}, without: "one connection", with: "several",
		},
		{
			field: "timeout", change: map[string]any{"timeout": 200}, observe: func(r *rig) string {
				b := r.browser()
				reply := b.begin("/")
				r.idp.Misbehave("token-slow")
				if a := b.callback(reply); !a.sets("session") {
					return fmt.Sprint(a.status)
				}
				return "in"
			}, without: "in", with: "500",
		},
		{field: "ssl_verify", tls: true, change: map[string]any{"ssl_verify": true}, observe: outcome, without: "in", with: "503"},
	}
}

// forwardProxy is a forward proxy that remembers who was asked through it.
type forwardProxy struct {
	url string

	mu    sync.Mutex
	hosts map[string]string // host:port → Proxy-Authorization
}

func newForwardProxy(t *testing.T) *forwardProxy {
	t.Helper()
	p := &forwardProxy{hosts: map[string]string{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *forwardProxy) used(issuer string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.hosts[strings.SplitN(issuer, "/", 4)[2]]; ok {
		return "proxied"
	}
	return "direct"
}

func (p *forwardProxy) authorization(issuer string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hosts[strings.SplitN(issuer, "/", 4)[2]]
}

// ServeHTTP forwards a request, or makes a tunnel.
func (p *forwardProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.hosts[r.Host] = r.Header.Get("Proxy-Authorization")
	p.mu.Unlock()
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	out.Header.Del("Proxy-Authorization")
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(out)
	if err != nil {
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	}
	defer func() { _ = response.Body.Close() }()
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func (p *forwardProxy) tunnel(w http.ResponseWriter, r *http.Request) {
	there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", r.Host)
	if err != nil {
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { // ends with either connection
		_, _ = io.Copy(there, here)
		_ = there.Close()
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
}
