package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"sallyport/internal/certificate"
	"sallyport/internal/server"
)

// certificates chooses what TLS clients are shown.
type certificates struct {
	// files are nil without --tls-cert; selfSigned stands in for them.
	files      *certificate.Files
	selfSigned *tls.Certificate
}

// newCertificates reads the files of the settings. Where TLS is spoken and there
// are none it makes a self-signed certificate, and says so.
func newCertificates(s *settings, logger *slog.Logger) (*certificates, error) {
	c := &certificates{}
	if len(s.tlsCerts) > 0 {
		files := make([]certificate.File, len(s.tlsCerts))
		for i := range files {
			files[i] = certificate.File{Cert: s.tlsCerts[i], Key: s.tlsKeys[i]}
		}
		var err error
		c.files, err = certificate.OpenFiles(files, certificate.FileOptions{Logger: logger})
		return c, err
	}
	if !slices.ContainsFunc(slices.Concat(s.proxyListen, s.adminListen), func(l server.Listen) bool { return l.TLS }) {
		return c, nil
	}
	clock := time.Now
	made, err := certificate.SelfSigned(clock())
	if err != nil {
		return nil, err
	}
	fingerprint := sha256.Sum256(made.Leaf.Raw)
	logger.Warn("self-signed certificate made, for development only: name one with --tls-cert and --tls-key",
		"names", made.Leaf.DNSNames, "not_after", made.Leaf.NotAfter, "sha256", hex.EncodeToString(fingerprint[:]))
	c.selfSigned = made
	return c, nil
}

// byDefault is the certificate for clients for whose name there is no other.
func (c *certificates) byDefault(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.files != nil {
		return c.files.Pairs().ForName(hello), nil
	}
	return c.selfSigned, nil
}

// tlsVersions are the values of --tls-min-version.
var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// checkTLS finds what is wrong with the settings of certificates.
func (s *settings) checkTLS() error {
	if len(s.tlsCerts) != len(s.tlsKeys) {
		return &usageError{fmt.Sprintf("--tls-cert and --tls-key belong together: there are %d and %d", len(s.tlsCerts), len(s.tlsKeys))}
	}
	for _, l := range s.proxyListen {
		if l.ProxyProtocol && len(s.trustedIPs) == 0 {
			return &usageError{fmt.Sprintf("listen address %q: proxy_protocol needs --trusted-ips, "+
				"the load balancers that may say where connections come from", l)}
		}
	}
	for _, l := range s.adminListen {
		if l.ProxyProtocol {
			return &usageError{fmt.Sprintf("listen address %q: the Admin API does not speak the PROXY protocol", l)}
		}
	}
	return nil
}
