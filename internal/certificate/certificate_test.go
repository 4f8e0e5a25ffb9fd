package certificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"sallyport/internal/certificate"
	"sallyport/internal/certificate/certtest"
)

func TestParse(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	a, b := root.Issue(t, certtest.Spec{Names: []string{"a.test"}}), root.Issue(t, certtest.Spec{Names: []string{"b.test"}})
	rsa := root.Issue(t, certtest.Spec{Names: []string{"a.test"}, RSA: true})
	chained := root.Issue(t, certtest.Spec{Names: []string{"middle"}, Authority: true}).Issue(t, certtest.Spec{Names: []string{"a.test"}})
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	sec1PEM := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))
	const encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	for _, tc := range []struct {
		name, cert, key string
		chain           int
		want            string
	}{
		{"a pair", a.Cert, a.Key, 1, ""},
		{"an RSA pair", rsa.Cert, rsa.Key, 1, ""},
		{"a chain", chained.Cert, chained.Key, 2, ""},
		{"key and certificate in one text", a.Key + a.Cert, a.Cert + a.Key, 1, ""},
		{"the key of another", a.Cert, b.Key, 0, "certificate does not match key"},
		{"a key of another type", a.Cert, rsa.Key, 0, "certificate does not match key"},
		{"a SEC 1 key behind its parameters is read", a.Cert, sec1PEM, 0, "certificate does not match key"},
		{"no certificate", a.Key, a.Key, 0, "invalid certificate: no PEM block of type CERTIFICATE"},
		{"no PEM", "x", a.Key, 0, "invalid certificate: no PEM block"},
		{"no key", a.Cert, a.Cert, 0, "invalid key: expected one PEM private key"},
		{"a key with a passphrase", a.Cert, encrypted, 0, "invalid key: expected one PEM private key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pair, err := certificate.Parse(tc.cert, tc.key)
			switch {
			case tc.want == "" && err != nil:
				t.Fatal(err)
			case tc.want == "":
				if len(pair.Certificate) != tc.chain || pair.Leaf == nil {
					t.Errorf("%d certificates, want %d", len(pair.Certificate), tc.chain)
				}
			case err == nil || !strings.HasPrefix(err.Error(), tc.want):
				t.Errorf("got %v, want %s…", err, tc.want)
			}
		})
	}
	if _, err := certificate.Parse(a.Cert, b.Key); !errors.Is(err, certificate.ErrMismatch) {
		t.Errorf("%v is not ErrMismatch", err)
	}
}

func TestExpiredNamesTheCertificateOfTheChain(t *testing.T) {
	t.Parallel()
	middle := certtest.Root(t, "root").Issue(t, certtest.Spec{Names: []string{"middle"}, Authority: true, NotAfter: time.Now().Add(-time.Minute)})
	leaf := middle.Issue(t, certtest.Spec{Names: []string{"a.test"}})
	chain, err := certificate.ParseChain(leaf.Cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.Expired(chain, time.Now()); err == nil || !strings.HasPrefix(err.Error(), "certificate 2 of the chain expired on ") {
		t.Errorf("got %v", err)
	}
	if err := certificate.Expired(chain, time.Now().Add(-time.Hour)); err != nil {
		t.Errorf("an hour ago: %v", err)
	}
}

func TestIndexHasKongsPrecedence(t *testing.T) {
	t.Parallel()
	var x certificate.Index
	if _, ok := x.Find("a.test"); ok {
		t.Error("the zero value finds something")
	}
	for _, name := range []string{"www.shop.test", "*.shop.test", "www.shop.*", "shop.*", "*.test", "Upper.Example.Test."} {
		x.Add(name, certificate.Choice{{Leaf: &x509.Certificate{DNSNames: []string{name}}}})
	}
	find := func(name string) string {
		c, ok := x.Find(name)
		if !ok {
			return ""
		}
		return c[0].Leaf.DNSNames[0]
	}
	for name, want := range map[string]string{
		"www.shop.test":      "www.shop.test",
		"WWW.Shop.Test.":     "www.shop.test",
		"api.shop.test":      "*.shop.test",
		"www.shop.example":   "www.shop.*",
		"shop.example":       "shop.*",
		"shop.test":          "shop.*", // * stands for a label in front of two others
		"a.b.shop.test":      "",       // and for one label alone
		"upper.example.test": "Upper.Example.Test.",
		"other":              "",
		"":                   "",
	} {
		if got := find(name); got != want {
			t.Errorf("%q finds %q, want %q", name, got, want)
		}
	}
	x.Add("*", certificate.Choice{{Leaf: &x509.Certificate{DNSNames: []string{"*"}}}})
	for name, want := range map[string]string{"other": "*", "a.b.shop.test": "*", "api.shop.test": "*.shop.test", "": ""} {
		if got := find(name); got != want {
			t.Errorf("with *: %q finds %q, want %q", name, got, want)
		}
	}
}

// The client says what it can verify; the name is not looked at again.
func TestChoiceFitsTheClient(t *testing.T) {
	t.Parallel()
	ecdsaPair, rsaPair := certtest.SelfSigned(t, certtest.Spec{Names: []string{"a.test"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"a.test"}, RSA: true})
	choice := certificate.Choice{&ecdsaPair.TLS, &rsaPair.TLS}
	for name, tc := range map[string]struct {
		suite uint16
		want  x509.PublicKeyAlgorithm
	}{
		"a client that knows both": {0, x509.ECDSA},
		"a client that knows RSA":  {tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, x509.RSA},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := pipe(t)
			conf := &tls.Config{InsecureSkipVerify: true, ServerName: "other.test"}
			if tc.suite != 0 {
				conf.MaxVersion, conf.CipherSuites = tls.VersionTLS12, []uint16{tc.suite}
			}
			done := make(chan error, 1)
			go func() {
				done <- tls.Server(server, &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
					return choice.For(h), nil
				}}).HandshakeContext(t.Context())
			}()
			c := tls.Client(client, conf)
			if err := c.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if got := c.ConnectionState().PeerCertificates[0].PublicKeyAlgorithm; got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestForNamePrefersTheNamesOfThePair(t *testing.T) {
	t.Parallel()
	a, b := certtest.SelfSigned(t, certtest.Spec{Names: []string{"a.test"}}), certtest.SelfSigned(t, certtest.Spec{Names: []string{"b.test"}})
	choice := certificate.Choice{&a.TLS, &b.TLS}
	for name, want := range map[string]*tls.Certificate{"a.test": &a.TLS, "b.test": &b.TLS, "c.test": &a.TLS, "": &a.TLS} {
		hello := &tls.ClientHelloInfo{
			ServerName: name, SupportedVersions: []uint16{tls.VersionTLS13},
			SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		}
		if got := choice.ForName(hello); got != want {
			t.Errorf("%q gets the certificate of %v", name, got.Leaf.DNSNames)
		}
	}
}

func TestSelfSignedSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	pair, err := certificate.SelfSigned(time.Now(), "extra.test")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "extra.test"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pair.Leaf.IsCA || !strings.Contains(pair.Leaf.Subject.CommonName, "for development only") {
		t.Errorf("authority %v, subject %s", pair.Leaf.IsCA, pair.Leaf.Subject)
	}
}
