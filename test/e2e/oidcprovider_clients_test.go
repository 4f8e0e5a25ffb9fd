//go:build integration

package e2e

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"testing"
)

// TestClientsAtOIDCProvider logs in by the examples at the certified
// oidc-provider, whose clients are registered for nothing else. What the client
// lacks without the example's setting, oidc-provider refuses.
func TestClientsAtOIDCProvider(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		client   map[string]any
		settings map[string]any
		ownKeys  bool
		without  map[string]any
		step     string
	}{
		{
			name: "par", settings: map[string]any{"requirePushed": true}, step: "pushed authorization request",
			without: map[string]any{"require_pushed_authorization_requests": false},
		},
		{
			name: "jar", client: map[string]any{"request_object_signing_alg": "ES256"}, settings: map[string]any{"requireSigned": true},
			ownKeys: true, step: "authorization request", without: map[string]any{"require_signed_request_object": false},
		},
		{
			name: "jarm", client: map[string]any{"authorization_signed_response_alg": "RS256"}, step: "signed authorization response",
			without: map[string]any{"client_secret": []any{"another secret"}},
		},
		{
			name: "client-secret-jwt", client: map[string]any{"token_endpoint_auth_method": "client_secret_jwt"}, step: "token request",
			without: map[string]any{"client_auth": []any{"client_secret_basic"}, "client_alg": nil},
		},
		{
			name: "private-key-jwt", ownKeys: true, step: "token request",
			client:  map[string]any{"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"},
			without: map[string]any{"client_auth": []any{"none"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, up := newGateway(t), startUpstream(t)
			secret := plant("the secret of the client " + c.name)
			client := map[string]any{
				"client_id": c.name, "client_secret": secret, "redirect_uris": []string{g.url("/page"), g.url("/again")},
				"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
			}
			if c.ownKeys {
				client["jwks_uri"] = "http://" + g.admin + "/openid-connect/jwks"
			}
			maps.Copy(client, c.client)
			settings := map[string]any{"clients": []any{client}}
			maps.Copy(settings, c.settings)
			p := startOIDCProvider(t, newAuthority(t), settings)
			p.startExample(t, g, up, c.name, map[string]string{"CLIENT_ID": c.name, "CLIENT_SECRET": secret})
			if c.ownKeys {
				g.adminCall(t, http.StatusOK, http.MethodGet, "/openid-connect/jwks", "", "")
			}
			p.logsIn(t, g, c.step)
			p.refuses(t, g, up, c.without)
		})
	}
}

// logsIn demands that a login brings the visitor to the upstream with a token.
func (p *oidcProvider) logsIn(t *testing.T, g *gateway, step string) {
	t.Helper()
	answer, address := p.visitor(t, g).logIn(g.url("/page?hello=world"))
	if answer.status != http.StatusOK || address != g.url("/page?hello=world") || !strings.Contains(answer.text, `"Authorization"`) {
		t.Fatalf("%d at %s: %s", answer.status, address, answer.text)
	}
	if !strings.Contains(g.Output.String(), step) {
		t.Errorf("no step %q in the output", step)
	}
}

// refuses changes the gateway: nobody gets in then.
func (p *oidcProvider) refuses(t *testing.T, g *gateway, up *upstream, change map[string]any) {
	t.Helper()
	g.change(t, change)
	hits := up.Hits()
	if answer, address := p.visitor(t, g).logIn(g.url("/again")); answer.status < 400 || up.Hits() != hits {
		t.Errorf("%d at %s", answer.status, address)
	}
}

// TestMutualTLSAtOIDCProvider shows the certificate entity of the example to
// oidc-provider, which knows the client by its subject alone.
func TestMutualTLSAtOIDCProvider(t *testing.T) {
	t.Parallel()
	g, up, ca := newGateway(t), startUpstream(t), newAuthority(t)
	_, key, cert := ca.make(&x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "the gateway"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	p := startOIDCProvider(t, ca, map[string]any{"clients": []any{map[string]any{
		"client_id": "by-certificate", "redirect_uris": []string{g.url("/page"), g.url("/again")}, "response_types": []string{"code"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "tls_client_auth",
		"tls_client_auth_subject_dn": "CN=the gateway",
	}}})
	p.startExample(t, g, up, "mtls-client-auth", map[string]string{"CLIENT_ID": "by-certificate", "CERT": cert, "KEY": keyPEM(t, key)})
	p.logsIn(t, g, "token request")
	p.refuses(t, g, up, map[string]any{"client_auth": []any{"none"}})
}
