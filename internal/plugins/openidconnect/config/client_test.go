package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/oidc"
)

// jwk is a new private key as it stands in a configuration.
func jwk(t *testing.T, key any, err error, more object) object {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	k := jose.JSONWebKey{Key: key}
	text, err := k.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	members := object{}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatal(err)
	}
	maps.Copy(members, more)
	return members
}

func ecJWK(t *testing.T, more object) object {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return jwk(t, key, err, more)
}

// TestClientCredentialsThatCannotWork: a mistake shows when it is made, and not
// at the first login.
func TestClientCredentialsThatCannotWork(t *testing.T) {
	t.Parallel()
	without := func(m object, name string) object { m = maps.Clone(m); delete(m, name); return m }
	ec := ecJWK(t, nil)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	rs := jwk(t, key, err, nil)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	const certificate = "01234567-89ab-cdef-0123-456789abcdef"
	for name, c := range map[string]struct {
		in   object
		want string // "" for the positive control
	}{
		"a key is accepted":                       {object{"client_jwk": list(ec)}, ""},
		"an RSA key for PS256 is accepted":        {object{"client_jwk": list(rs), "client_alg": list("PS256")}, ""},
		"a public key":                            {object{"client_jwk": list(without(ec, "d"))}, "client_jwk.1: not a private key: member d is missing"},
		"an RSA key without its primes":           {object{"client_jwk": list(without(rs, "q"))}, "client_jwk.1: not a private key: member q is missing"},
		"a key of 1024 bits":                      {object{"client_jwk": list(jwk(t, small, err, nil))}, "client_jwk.1: not a private RSA key of 2048 bits"},
		"halves of different keys":                {object{"client_jwk": list(ecJWK(t, object{"d": ec["d"]}))}, "client_jwk.1: not a private RSA key"},
		"a key for encryption is accepted":        {object{"client_jwk": list(ecJWK(t, object{"use": "enc", "alg": "ECDH-ES", "key_ops": list("deriveKey")}))}, ""},
		"a key for encryption that may sign only": {object{"client_jwk": list(ecJWK(t, object{"use": "enc", "key_ops": list("sign")}))}, "client_jwk.1: key_ops does not allow"},
		"a key for another use":                   {object{"client_jwk": list(ecJWK(t, object{"use": "tls"}))}, "client_jwk.1: use is neither sig nor enc"},
		"a key that may only verify":              {object{"client_jwk": list(ecJWK(t, object{"key_ops": list("verify")}))}, "client_jwk.1: key_ops does not allow to sign"},
		"a key that may sign is accepted":         {object{"client_jwk": list(ecJWK(t, object{"key_ops": list("sign")}))}, ""},
		"an alg that is not the key's":            {object{"client_jwk": list(ecJWK(t, object{"alg": "RS256"}))}, "client_jwk.1: alg"},
		"an algorithm that the key cannot do":     {object{"client_jwk": list(ec), "client_alg": list("RS256")}, "client_jwk.1: does not sign with RS256"},
		"a symmetric key":                         {object{"client_jwk": list(object{"kty": "oct", "k": "x", "d": "x"})}, "k: not supported: client_secret is the symmetric key"},
		"an HMAC for private_key_jwt":             {object{"client_auth": list("private_key_jwt"), "client_alg": list("HS256")}, "client_alg.1: HS256 is not for private_key_jwt"},
		"a key's algorithm for a secret":          {object{"client_auth": list("client_secret_jwt"), "client_alg": list("ES256")}, "client_alg.1: ES256 is not for client_secret_jwt"},
		"an HMAC for a secret is accepted":        {object{"client_auth": list("client_secret_jwt"), "client_alg": list("HS512")}, ""},
		"mutual TLS without a certificate":        {object{"client_auth": list("tls_client_auth")}, "tls_client_auth_cert_id: required for tls_client_auth"},
		"for one endpoint, too":                   {object{"token_endpoint_auth_method": "self_signed_tls_client_auth"}, "tls_client_auth_cert_id: required for self_signed_tls_client_auth"},
		"for the PAR endpoint, too":               {object{"pushed_authorization_request_endpoint_auth_method": "tls_client_auth"}, "tls_client_auth_cert_id: required"},
		"for the revocation endpoint, too":        {object{"revocation_endpoint_auth_method": "tls_client_auth"}, "tls_client_auth_cert_id: required"},
		"mutual TLS is accepted":                  {object{"client_auth": list("tls_client_auth"), "tls_client_auth_cert_id": certificate}, ""},
		"a mutual TLS endpoint without TLS":       {object{"mtls_token_endpoint": "http://idp.test/token"}, "mtls_token_endpoint: expected an https URL"},
		"with TLS it is accepted":                 {object{"mtls_token_endpoint": "https://idp.test/token"}, ""},
		"one client twice":                        {object{"client_id": list("a", "b", "a")}, "client_id: element 3 is the same as element 1"},
		"two clients are accepted":                {object{"client_id": list("a", "b")}, ""},
		"more keys than clients":                  {object{"client_id": list("a"), "client_jwk": list(ec, ec)}, "client_jwk: has more elements than client_id"},
		"more algorithms than clients":            {object{"client_id": list("a"), "client_alg": list("RS256", "RS256")}, "client_alg: has more elements than client_id"},
		"passing Authorization on":                {object{"token_headers_client": list("authorization")}, "token_headers_client.1: authorization cannot be passed on"},
		"passing cookies on":                      {object{"token_headers_client": list("Cookie")}, "Cookie cannot be passed on"},
		"passing a body's type on":                {object{"token_headers_client": list("content-type")}, "content-type cannot be passed on"},
		"passing framing on":                      {object{"token_headers_client": list("transfer-encoding")}, "transfer-encoding cannot be set"},
		"passing another header on is accepted":   {object{"token_headers_client": list("X-Request-ID")}, ""},
		"an argument that replaces the code":      {object{"token_post_args_client": list("code")}, "token_post_args_client.1: code is set by the plugin"},
		"an argument that replaces the secret":    {object{"token_post_args_client": list("scope", "client_assertion")}, "token_post_args_client.2: client_assertion is set by the plugin"},
		"another argument is accepted":            {object{"token_post_args_client": list("scope")}, ""},
		"a revoked token in place of a secret":    {object{"revocation_token_param_name": "client_secret"}, "revocation_token_param_name: client_secret is set by the plugin"},
		"or of the hint":                          {object{"revocation_token_param_name": "token_type_hint"}, "revocation_token_param_name: token_type_hint is set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(t, c.in)
			d, _ := ec["d"].(string)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v\nwant  %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), d):
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}

// TestClientKeysArePaired: each client has the key, algorithm and methods of
// its position; a missing element is that of the first.
func TestClientKeysArePaired(t *testing.T) {
	t.Parallel()
	c := compiled(t, object{
		"client_id": list("a", "b", "c"), "client_jwk": list(ecJWK(t, nil), ecJWK(t, object{"d": "{vault://env/no}"})),
		"client_alg": list("ES256", "HS256"), "client_auth": list("private_key_jwt", "client_secret_jwt"),
		"token_endpoint_auth_method": "client_secret_post", "revocation_endpoint_auth_method": "none",
		"pushed_authorization_request_endpoint_auth_method": "client_secret_basic",
		"sallyport": object{"client_assertion_audience": "issuer"},
	})
	for i, want := range []struct {
		alg  string
		auth oidc.AuthMethod
		ok   bool
	}{{"ES256", oidc.AuthPrivateKeyJWT, true}, {"HS256", oidc.AuthSecretJWT, false}, {"ES256", oidc.AuthPrivateKeyJWT, true}} {
		got := c.Clients[i]
		if got.SigningAlg != want.alg || got.AuthMethod != want.auth || got.Key.Signs("ES256") != want.ok || !got.IssuerAudience ||
			got.TokenAuthMethod != oidc.AuthPost || got.RevocationAuthMethod != oidc.AuthNone || got.PARAuthMethod != oidc.AuthBasic {
			t.Errorf("client %d: %+v", i+1, got)
		}
	}
	if c.Clients[0].Key != c.Clients[2].Key || c.Clients[0].Key == c.Clients[1].Key {
		t.Error("keys are not paired")
	}
	if !strings.Contains(strings.Join(c.Warnings, "\n"), "config.client_jwk.2.d: ") {
		t.Errorf("no warning names the reference: %q", c.Warnings)
	}
	if text := fmt.Sprintf("%+v", c.Clients); strings.Contains(text, "PrivateKey{") {
		t.Error("a key is printed")
	}
	if other := compiled(t, object{"client_id": list("a")}); other.Clients[0].Key != nil || other.Clients[0].IssuerAudience {
		t.Errorf("without keys: %+v", other.Clients[0])
	}
}

// TestPolicyKnowsWhatWeakensALogin: sessions of plugins that differ in it are not
// shared (C5); what stands at its default changes no text, and ends no session.
func TestPolicyKnowsWhatWeakensALogin(t *testing.T) {
	t.Parallel()
	seen := map[string]string{compiled(t, nil).Policy(): "the default"}
	for name, in := range map[string]object{
		"unverified mutual TLS": {"tls_client_auth_ssl_verify": false}, "a token endpoint": {"mtls_token_endpoint": "https://x.test"},
		"signed responses": {"response_mode": "jwt"}, "pushed": {"require_pushed_authorization_requests": true},
		"signed requests": {"require_signed_request_object": true}, "never pushed": {"require_pushed_authorization_requests": false},
	} {
		policy := compiled(t, in).Policy()
		if twin, taken := seen[policy]; taken {
			t.Errorf("%s has the policy of %s", name, twin)
		}
		seen[policy] = name
	}
	if policy := compiled(t, object{"response_mode": "form_post"}).Policy(); seen[policy] != "the default" {
		t.Error("form_post changes the policy")
	}
}
