package openidconnect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/entity"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
)

// benchIdP is an issuer with its keys and an introspection endpoint.
func benchIdP(b *testing.B, keys ...jose.JSONWebKey) *httptest.Server {
	b.Helper()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		var answer any
		switch r.URL.Path {
		case "/jwks":
			answer = jose.JSONWebKeySet{Keys: keys}
		case "/introspect":
			answer = map[string]any{"active": true, "sub": "ada", "scope": "read", "exp": time.Now().Unix() + 36000}
		default:
			answer = map[string]any{
				"issuer": server.URL, "jwks_uri": server.URL + "/jwks", "token_endpoint": server.URL + "/token",
				"authorization_endpoint": server.URL + "/auth", "introspection_endpoint": server.URL + "/introspect",
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	b.Cleanup(server.Close)
	return server
}

// BenchmarkAPIClient is what the plugin costs a request with an access token:
// verified each time, remembered, and introspected and remembered.
func BenchmarkAPIClient(b *testing.B) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name   string
		alg    jose.SignatureAlgorithm
		key    any
		method string
		cached bool
	}{
		{"verified RS256", jose.RS256, rsaKey, "bearer", false},
		{"verified ES256", jose.ES256, ecKey, "bearer", false},
		{"remembered", jose.RS256, rsaKey, "bearer", true},
		{"introspected and remembered", jose.RS256, rsaKey, "introspection", true},
	} {
		b.Run(bc.name, func(b *testing.B) {
			idp := benchIdP(b, jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "RS256"}, jose.JSONWebKey{Key: ecKey.Public(), KeyID: "ES256"})
			settings := map[string]any{"issuer": idp.URL, "auth_methods": []any{bc.method}, "client_id": []any{"app"}, "client_secret": []any{"s"}, "session_secret": "a secret of some length"}
			if !bc.cached {
				settings["cache_ttl_max"] = 0
			}
			benchRequests(b, settings, benchToken(b, idp.URL, bc.alg, bc.key))
		})
	}
}

// benchToken is an access token of some 900 bytes.
func benchToken(b *testing.B, issuer string, alg jose.SignatureAlgorithm, key any) string {
	b.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", string(alg)).WithType("at+jwt"))
	if err != nil {
		b.Fatal(err)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": "ada", "aud": "account", "azp": "app", "exp": time.Now().Unix() + 36000, "iat": time.Now().Unix(), "jti": "1",
		"scope": "openid email profile", "realm_access": map[string]any{"roles": []string{"a", "b", "c"}}, "email": "ada@example.test", "pad": strings.Repeat("x", 150),
	})
	if err != nil {
		b.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		b.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		b.Fatal(err)
	}
	return token
}

func benchRequests(b *testing.B, settings map[string]any, token string) {
	b.Helper()
	definition := Definition(Deps{
		Logger: slog.New(slog.DiscardHandler), Events: noEvents{},
		OpenStore: func(config.StoreConfig) (Store, error) { return nil, nil },
	})
	values, errs := definition.Config().Normalize(settings)
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	h, err := definition.New(plugin.Instance{ID: "p", Config: values, Entity: &entity.Plugin{}})
	if err != nil {
		b.Fatal(err)
	}
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Authorization": {"Bearer " + token}, "Accept": {"*/*"}, "User-Agent": {"bench"}},
	}
	m := message.Request{Method: "GET", Scheme: "http", Host: "app.test", Port: 80, RawPath: "/", Path: "/", ForwardedHost: "app.test", ForwardedPort: 80}
	reached := 0
	next := func(_ http.ResponseWriter, q *plugin.Request) error {
		header := r.Header.Clone() // the proxy's own copy
		q.Upstream.Apply(header)
		reached++
		return nil
	}
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		q := &plugin.Request{HTTP: r, Canonical: m}
		if err := h.Serve(w, q, next); err != nil {
			b.Fatal(err)
		}
	}
	if reached == 0 {
		b.Fatal("no request went on")
	}
}
