package upstream

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
)

// Identity is who is who on a TLS connection with a service. The zero value
// shows nothing and trusts whom the Proxy trusts.
type Identity struct {
	// Certificate is shown to an upstream that asks for one; nil for none.
	Certificate *tls.Certificate
	// Authorities, when not empty, are those that alone may vouch for the
	// upstream.
	Authorities []*x509.Certificate
}

// fingerprint tells identities apart; it is empty for the zero value.
func (i Identity) fingerprint() string {
	if i.Certificate == nil && len(i.Authorities) == 0 {
		return ""
	}
	h := sha256.New()
	if i.Certificate != nil {
		for _, der := range i.Certificate.Certificate {
			digest := sha256.Sum256(der)
			h.Write(digest[:])
		}
	}
	h.Write([]byte{'|'})
	for _, c := range i.Authorities {
		digest := sha256.Sum256(c.Raw)
		h.Write(digest[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// apply puts the identity into the configuration of a transport.
func (i Identity) apply(config *tls.Config) {
	if len(i.Authorities) > 0 {
		config.RootCAs = x509.NewCertPool()
		for _, c := range i.Authorities {
			config.RootCAs.AddCert(c)
		}
	}
	if i.Certificate != nil {
		config.Certificates = []tls.Certificate{*i.Certificate}
	}
}

var errDepth = errors.New("the upstream's certificate chain has more intermediate certificates than tls_verify_depth allows")

// atMost demands a verified chain of at most n certificates, the upstream's own
// and the authority's included.
func atMost(n int) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		for _, chain := range state.VerifiedChains {
			if len(chain) <= n {
				return nil
			}
		}
		return errDepth
	}
}
