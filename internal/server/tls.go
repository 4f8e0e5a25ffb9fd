package server

import (
	"crypto/tls"
	"errors"
	"slices"
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
	if c.ClientCertificate != nil {
		c.askClients(config)
	}
	return config
}

// asked marks tickets of clients that were asked for a certificate, whether or
// not they showed one.
const asked = "sallyport: client certificate asked for"

// askClients asks those clients for a certificate for which ClientCertificate says
// so. A client goes on with an earlier handshake (RFC 8446 §2.2), and with the
// certificate that it showed there, only where it was asked then: else it could
// never show one while its tickets last.
func (c *Common) askClients(config *tls.Config) {
	asking := config.Clone()
	asking.ClientAuth = tls.RequestClientCert
	asking.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		session.Extra = append(session.Extra, []byte(asked))
		return config.EncryptTicket(state, session)
	}
	asking.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := config.DecryptTicket(ticket, state)
		if err != nil || session == nil || !slices.ContainsFunc(session.Extra, func(b []byte) bool { return string(b) == asked }) {
			return nil, err
		}
		return session, nil
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if c.ClientCertificate(hello) {
			return asking, nil
		}
		return nil, nil
	}
}

var errNoCertificate = errors.New("no certificate for this server name")
