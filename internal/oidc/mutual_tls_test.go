package oidc

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// clientCertificate is a self-signed certificate for a client.
func clientCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	key := must(ecdsa.GenerateKey(ecKey().Curve, rand.Reader))
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// mutualServer is a token endpoint that asks for a certificate and keeps whose it
// was.
func mutualServer(t *testing.T) (s *httptest.Server, c *capture, subject *string) {
	t.Helper()
	c, subject = &capture{}, new(string)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*subject = "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			*subject = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		c.serve(w, r)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12} // names no authorities
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, c, subject
}

// TestMutualTLS: the certificate is shown to the endpoint for it, client_id
// stands in the body, and nothing else authenticates (RFC 8705 §2, §5).
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	certificate := clientCertificate(t, "the client")
	for _, method := range []AuthMethod{AuthTLS, AuthSelfSignedTLS, AuthPost} {
		t.Run(string(method), func(t *testing.T) {
			t.Parallel()
			s, c, subject := mutualServer(t)
			tp := newTestProvider(t)
			tp.set("mtls_endpoint_aliases", map[string]any{"token_endpoint": s.URL + "/alias"})
			tp.set("token_endpoint", s.URL+"/ordinary")
			p := tp.relyingParty(t, func(o *Options) {
				o.HTTP.TrustedCertificates = certificatePEM(s)
				o.MutualTLS = &MutualTLS{Certificate: certificate}
			})
			client := testClient
			client.AuthMethod = method
			if _, err := p.Redeem(t.Context(), client, testGrant, Extra{}); err != nil {
				t.Fatal(err)
			}
			whose, secretSent := "the client", false
			if method == AuthPost {
				whose, secretSent = "nobody", true
			}
			if *subject != whose || c.form.Get("client_id") != testClientID || c.form.Has("client_secret") != secretSent || c.header.Get("Authorization") != "" {
				t.Errorf("certificate of %s, want %s; %v", *subject, whose, c.form)
			}
		})
	}
}

func TestMutualTLSEndpoints(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name              string
		configured, alias string // paths
		want              string
	}{
		{"the configured one comes first", "/configured", "/alias", "/configured"},
		{"then the alias", "", "/alias", "/alias"},
		{"then the ordinary one", "", "", "/ordinary"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			md := &Metadata{TokenEndpoint: "https://idp.test/ordinary"}
			if tc.alias != "" {
				md.MutualTLS.Token = "https://idp.test" + tc.alias
			}
			if tc.configured != "" {
				Endpoints{MutualTLS: MutualTLSEndpoints{Token: "https://idp.test" + tc.configured}}.override(md)
			}
			p := &Provider{mutual: &httpClient{}, http: &httpClient{}}
			got, client, err := p.place(md, EndpointToken, AuthTLS)
			if err != nil || got != "https://idp.test"+tc.want || client != p.mutual {
				t.Errorf("%q, %v", got, err)
			}
			if got, client, err := p.place(md, EndpointToken, AuthBasic); err != nil || got != md.TokenEndpoint || client != p.http {
				t.Errorf("without a certificate: %q, %v", got, err)
			}
		})
	}
}

// TestMutualTLSRefused: without TLS there is no certificate to show, and the
// provider's own is verified unless told otherwise.
func TestMutualTLSRefused(t *testing.T) {
	t.Parallel()
	certificate := clientCertificate(t, "the client")
	client := Client{ID: testClientID, AuthMethod: AuthTLS}
	tp := newTestProvider(t)
	p := tp.relyingParty(t, func(o *Options) { o.MutualTLS = &MutualTLS{Certificate: certificate} })
	if _, err := p.Redeem(t.Context(), client, testGrant, Extra{}); !errors.Is(err, ErrAuthMethod) || tp.count(pathToken) != 0 {
		t.Errorf("an http endpoint: %v", err)
	}
	s, _, _ := mutualServer(t)
	tp.set("token_endpoint", s.URL)
	for _, insecure := range []bool{false, true} {
		p := tp.relyingParty(t, func(o *Options) {
			o.HTTP.InsecureSkipVerify = !insecure // that of other calls makes no difference
			o.MutualTLS = &MutualTLS{Certificate: certificate, InsecureSkipVerify: insecure}
		})
		_, err := p.Redeem(t.Context(), client, testGrant, Extra{})
		if insecure && err != nil || !insecure && (!errors.Is(err, ErrTokenEndpoint) || !strings.Contains(err.Error(), "certificate")) {
			t.Errorf("insecure %v: %v", insecure, err)
		}
	}
}

func TestAliasesOfASecureDocumentAreSecure(t *testing.T) {
	t.Parallel()
	read := func(alias string) error {
		object := map[string]any{"issuer": "https://idp.test", "mtls_endpoint_aliases": map[string]any{"token_endpoint": alias}}
		_, err := parseMetadata("", object, "https://idp.test/x", Endpoints{})
		return err
	}
	if err := read("https://mtls.test/token"); err != nil {
		t.Errorf("positive control: %v", err)
	}
	if err := read("http://mtls.test/token"); err == nil {
		t.Error("an http alias is taken")
	}
	if _, err := parseMetadata("", map[string]any{"issuer": "i", "mtls_endpoint_aliases": "x"}, "https://x", Endpoints{}); err == nil {
		t.Error("aliases that are no object are taken")
	}
}
