package server

import (
	"crypto/tls"
	"errors"
)

// acmeProtocol is the ALPN name of a connection that is a challenge of the ACME
// protocol and nothing else (RFC 8737 §3).
const acmeProtocol = "acme-tls/1"

// tlsConfig is that of a listener. Cipher suites and curves are Go's: it knows
// none that is not safe unless it is told to.
func (c *Common) tlsConfig(l Listen) *tls.Config {
	config := &tls.Config{
		Certificates: c.Certificates, MinVersion: c.TLSMinVersion,
		NextProtos: []string{"http/1.1"},
		// Small records at first would cost a system call for each 1.4 KB.
		DynamicRecordSizingDisabled: true,
	}
	if l.HTTP2 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	if c.ACME {
		config.NextProtos = append(config.NextProtos, acmeProtocol)
	}
	if c.Certificate != nil {
		config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert, err := c.Certificate(hello)
			if cert == nil && err == nil {
				return nil, errNoCertificate
			}
			return cert, err
		}
	}
	return config
}

var errNoCertificate = errors.New("no certificate for this server name")
