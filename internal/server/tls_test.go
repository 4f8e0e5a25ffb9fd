package server

import (
	"crypto/tls"
	"errors"
	"net/http"
	"testing"

	"sallyport/internal/plugin"
)

// tlsServer has one listener for http/1.1 and h2.
func tlsServer(t *testing.T, change func(*ProxyOptions)) *running {
	t.Helper()
	certFile, keyFile, _ := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, q.Canonical.SNI) }, func(o *ProxyOptions) {
		o.Certificates, o.Listen = []tls.Certificate{cert}, []Listen{{Addr: "127.0.0.1:0", TLS: true, HTTP2: true}}
		change(o)
	})
}

func TestVersionsOfTLS(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		least uint16
		want  map[uint16]bool
	}{
		"by default":   {0, map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true}},
		"1.3 at least": {tls.VersionTLS13, map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: false, tls.VersionTLS13: true}},
	} {
		r := tlsServer(t, func(o *ProxyOptions) { o.TLSMinVersion = tc.least })
		for version, want := range tc.want {
			c, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			if err == nil {
				_ = c.Close()
			}
			if (err == nil) != want {
				t.Errorf("%s: TLS %x: %v", name, version, err)
			}
		}
	}
}

// Key exchange without forward secrecy, RC4 and 3DES (RFC 9325 §4.2) are Go's
// list of what is not safe.
func TestUnsafeCiphersAreRefused(t *testing.T) {
	t.Parallel()
	r := tlsServer(t, func(*ProxyOptions) {})
	for _, suite := range tls.InsecureCipherSuites() {
		c, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if err == nil {
			_ = c.Close()
			t.Errorf("%s is accepted", suite.Name)
		}
	}
	for _, id := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256} {
		c, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{id}})
		if err != nil {
			t.Errorf("%s: %v", tls.CipherSuiteName(id), err)
			continue
		}
		_ = c.Close()
	}
}

func TestCertificateIsAskedForEachHandshake(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	r := tlsServer(t, func(o *ProxyOptions) {
		o.Certificates = nil
		o.Certificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			switch hello.ServerName {
			case "a.test":
				return &cert, nil
			case "broken.test":
				return nil, errors.New("broken")
			}
			return nil, nil
		}
	})
	for name, want := range map[string]bool{"a.test": true, "b.test": false, "broken.test": false} {
		c, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
}

// A connection for a challenge of ACME ends with its handshake, whoever made it.
func TestACMEConnectionsCarryNoRequest(t *testing.T) {
	t.Parallel()
	with, without := tlsServer(t, func(o *ProxyOptions) { o.ACME = true }), tlsServer(t, func(*ProxyOptions) {})
	config := &tls.Config{InsecureSkipVerify: true, ServerName: "a.test", NextProtos: []string{acmeProtocol}}
	c, err := tls.Dial("tcp", with.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	if got := converse(t, c, "", ""); c.ConnectionState().NegotiatedProtocol != acmeProtocol || got != "" {
		t.Errorf("negotiated %q, answered %q", c.ConnectionState().NegotiatedProtocol, got)
	}
	_ = c.Close()
	if c, err := tls.Dial("tcp", without.addr, config); err == nil {
		_ = c.Close()
		t.Error("without ACME its protocol is negotiated")
	}
	config = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}, ServerName: "a.test"}
	if c, err = tls.Dial("tcp", with.addr, config); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if got := converse(t, c, "", ""); got != "a.test" {
		t.Errorf("an ordinary request gets %q", got)
	}
}
