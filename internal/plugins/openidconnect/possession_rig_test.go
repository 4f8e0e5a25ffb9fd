package openidconnect_test

import (
	"crypto"
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
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/internal/practiceidp"
)

// holder is somebody to whom tokens are bound: by a key and a certificate.
type holder struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *tls.Certificate
}

func newHolder(t testing.TB) *holder {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &holder{t: t, key: key, cert: &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

// jkt and x5t are the members of cnf.
func (h *holder) jkt() string {
	h.t.Helper()
	sum, err := (&jose.JSONWebKey{Key: h.key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		h.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

func (h *holder) x5t() string {
	sum := sha256.Sum256(h.cert.Certificate[0])
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// proof is a DPoP proof for a GET of target; change replaces claims, nil takes
// one out.
func (h *holder) proof(r *rig, target, token string, change map[string]any) string {
	h.t.Helper()
	sum := sha256.Sum256([]byte(token))
	claims := map[string]any{
		"jti": rand.Text(), "htm": http.MethodGet, "htu": r.gateway.URL + target, "iat": r.clock.now().Unix(),
		"ath": base64.RawURLEncoding.EncodeToString(sum[:]),
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	options := (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", jose.JSONWebKey{Key: h.key.Public()})
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: h.key}, options)
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		h.t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		h.t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		h.t.Fatal(err)
	}
	return compact
}

// boundTo makes the IdP bind every access token, to nobody where cnf is nil.
func boundTo(cnf map[string]any) func(*practiceidp.Options) {
	return func(o *practiceidp.Options) {
		for i := range o.Users {
			if cnf != nil {
				o.Users[i].AccessTokenClaims = map[string]any{"cnf": cnf}
			}
		}
	}
}

// dpop asks with a token by the scheme DPoP.
func (r *rig) dpop(token, proof string, pairs ...string) answer {
	r.t.Helper()
	return r.call(http.MethodGet, "/", "", append([]string{"Authorization", "DPoP " + token, "DPoP", proof}, pairs...)...)
}

// possessionRows are the rows of proof of possession; the tokens are bound to h.
func possessionRows(h *holder) []fieldRow {
	bearer := func(r *rig) string { return status(r.bearer(r.accessToken())) }
	strict := with(apiConfig("bearer"), one("proof_of_possession_dpop", "strict"))
	return []fieldRow{
		{"proof_of_possession_mtls", apiConfig("bearer"), one("proof_of_possession_mtls", "optional"), bearer, "401"},
		{"proof_of_possession_dpop", apiConfig("bearer"), one("proof_of_possession_dpop", "optional"), bearer, "401"},
		{"proof_of_possession_auth_methods_validation", apiConfig("bearer"), one("proof_of_possession_auth_methods_validation", false), func(r *rig) string {
			if r.patch(map[string]any{"proof_of_possession_mtls": "strict", "auth_methods": []any{"bearer", "password"}}) != nil {
				return "refused"
			}
			return "accepted"
		}, "accepted"},
		{"dpop_proof_lifetime", strict, one("dpop_proof_lifetime", 30), func(r *rig) string {
			token := r.accessToken()
			return status(r.dpop(token, h.proof(r, "/", token, map[string]any{"iat": r.clock.now().Add(-time.Minute).Unix()})))
		}, "401"},
		{"dpop_use_nonce", strict, one("dpop_use_nonce", true), func(r *rig) string {
			token := r.accessToken()
			if r.dpop(token, h.proof(r, "/", token, nil)).header.Get("DPoP-Nonce") != "" {
				return "a nonce"
			}
			return "none"
		}, "a nonce"},
	}
}

// TestFieldsOfPossession: every field is observable, and its default is observed
// to be something else.
func TestFieldsOfPossession(t *testing.T) {
	t.Parallel()
	h := newHolder(t)
	for _, row := range possessionRows(h) {
		t.Run(row.field, func(t *testing.T) {
			t.Parallel()
			idp := boundTo(map[string]any{"jkt": h.jkt(), "x5t#S256": h.x5t()})
			standard := row.observe(newRig(t, rigOptions{config: row.base, idp: idp}))
			if standard == row.want {
				t.Errorf("without the change %q is observed as well", standard)
			}
			if got := row.observe(newRig(t, rigOptions{config: with(row.base, row.change), idp: idp})); got != row.want {
				t.Errorf("observed %q, want %q (by default %q)", got, row.want, standard)
			}
		})
	}
}
