//go:build integration

package soak

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// transports are the connections to the gateway. All user agents share them, so
// that those of one connection have different users.
type transports struct {
	plain *http.Transport // HTTP/1.1
	tls   *http.Transport // HTTP/1.1 over TLS
	h2    *http.Transport // HTTP/2
	roots *x509.CertPool
}

// newTransports dials the gateway for every host below .test.
func newTransports(roots *x509.CertPool) *transports {
	base := &http.Transport{
		DialContext: dialGateway, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
		ExpectContinueTimeout: 5 * time.Second, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	t := &transports{plain: base, tls: base.Clone(), h2: base.Clone(), roots: roots}
	t.tls.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	t.h2.ForceAttemptHTTP2 = true
	return t
}

func (t *transports) closeIdle() {
	t.plain.CloseIdleConnections()
	t.tls.CloseIdleConnections()
	t.h2.CloseIdleConnections()
}

func dialGateway(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && strings.HasSuffix(host, ".test") {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	return (&net.Dialer{Timeout: patience}).DialContext(ctx, network, address)
}

// certificate writes a certificate for host and its key, and returns who
// trusts it.
func certificate(t *testing.T, host string) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, block *pem.Block) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return write("cert.pem", &pem.Block{Type: "CERTIFICATE", Bytes: der}),
		write("key.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), roots
}
