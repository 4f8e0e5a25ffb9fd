//go:build integration

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
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

// dpopKey is the key of a client that makes DPoP proofs.
type dpopKey struct {
	t   *testing.T
	key *ecdsa.PrivateKey
}

func newDPoPKey(t *testing.T) *dpopKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &dpopKey{t, key}
}

// proof is for one request; token and nonce may be empty.
func (k *dpopKey) proof(method, target, token, nonce string) string {
	k.t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": target, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	options := (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: k.key.Public()})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.key}, options)
	if err != nil {
		k.t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		k.t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		k.t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		k.t.Fatal(err)
	}
	return compact
}

// list is the address of the API as its clients know it.
func (a *api) list() string {
	return "http://orders.test" + strings.TrimPrefix(a.proxy, "127.0.0.1") + "/list"
}

func dpop(token, proof string) http.Header {
	return http.Header{"Authorization": {"DPoP " + token}, "DPoP": {proof}}
}

// unproven demands a 401 by the scheme DPoP with this error, and no upstream hit.
func (a *api) unproven(t *testing.T, name, code string, header http.Header) reply {
	t.Helper()
	hits := a.up.Hits()
	r := a.ask(t, header)
	if challenge := r.header.Get("WWW-Authenticate"); r.status != 401 || !strings.HasPrefix(challenge, "DPoP ") || !strings.Contains(challenge, `error="`+code+`"`) {
		t.Errorf("%s: %d %q: %s", name, r.status, challenge, r.text)
	}
	if a.up.Hits() != hits {
		t.Errorf("%s: the upstream was reached", name)
	}
	return r
}

// TestDPoPExample: Keycloak binds tokens to the key of the proof that its token
// endpoint gets; the gateway lets them in with a proof of that key alone.
func TestDPoPExample(t *testing.T) {
	t.Parallel()
	r := newAPIRealm(t)
	a := startAPI(t, "dpop", append(r.env(), "SESSION_SECRET="+plant("a session secret of the dpop test")))
	mine, other := newDPoPKey(t), newDPoPKey(t)
	token := r.boundToken(t, mine)

	first := a.unproven(t, "no nonce", "use_dpop_nonce", dpop(token, mine.proof("GET", a.list(), token, "")))
	nonce := first.header.Get("DPoP-Nonce")
	proof := mine.proof("GET", a.list(), token, nonce)
	saw := a.admits(t, dpop(token, proof))
	if upstreamSaw(saw, "Authorization") != "Bearer "+token || upstreamSaw(saw, "Dpop") != "" {
		t.Errorf("the upstream saw %v", member(saw, "headers"))
	}
	a.unproven(t, "a proof for the second time", "invalid_dpop_proof", dpop(token, proof))
	a.admits(t, dpop(token, mine.proof("GET", a.list(), token, nonce)))
	a.unproven(t, "another key", "invalid_token", dpop(token, other.proof("GET", a.list(), token, nonce)))
	a.unproven(t, "another method", "invalid_dpop_proof", dpop(token, mine.proof("POST", a.list(), token, nonce)))
	a.unproven(t, "another address", "invalid_dpop_proof", dpop(token, mine.proof("GET", a.list()+"/of/others", token, nonce)))
	a.unproven(t, "another token", "invalid_dpop_proof", dpop(token, mine.proof("GET", a.list(), r.boundToken(t, mine), nonce)))
	a.unproven(t, "a nonce of somebody else", "use_dpop_nonce", dpop(token, mine.proof("GET", a.list(), token, strings.Repeat("A", 32))))
	a.unproven(t, "as a bearer token", "invalid_token", bearer(token))
	unbound := r.accessToken(t)
	a.unproven(t, "a token that is bound to nobody", "invalid_token", bearer(unbound))
	a.unproven(t, "a token that is bound to nobody, with a proof", "invalid_token", dpop(unbound, mine.proof("GET", a.list(), unbound, nonce)))

	// optional: the same for bound tokens, and others are bearer tokens.
	a.change(t, map[string]any{"proof_of_possession_dpop": "optional"})
	a.admits(t, bearer(unbound))
	a.admits(t, dpop(token, mine.proof("GET", a.list(), token, nonce)))
	a.refuses(t, 401, bearer(token))
}

// boundToken is alice's, bound by Keycloak to a key.
func (r *apiRealm) boundToken(t *testing.T, k *dpopKey) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {"app"}, "username": {r.user}, "password": {r.password}, "scope": {"openid"}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.endpoint("token"), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("DPoP", k.proof(http.MethodPost, r.endpoint("token"), "", ""))
	answer := send(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
	token, _ := answer.json(t)["access_token"].(string)
	if kind, _ := answer.json(t)["token_type"].(string); token == "" || kind != "DPoP" {
		t.Fatalf("%d %s", answer.status, answer.text)
	}
	return token
}

// robotToken is an access token of a machine at oidc-provider; more is added to
// the request, and pair is shown in the handshake.
func (p *oidcProvider) robotToken(t *testing.T, id, secret string, pair *tls.Certificate, more url.Values, header http.Header) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	maps.Copy(form, more)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.issuer+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	client := p.client(nil)
	if pair != nil {
		transport, _ := client.Transport.(*http.Transport)
		transport.TLSClientConfig.Certificates = []tls.Certificate{*pair}
	}
	answer := send(t, client, r)
	token, _ := answer.json(t)["access_token"].(string)
	if token == "" {
		t.Fatalf("%d %s", answer.status, answer.text)
	}
	return token
}

// TestDPoPOfOpaqueTokens: to which key an opaque token is bound, oidc-provider says
// in the cnf of its introspection answer.
func TestDPoPOfOpaqueTokens(t *testing.T) {
	t.Parallel()
	secret, robot := plant("the API gateway's client secret"), plant("the robot's secret")
	p := startOIDCProvider(t, newAuthority(t), map[string]any{"clients": []any{
		machine("orders-gateway", map[string]any{"client_secret": secret}),
		machine("robot", map[string]any{"client_secret": robot, "dpop_bound_access_tokens": true}),
		machine("plain", map[string]any{"client_secret": robot}),
	}})
	a := p.startAPI(t, "introspection", "orders-gateway", secret, map[string]any{"audience_required": nil, "proof_of_possession_dpop": "strict"})
	mine, other := newDPoPKey(t), newDPoPKey(t)
	token := p.robotToken(t, "robot", robot, nil, nil, http.Header{"DPoP": {mine.proof("POST", p.issuer+"/token", "", "")}})
	if strings.Count(token, ".") == 2 {
		t.Fatal("the token is not opaque")
	}
	for range 2 { // the second time from memory
		saw := a.admits(t, dpop(token, mine.proof("GET", a.list(), token, "")))
		if upstreamSaw(saw, "Authorization") != "Bearer "+token {
			t.Errorf("the upstream saw %v", member(saw, "headers"))
		}
		a.unproven(t, "another key", "invalid_token", dpop(token, other.proof("GET", a.list(), token, "")))
		a.unproven(t, "as a bearer token", "invalid_token", bearer(token))
	}
	plain := p.machineToken(t, "plain", robot)
	a.unproven(t, "a token that is bound to nobody", "invalid_token", dpop(plain, mine.proof("GET", a.list(), plain, "")))
	a.change(t, map[string]any{"proof_of_possession_dpop": "optional"})
	a.admits(t, bearer(plain))
	a.refuses(t, 401, bearer(token))
}

// clientPair is a certificate that the authority made for a client.
func clientPair(t *testing.T, ca *authority, name string) *tls.Certificate {
	t.Helper()
	cert, key, _ := ca.make(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// askShowing asks over TLS, with a certificate or without.
func (a *api) askShowing(t *testing.T, secure string, pair *tls.Certificate, header http.Header, http2 bool) reply {
	t.Helper()
	plain := *a.gateway
	plain.proxy = secure
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} // the gateway's is made by itself
	if pair != nil {
		config.Certificates = []tls.Certificate{*pair}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://orders.test"+strings.TrimPrefix(secure, "127.0.0.1")+"/list", nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	return send(t, &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, DialContext: plain.dial, TLSClientConfig: config, ForceAttemptHTTP2: http2,
	}}, r)
}

// TestCertificateBoundTokensExample: oidc-provider binds tokens, opaque ones and
// JWTs, to the certificate that the client shows to it; the gateway lets them in
// over connections with that certificate alone.
func TestCertificateBoundTokensExample(t *testing.T) {
	t.Parallel()
	ca, secret, robot := newAuthority(t), plant("the API gateway's client secret"), plant("the robot's secret")
	p := startOIDCProvider(t, ca, map[string]any{"clients": []any{
		machine("api-gateway", map[string]any{"client_secret": secret}),
		machine("robot", map[string]any{"client_secret": robot, "tls_client_certificate_bound_access_tokens": true}),
		machine("plain", map[string]any{"client_secret": robot}),
	}})
	secure := "127.0.0.1:" + mustFreePort(t)
	a := startAPI(t, "certificate-bound-tokens", []string{
		"ISSUER=" + p.issuer, "SSL_CERT_FILE=" + p.caFile, "CLIENT_ID=api-gateway", "CLIENT_SECRET=" + secret,
	}, "--proxy-listen", secure+" ssl http2")
	mine, other := clientPair(t, ca, "the robot"), clientPair(t, ca, "somebody else")
	resource := url.Values{"resource": {"https://orders.test/api"}, "scope": {"read"}}
	jwt := p.robotToken(t, "robot", robot, mine, resource, nil)
	opaque := p.robotToken(t, "robot", robot, mine, nil, nil)
	if strings.Count(jwt, ".") != 2 || strings.Count(opaque, ".") == 2 {
		t.Fatalf("tokens of another kind")
	}
	check := func(name, token string, pair *tls.Certificate, want int) {
		t.Helper()
		for _, http2 := range []bool{false, true, false} {
			hits := a.up.Hits()
			r := a.askShowing(t, secure, pair, bearer(token), http2)
			if r.status != want || (a.up.Hits() != hits) != (want == 200) {
				t.Errorf("%s: %d, want %d: %s", name, r.status, want, r.text)
			}
			if want == 401 && !strings.Contains(r.header.Get("WWW-Authenticate"), `Bearer realm=`) {
				t.Errorf("%s: %q", name, r.header.Get("WWW-Authenticate"))
			}
		}
	}
	check("a JWT with its certificate", jwt, mine, 200)
	check("a JWT with another certificate", jwt, other, 401)
	check("a JWT without a certificate", jwt, nil, 401)
	unbound := p.robotToken(t, "plain", robot, mine, resource, nil)
	check("a JWT that is bound to nobody", unbound, mine, 401)
	a.change(t, map[string]any{"audience_required": nil}) // opaque tokens are for no API in particular
	check("an opaque token with its certificate", opaque, mine, 200)
	check("an opaque token with another certificate", opaque, other, 401)
	check("an opaque token without a certificate", opaque, nil, 401)
	a.change(t, map[string]any{"proof_of_possession_mtls": "optional"})
	check("optional: a token that is bound to nobody", unbound, nil, 200)
	check("optional: a bound token without a certificate", jwt, nil, 401)
	check("optional: a bound token with its certificate", jwt, mine, 200)
	if got := a.thumbprintSeen(t, jwt); got != "" {
		t.Error(got)
	}
}

// thumbprintSeen is what is wrong with the binding in a token: the certificate's
// hash must be in it, or the test has tested nothing.
func (a *api) thumbprintSeen(t *testing.T, token string) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil || !strings.Contains(string(payload), `"x5t#S256"`) {
		return "no binding in " + string(payload)
	}
	return ""
}
