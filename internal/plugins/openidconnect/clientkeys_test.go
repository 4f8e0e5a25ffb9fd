package openidconnect_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"maps"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Keys are costly to make: tests share them.
var (
	clientRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	clientEC  = sync.OnceValues(func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })
)

// clientJWK is a private key as it stands in client_jwk, and its public half as
// the IdP knows it.
func clientJWK(t testing.TB, key any, err error, more map[string]any) (private map[string]any, public jose.JSONWebKey) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	k := jose.JSONWebKey{Key: key}
	text, err := k.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	private = map[string]any{}
	if err := json.Unmarshal(text, &private); err != nil {
		t.Fatal(err)
	}
	maps.Copy(private, more)
	public = k.Public()
	public.KeyID, _ = private["kid"].(string)
	return private, public
}

// signedBy makes a JWT of claims, by an RSA key.
func signedBy(t testing.TB, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

const certificateID = "01234567-89ab-cdef-0123-456789abcdef"

// clientCertificate is a self-signed certificate with the subject CN=the gateway.
var clientCertificate = sync.OnceValues(func() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the gateway"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

// certificates are those of a configuration that has one.
func certificates(t testing.TB) map[string]*tls.Certificate {
	t.Helper()
	c, err := clientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*tls.Certificate{certificateID: c}
}
