package certificate

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// maxShown bounds the text of a certificate in a header.
const maxShown = 32 << 10

var errShown = errors.New("expected one certificate, in the form that is configured")

// FromEscapedPEM reads a certificate as proxies write it into a header: PEM,
// percent-encoded; a plus stands for itself. Of a chain it is the first one.
func FromEscapedPEM(value string) (*x509.Certificate, error) {
	if len(value) > maxShown {
		return nil, errShown
	}
	text, err := url.PathUnescape(value)
	if err != nil || !strings.HasPrefix(text, "-----BEGIN CERTIFICATE-----") {
		return nil, errShown
	}
	chain, err := ParseChain(text)
	if err != nil {
		return nil, errShown
	}
	return chain[0], nil
}

// FromBase64 reads a certificate in DER, as base64.
func FromBase64(value string) (*x509.Certificate, error) {
	if len(value) > maxShown {
		return nil, errShown
	}
	der, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || strings.ContainsAny(value, "\r\n") {
		return nil, errShown
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errShown
	}
	return cert, nil
}
