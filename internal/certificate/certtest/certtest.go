// Package certtest makes certificates for tests.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Pair is a certificate with its key.
type Pair struct {
	// Cert is the PEM chain, the leaf first and without the root; Key the PEM key.
	Cert, Key string
	// TLS is the same for crypto/tls.
	TLS tls.Certificate
	// Leaf is the certificate.
	Leaf *x509.Certificate

	signer crypto.Signer
	issuer *Pair
}

// Spec says what a certificate is for.
type Spec struct {
	// Names are host names and IP addresses; the first is the subject's name.
	Names []string
	// RSA makes an RSA key of 2048 bits instead of an ECDSA one.
	RSA bool
	// Authority makes one that issues others.
	Authority bool
	// NotAfter is when it expires; zero means in an hour.
	NotAfter time.Time
	// Usages are what it is for; nil means for servers and clients.
	Usages []x509.ExtKeyUsage
	// OCSP and CRL are where it says that its revocation can be asked for.
	OCSP, CRL []string
}

// Root makes a self-signed authority.
func Root(t testing.TB, name string) *Pair {
	t.Helper()
	return issue(t, nil, Spec{Names: []string{name}, Authority: true})
}

// SelfSigned makes a certificate that nobody else signed.
func SelfSigned(t testing.TB, s Spec) *Pair {
	t.Helper()
	return issue(t, nil, s)
}

// Issue makes a certificate signed by p.
func (p *Pair) Issue(t testing.TB, s Spec) *Pair {
	t.Helper()
	return issue(t, p, s)
}

// Pool holds the certificate as an authority.
func (p *Pair) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Leaf)
	return pool
}

func issue(t testing.TB, issuer *Pair, s Spec) *Pair {
	t.Helper()
	key, err := newKey(s.RSA)
	check(t, err)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	check(t, err)
	if s.NotAfter.IsZero() {
		s.NotAfter = time.Now().Add(time.Hour)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: s.Names[0]},
		NotBefore: s.NotAfter.Add(-48 * time.Hour), NotAfter: s.NotAfter,
		BasicConstraintsValid: true, IsCA: s.Authority, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	template.OCSPServer, template.CRLDistributionPoints = s.OCSP, s.CRL
	if s.Usages != nil {
		template.ExtKeyUsage = s.Usages
	}
	if s.Authority {
		template.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	} else {
		for _, name := range s.Names {
			if ip := net.ParseIP(name); ip != nil {
				template.IPAddresses = append(template.IPAddresses, ip)
			} else {
				template.DNSNames = append(template.DNSNames, name)
			}
		}
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	check(t, err)
	leaf, err := x509.ParseCertificate(der)
	check(t, err)
	p := &Pair{Leaf: leaf, signer: key, issuer: issuer}
	for c := p; c != nil && (c == p || c.issuer != nil); c = c.issuer {
		p.Cert += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Leaf.Raw}))
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	p.Key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	p.TLS, err = tls.X509KeyPair([]byte(p.Cert), []byte(p.Key))
	check(t, err)
	return p
}

func newKey(useRSA bool) (crypto.Signer, error) {
	if useRSA {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
