package oidc

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/secret"
)

const testClientID = "my-client"

// longSecret is long enough for every HMAC algorithm.
const longSecret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// testClock is a clock that tests advance.
type testClock struct{ seconds atomic.Int64 }

func newClock() *testClock {
	c := &testClock{}
	c.seconds.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	return c
}

func (c *testClock) now() time.Time          { return time.Unix(c.seconds.Load(), 0) }
func (c *testClock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// Keys are costly to make: tests share them.
var (
	rsaKey      = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSAKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey       = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	ec384Key    = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	edKey       = sync.OnceValue(func() ed25519.PrivateKey { _, k, _ := ed25519.GenerateKey(rand.Reader); return k })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// testProvider is an OpenID Provider whose every answer can be replaced.
type testProvider struct {
	server *httptest.Server
	clock  *testClock

	mu       sync.Mutex // guards the rest
	handlers map[string]http.HandlerFunc
	calls    map[string]int
	keys     []jose.JSONWebKey
	document map[string]any
}

const (
	pathDocument = "/.well-known/openid-configuration"
	pathKeys     = "/jwks"
	pathToken    = "/token"
	pathUserInfo = "/userinfo"
)

func newTestProvider(t testing.TB) *testProvider {
	t.Helper()
	tp := &testProvider{clock: newClock(), handlers: map[string]http.HandlerFunc{}, calls: map[string]int{}}
	tp.server = httptest.NewServer(http.HandlerFunc(tp.serve))
	t.Cleanup(tp.server.Close)
	url := tp.server.URL
	tp.document = map[string]any{
		"issuer":                 url,
		"authorization_endpoint": url + "/authorize",
		"token_endpoint":         url + pathToken,
		"userinfo_endpoint":      url + pathUserInfo,
		"jwks_uri":               url + pathKeys,
		"end_session_endpoint":   url + "/logout",
	}
	tp.keys = []jose.JSONWebKey{publicKey("rsa", "", &rsaKey().PublicKey), publicKey("ec", "", &ecKey().PublicKey)}
	return tp
}

func publicKey(kid, alg string, public any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: public, KeyID: kid, Algorithm: alg, Use: "sig"}
}

func (tp *testProvider) serve(w http.ResponseWriter, r *http.Request) {
	tp.mu.Lock()
	tp.calls[r.URL.Path]++
	handler := tp.handlers[r.URL.Path]
	document, keys := must(json.Marshal(tp.document)), must(json.Marshal(jose.JSONWebKeySet{Keys: tp.keys}))
	tp.mu.Unlock()
	switch {
	case handler != nil:
		handler(w, r)
	case r.URL.Path == pathDocument:
		writeJSON(w, http.StatusOK, string(document))
	case r.URL.Path == pathKeys:
		writeJSON(w, http.StatusOK, string(keys))
	default:
		http.NotFound(w, r)
	}
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func respond(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// handle replaces the answer of a path; nil restores the honest one.
func (tp *testProvider) handle(path string, h http.HandlerFunc) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.handlers[path] = h
}

func (tp *testProvider) count(path string) int {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.calls[path]
}

func (tp *testProvider) set(member string, v any) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.document[member] = v
}

func (tp *testProvider) setKeys(keys ...jose.JSONWebKey) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.keys = keys
}

// relyingParty is a Provider for tp with short deadlines and tp's clock.
func (tp *testProvider) relyingParty(t testing.TB, change ...func(*Options)) *Provider {
	t.Helper()
	o := Options{
		Issuer: tp.server.URL, RediscoveryLifetime: 30 * time.Second, CacheTTL: time.Hour,
		HTTP: HTTPOptions{Timeout: 5 * time.Second}, Now: tp.clock.now,
	}
	for _, f := range change {
		f(&o)
	}
	p, err := NewProvider(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func impatient(o *Options) { o.HTTP.Timeout = 10 * time.Second }

// claims are those of an ID token that passes every rule.
func (tp *testProvider) claims() map[string]any {
	now := tp.clock.now().Unix()
	return map[string]any{
		"iss": tp.server.URL, "aud": testClientID, "sub": "alice",
		"iat": now, "exp": now + 300, "nonce": "n-1",
	}
}

func (tp *testProvider) check() IDTokenCheck {
	return IDTokenCheck{ClientID: testClientID, Nonce: secret.New("n-1")}
}

// sign makes a compact JWS. header entries come on top of alg and kid.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims any, header map[string]any) secret.String {
	t.Helper()
	opts := &jose.SignerOptions{}
	for name, v := range header {
		opts.WithHeader(jose.HeaderKey(name), v)
	}
	if kid != "" {
		opts.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, ok := claims.([]byte)
	if !ok {
		payload = must(json.Marshal(claims))
	}
	object, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(must(object.CompactSerialize()))
}

// idToken is claims signed as the honest provider signs.
func idToken(t testing.TB, claims any) secret.String {
	t.Helper()
	return sign(t, jose.RS256, rsaKey(), "rsa", claims, nil)
}

// assemble makes a token of given texts, for what no signer would sign.
func assemble(header, payload, signature string) secret.String {
	e := base64.RawURLEncoding
	return secret.New(e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(payload)) + "." + e.EncodeToString([]byte(signature)))
}

func certificatePEM(s *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}
