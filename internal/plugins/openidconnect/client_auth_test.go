package openidconnect_test

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
)

// TestAuth has the rows auth/ of the conformance suite: a login and a refresh by
// every method, at an IdP that takes no other; and, as the positive control of
// that IdP, a client that does not have what the method needs.
func TestAuth(t *testing.T) {
	t.Parallel()
	key, err := clientRSA()
	private, public := clientJWK(t, key, err, map[string]any{"kid": "k1", "alg": "RS256"})
	for _, c := range []struct {
		name, method  string
		config, wrong map[string]any
		idp           func(*practiceidp.Client)
		tls           bool
	}{
		{name: "client-secret-basic", method: "client_secret_basic", wrong: map[string]any{"client_secret": []any{"another secret"}}},
		{name: "client-secret-post", method: "client_secret_post", wrong: map[string]any{"client_secret": []any{"another secret"}}},
		{name: "client-secret-jwt", method: "client_secret_jwt", wrong: map[string]any{"client_secret": []any{"another secret of thirty-two bytes"}}},
		{
			name: "private-key-jwt", method: "private_key_jwt", config: map[string]any{"client_jwk": []any{private}},
			wrong: map[string]any{"client_jwk": nil}, // then the plugin's own key serves, which this IdP does not know
			idp:   func(c *practiceidp.Client) { c.Keys = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}} },
		},
		{
			name: "tls-client-auth", method: "tls_client_auth", tls: true,
			idp: func(c *practiceidp.Client) { c.SubjectDN = "CN=the gateway" }, wrong: map[string]any{"client_auth": []any{"none"}},
		},
		{
			name: "self-signed-tls-client-auth", method: "self_signed_tls_client_auth", tls: true,
			idp:   func(c *practiceidp.Client) { c.Certificate = certificates(t)[certificateID].Certificate[0] },
			wrong: map[string]any{"client_auth": []any{"none"}},
		},
		{
			name: "none", method: "none", idp: func(c *practiceidp.Client) { c.Secret = "" },
			wrong: map[string]any{"client_auth": []any{"client_secret_post"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := map[string]any{"client_auth": []any{c.method}}
			if c.tls {
				config["tls_client_auth_cert_id"] = certificateID
				config["tls_client_auth_ssl_verify"], config["ssl_verify"] = false, false // the practice IdP's is self-signed
			}
			maps.Copy(config, c.config)
			r := newRig(t, rigOptions{config: config, tls: c.tls, certificates: certificates(t), idp: func(o *practiceidp.Options) {
				o.Clients[0].AuthMethods = []string{c.method}
				if c.idp != nil {
					c.idp(&o.Clients[0])
				}
			}})
			b := r.browser()
			b.login("/")
			r.clock.advance(6 * 60e9)
			if a := b.get("/"); a.status != http.StatusOK || r.idp.Calls("refresh") != 1 {
				t.Errorf("refresh: %d, %d refreshes\n%s", a.status, r.idp.Calls("refresh"), r.log)
			}
			seen, secretSent := r.idp.Seen("token"), 0
			if inBody := c.method != "client_secret_basic" && !strings.HasSuffix(c.method, "_jwt"); (seen.Form.Get("client_id") == clientID) != inBody {
				t.Errorf("client_id by %s: %v", c.method, seen.Form)
			}
			if c.method == "private_key_jwt" && kid(t, seen.Form.Get("client_assertion")) != "k1" {
				t.Errorf("the assertion names the key %q", kid(t, seen.Form.Get("client_assertion")))
			}
			for _, form := range []string{seen.Form.Get("client_secret"), seen.Header.Get("Authorization")} {
				if form != "" {
					secretSent++
				}
			}
			if bySecret := c.method == "client_secret_basic" || c.method == "client_secret_post"; (secretSent == 1) != bySecret {
				t.Errorf("the secret was sent %d times by %s", secretSent, c.method)
			}
			if asserted := strings.HasSuffix(c.method, "_jwt"); seen.Form.Has("client_assertion") != asserted || asserted && seen.Form.Has("client_id") {
				t.Errorf("form %v", seen.Form)
			}
			r.change(c.wrong)
			hits := r.echo.Hits()
			stranger := r.browser()
			r.refused(stranger.callback(stranger.begin("/")), http.StatusInternalServerError, hits)
		})
	}
}

// TestMore has the row more/mtls-endpoint-aliases: a client with a certificate
// goes to the alias, one with a secret does not.
func TestMore(t *testing.T) {
	t.Parallel()
	t.Run("mtls-endpoint-aliases", func(t *testing.T) {
		t.Parallel()
		for method, want := range map[string]string{"tls_client_auth": "CN=the gateway", "client_secret_post": ""} {
			// Two names for one server tell the ordinary endpoints from the aliases.
			r := newRig(t, rigOptions{
				tls: true, certificates: certificates(t),
				config: map[string]any{
					"client_auth": []any{method}, "tls_client_auth_cert_id": certificateID,
					"tls_client_auth_ssl_verify": false, "ssl_verify": false,
				},
				idp: func(o *practiceidp.Options) {
					o.Clients[0].AuthMethods = []string{method}
					o.Clients[0].SubjectDN = "CN=the gateway"
				},
			})
			alias := strings.Replace(r.idp.Issuer(), "127.0.0.1", "localhost", 1)
			r.idp.AnnounceMutualTLS(alias)
			r.browser().login("/")
			seen := r.idp.Seen("token")
			if atAlias := strings.HasPrefix(seen.Host, "localhost"); atAlias != (want != "") || seen.Certificate != want {
				t.Errorf("%s: asked %s as %q", method, seen.Host, seen.Certificate)
			}
			r.change(map[string]any{"auth_methods": []any{"introspection"}})
			r.refused(r.bearer("opaque"), http.StatusUnauthorized, r.echo.Hits())
			seen = r.idp.Seen("introspection")
			if atAlias := strings.HasPrefix(seen.Host, "localhost"); atAlias != (want != "") || seen.Certificate != want {
				t.Errorf("%s: introspection asked %s as %q", method, seen.Host, seen.Certificate)
			}
		}
	})
}

// TestCertificateThatIsNotThere: the configuration is refused by the field's
// name, and one that changes takes effect.
func TestCertificateThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{certificates: certificates(t)})
	err := r.patch(map[string]any{"client_auth": []any{"tls_client_auth"}, "tls_client_auth_cert_id": "ffffffff-89ab-cdef-0123-456789abcdef"})
	if err == nil || !strings.Contains(err.Error(), "tls_client_auth_cert_id: there is no certificate") {
		t.Errorf("error %v", err)
	}
	if err := r.patch(map[string]any{"client_auth": []any{"tls_client_auth"}, "tls_client_auth_cert_id": certificateID}); err != nil {
		t.Errorf("positive control: %v", err)
	}
}

// TestCertificateWhoseReferencesLeadNowhere: the configuration is accepted, and
// what needs the certificate fails instead of going without it.
func TestCertificateWhoseReferencesLeadNowhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{
		tls: true, certificates: map[string]*tls.Certificate{certificateID: {}},
		config: map[string]any{
			"client_auth": []any{"tls_client_auth"}, "tls_client_auth_cert_id": certificateID, "tls_client_auth_ssl_verify": false, "ssl_verify": false,
		},
	})
	b := r.browser()
	r.refused(b.callback(b.begin("/")), http.StatusInternalServerError, 0)
	if n := r.idp.Calls("token"); n != 0 {
		t.Errorf("%d token requests", n)
	}
}

// TestOwnKeys: an IdP that fetches the keys from the Admin API accepts
// assertions without client_jwk, before and after a rotation; only public halves
// are shown (C9).
func TestOwnKeys(t *testing.T) {
	t.Parallel()
	admin := http.NotFoundHandler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { admin.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	r := newRig(t, rigOptions{
		config: map[string]any{"client_auth": []any{"private_key_jwt"}, "client_alg": []any{"ES256"}},
		idp: func(o *practiceidp.Options) {
			o.Clients[0].AuthMethods, o.Clients[0].KeysURI = []string{"private_key_jwt"}, server.URL+"/openid-connect/jwks"
		},
	})
	admin = r.admin
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.admin.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	ask(http.MethodGet, "/openid-connect/jwks") // makes the RSA keys, for which the IdP would wait
	r.browser().login("/")
	first := r.idp.Seen("token").Form.Get("client_assertion")

	w := ask(http.MethodGet, "/openid-connect/jwks")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jwk-set+json" {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	algs := map[any]bool{}
	for _, k := range set.Keys {
		algs[k["alg"]] = true
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if k[private] != nil {
				t.Errorf("the private member %s is shown", private)
			}
		}
	}
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		if !algs[alg] {
			t.Errorf("no key for %s", alg)
		}
	}
	if w := ask(http.MethodDelete, "/openid-connect/jwks"); w.Code != http.StatusNoContent || w.Body.Len() != 0 {
		t.Errorf("DELETE: %d %s", w.Code, w.Body)
	}
	ask(http.MethodGet, "/openid-connect/jwks")
	r.browser().login("/")
	second := r.idp.Seen("token").Form.Get("client_assertion")
	if kid(t, first) == kid(t, second) || kid(t, second) == "" {
		t.Errorf("kid %q before and %q after the rotation", kid(t, first), kid(t, second))
	}
	if w := ask(http.MethodPost, "/openid-connect/jwks"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	if w := ask(http.MethodGet, "/openid-connect/jwks/x"); w.Code != http.StatusNotFound {
		t.Errorf("below it: %d", w.Code)
	}
}

// kid is the key id in the header of a JWT.
func kid(t *testing.T, token string) string {
	t.Helper()
	object, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	return object.Signatures[0].Protected.KeyID
}
