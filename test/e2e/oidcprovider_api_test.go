//go:build integration

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyFor is a new private JWK and its public half.
func keyFor(t *testing.T, key any, err error, more map[string]any) (private, public map[string]any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	jwk := jose.JSONWebKey{Key: key}
	private, public = members(t, jwk), members(t, jwk.Public())
	maps.Copy(private, more)
	maps.Copy(public, more)
	for _, part := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		if text, ok := private[part].(string); ok {
			note("a part of a private key", text)
		}
	}
	return private, public
}

func members(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// machine is a client that gets tokens for itself.
func machine(id string, more map[string]any) map[string]any {
	client := map[string]any{
		"client_id": id, "redirect_uris": []string{}, "response_types": []string{}, "grant_types": []string{"client_credentials"},
	}
	maps.Copy(client, more)
	return client
}

// machineToken is an opaque access token of a machine.
func (p *oidcProvider) machineToken(t *testing.T, id, secret string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	answer := send(t, p.client(nil), r)
	token, _ := answer.json(t)["access_token"].(string)
	if token == "" {
		t.Fatalf("%d %s", answer.status, answer.text)
	}
	return token
}

// startAPI runs an example of API clients with this provider.
func (p *oidcProvider) startAPI(t *testing.T, name, client, secret string, change map[string]any) *api {
	t.Helper()
	a := startAPI(t, name, []string{"ISSUER=" + p.issuer, "SSL_CERT_FILE=" + p.caFile, "CLIENT_ID=" + client, "CLIENT_SECRET=" + secret})
	a.change(t, change)
	return a
}

// TestIntrospectionAtOIDCProvider: answers of the certified oidc-provider in the
// form of JWTs (RFC 9701), signed, and encrypted for a secret or a key. What the
// gateway cannot open lets nobody in.
func TestIntrospectionAtOIDCProvider(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	forRSA, publicRSA := keyFor(t, rsaKey, err, map[string]any{"use": "enc", "alg": "RSA-OAEP-256"})
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	forEC, publicEC := keyFor(t, ecKey, err, map[string]any{"use": "enc"})
	for name, c := range map[string]struct {
		client, config, without map[string]any
	}{
		"signed": {
			client:  map[string]any{"introspection_signed_response_alg": "RS256"},
			without: map[string]any{"client_secret": []any{"another secret"}},
		},
		"encrypted by the secret": {
			client:  map[string]any{"introspection_encrypted_response_alg": "dir", "introspection_encrypted_response_enc": "A128CBC-HS256"},
			without: map[string]any{"introspection_accept": "application/json"}, // such a client is answered by a JWT alone
		},
		"encrypted for an RSA key": {
			client: map[string]any{
				"introspection_encrypted_response_alg": "RSA-OAEP-256", "introspection_encrypted_response_enc": "A256GCM",
				"jwks": map[string]any{"keys": []any{publicRSA}},
			},
			config: map[string]any{"client_jwk": []any{forRSA}}, without: map[string]any{"client_jwk": nil},
		},
		"encrypted for an EC key": {
			client: map[string]any{"introspection_encrypted_response_alg": "ECDH-ES", "jwks": map[string]any{"keys": []any{publicEC}}},
			config: map[string]any{"client_jwk": []any{forEC}}, without: map[string]any{"client_jwk": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, robot := plant("the API gateway's client secret"), plant("the robot's secret")
			client := machine("api-gateway", map[string]any{"client_secret": secret})
			maps.Copy(client, c.client)
			p := startOIDCProvider(t, newAuthority(t), map[string]any{
				"clients": []any{client, machine("robot", map[string]any{"client_secret": robot})},
			})
			config := map[string]any{
				"introspection_accept": "application/token-introspection+jwt", "upstream_introspection_jwt_header": "x-answer",
				"audience_required": nil, "cache_introspection": false,
				"upstream_headers": []any{map[string]any{"header": "x-client-id", "path": []any{"client_id"}}},
			}
			maps.Copy(config, c.config)
			a := p.startAPI(t, "introspection", "api-gateway", secret, config)
			token := p.machineToken(t, "robot", robot)
			saw := a.admits(t, bearer(token))
			if strings.Count(upstreamSaw(saw, "X-Answer"), ".") != 2 || upstreamSaw(saw, "X-Client-Id") != "robot" {
				t.Errorf("the upstream saw %v", member(saw, "headers"))
			}
			a.refuses(t, http.StatusUnauthorized, bearer("garbage"))
			a.change(t, c.without)
			hits := a.up.Hits()
			if r := a.ask(t, bearer(token)); r.status < 400 || a.up.Hits() != hits {
				t.Errorf("without it: %d", r.status)
			}
		})
	}
}

// TestIntrospectionByMutualTLS: the gateway shows its certificate to the
// introspection endpoint of oidc-provider, which knows it by nothing else.
func TestIntrospectionByMutualTLS(t *testing.T) {
	t.Parallel()
	ca, robot := newAuthority(t), plant("the robot's secret")
	_, key, cert := ca.make(&x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "the gateway"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	p := startOIDCProvider(t, ca, map[string]any{"clients": []any{
		machine("api-gateway", map[string]any{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=the gateway"}),
		machine("robot", map[string]any{"client_secret": robot}),
	}})
	a := p.startAPI(t, "introspection", "api-gateway", "", map[string]any{"audience_required": nil, "cache_introspection": false})
	token := p.machineToken(t, "robot", robot)
	hits := a.up.Hits()
	if r := a.ask(t, bearer(token)); r.status < 400 || a.up.Hits() != hits {
		t.Errorf("without a certificate: %d", r.status)
	}
	made := a.adminJSON(t, http.StatusCreated, http.MethodPost, "/certificates", map[string]any{"cert": cert, "key": keyPEM(t, key)})
	a.change(t, map[string]any{"introspection_endpoint_auth_method": "tls_client_auth", "tls_client_auth_cert_id": made["id"]})
	a.admits(t, bearer(token))
	a.refuses(t, http.StatusUnauthorized, bearer("garbage"))
}

// TestUserInfoJWTAtOIDCProvider: user info of a login in the form of a JWT,
// signed and encrypted.
func TestUserInfoJWTAtOIDCProvider(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	private, public := keyFor(t, key, err, map[string]any{"use": "enc"})
	for name, c := range map[string]struct{ client, config, without map[string]any }{
		"signed": {client: map[string]any{"userinfo_signed_response_alg": "RS256"}},
		"encrypted": {
			client: map[string]any{
				"userinfo_signed_response_alg": "RS256", "userinfo_encrypted_response_alg": "RSA-OAEP", "jwks": map[string]any{"keys": []any{public}},
			},
			config: map[string]any{"client_jwk": []any{private}}, without: map[string]any{"client_jwk": nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, up := newGateway(t), startUpstream(t)
			secret := plant("the secret of the client " + name)
			client := map[string]any{
				"client_id": "par", "client_secret": secret, "redirect_uris": []string{g.url("/page"), g.url("/again")},
				"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
			}
			maps.Copy(client, c.client)
			p := startOIDCProvider(t, newAuthority(t), map[string]any{"clients": []any{client}})
			p.startExample(t, g, up, "par", map[string]string{"CLIENT_ID": "par", "CLIENT_SECRET": secret})
			config := map[string]any{
				"scopes": []any{"openid", "email"}, "search_user_info": true, "userinfo_accept": "application/jwt",
				"upstream_user_info_jwt_header": "x-user-info-jwt", "upstream_headers": []any{map[string]any{"header": "x-mail", "path": []any{"email"}}},
			}
			maps.Copy(config, c.config)
			g.change(t, config)
			answer, address := p.visitor(t, g).logIn(g.url("/page"))
			if answer.status != http.StatusOK || address != g.url("/page") {
				t.Fatalf("%d at %s: %s", answer.status, address, answer.text)
			}
			saw := answer.json(t)
			if upstreamSaw(saw, "X-Mail") != "alice@example.test" || strings.Count(upstreamSaw(saw, "X-User-Info-Jwt"), ".") != 2 {
				t.Errorf("the upstream saw %v", member(saw, "headers"))
			}
			if c.without != nil {
				p.refuses(t, g, up, c.without)
			}
		})
	}
}

// TestClientCredentialsAtOIDCProvider: a machine brings a client assertion of its
// own, and the resource that it asks for is passed on (RFC 8707).
func TestClientCredentialsAtOIDCProvider(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, public := keyFor(t, key, err, map[string]any{"use": "sig", "alg": "ES256"})
	secret := plant("the API gateway's client secret")
	p := startOIDCProvider(t, newAuthority(t), map[string]any{"clients": []any{
		machine("api-gateway", map[string]any{"client_secret": secret}),
		machine("robot", map[string]any{
			"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks": map[string]any{"keys": []any{public}},
		}),
	}})
	a := p.startAPI(t, "client-credentials", "api-gateway", secret, map[string]any{
		"token_post_args_client": []any{"resource"}, "client_credentials_param_type": []any{"header", "body"},
	})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id, resource string) reply {
		t.Helper()
		assertion := assertionOf(t, signer, map[string]any{
			"iss": "robot", "sub": "robot", "aud": p.issuer, "jti": id, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		})
		form := url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}}
		if resource != "" {
			form.Set("resource", resource)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.proxy+"/list", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "orders.test"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return send(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, r)
	}
	r := ask("one", "https://orders.test/api")
	if r.status != http.StatusOK {
		t.Fatalf("%d: %s", r.status, r.text)
	}
	if saw := r.json(t); !strings.HasPrefix(upstreamSaw(saw, "Authorization"), "Bearer ey") || strings.Contains(r.text, "client_assertion") {
		t.Errorf("the upstream saw %s", r.text)
	}
	for name, refused := range map[string]reply{
		"an assertion that was used":           ask("one", "https://orders.test/api"),
		"a token for no resource":              ask("two", ""),
		"a resource that the provider denies":  ask("three", "https://elsewhere.test/"),
		"a secret that belongs to the gateway": a.ask(t, basic("robot", secret)),
	} {
		if refused.status < 400 {
			t.Errorf("%s: %d", name, refused.status)
		}
	}
}

// assertionOf signs claims; the result must not stand in any output.
func assertionOf(t *testing.T, signer jose.Signer, claims map[string]any) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	note("a client assertion", assertion)
	return assertion
}
