package certificate

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of a pair. Their texts are Kong's where it has one.
var (
	// ErrMismatch tells that the key is not that of the certificate.
	ErrMismatch = errors.New("certificate does not match key")
	errNoBlock  = errors.New("no PEM block of type CERTIFICATE")
	errKey      = errors.New("expected one PEM private key (PKCS #8, PKCS #1 or SEC 1) without a passphrase")
)

// maxChain bounds the certificates of one text.
const maxChain = 32

// ParseChain reads the certificates of a PEM text, the leaf first. Blocks of
// other types are passed over; there must be one certificate at least.
func ParseChain(text string) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if len(chain) == maxChain {
			return nil, fmt.Errorf("more than %d certificates", maxChain)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the chain: %w", len(chain)+1, err)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, errNoBlock
	}
	return chain, nil
}

// ParseKey reads the private key of a PEM text. The error quotes nothing of it.
func ParseKey(text string) (crypto.Signer, error) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errKey
		}
		if block.Type != "PRIVATE KEY" && !strings.HasSuffix(block.Type, " PRIVATE KEY") {
			continue // parameters of an elliptic curve, or certificates
		}
		if key, ok := parseKey(block.Bytes); ok {
			return key, nil
		}
		return nil, errKey
	}
}

func parseKey(der []byte) (crypto.Signer, bool) {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		signer, ok := key.(crypto.Signer)
		return signer, ok
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, true
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, true
	}
	return nil, false
}

// Matches reports whether key is that of the certificate.
func Matches(cert *x509.Certificate, key crypto.Signer) bool {
	public, ok := key.Public().(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && public.Equal(cert.PublicKey)
}

// Parse reads a chain and its key, and checks that they belong together. It
// does not look at the time: see Expired.
func Parse(certPEM, keyPEM string) (*tls.Certificate, error) {
	chain, err := ParseChain(certPEM)
	if err != nil {
		return nil, fmt.Errorf("invalid certificate: %w", err)
	}
	key, err := ParseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("invalid key: %w", err)
	}
	if !Matches(chain[0], key) {
		return nil, ErrMismatch
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

// Expired tells which certificate of a chain has run out at that time; nil means
// none.
func Expired(chain []*x509.Certificate, at time.Time) error {
	for i, c := range chain {
		if at.After(c.NotAfter) {
			which := "certificate"
			if i > 0 {
				which = fmt.Sprintf("certificate %d of the chain", i+1)
			}
			return fmt.Errorf("%s expired on %s", which, c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
