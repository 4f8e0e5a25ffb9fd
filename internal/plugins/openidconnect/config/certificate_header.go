package config

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// CertificateFormat is how a certificate stands in a header.
type CertificateFormat string

// The values of certificate_header_format.
const (
	FormatURLEncoded CertificateFormat = "url_encoded"
	FormatBase64     CertificateFormat = "base64_encoded"
)

// Revocation says what becomes of a certificate that may have been revoked.
type Revocation string

// The values of revocation_check_mode.
const (
	RevocationSkip     Revocation = "SKIP"
	RevocationTolerant Revocation = "IGNORE_CA_ERROR"
	RevocationStrict   Revocation = "STRICT"
)

// The limits of cert_cache_ttl and http_timeout in milliseconds.
const (
	maxHeaderTTL     = 24 * 3600 * 1000
	maxHeaderTimeout = 300 * 1000
)

// CertificateHeader is the header of a proxy that shows its client's certificate.
type CertificateHeader struct {
	// Name is in canonical form; empty means that there is none.
	Name   string
	Format CertificateFormat
	// Authorities are ids, Partial lets a chain end at any of them.
	Authorities []string
	Partial     bool
	// Secure lets it count from trusted peers alone.
	Secure     bool
	Revocation Revocation
	// TTL is for how long a verdict counts, Timeout bounds asking for one.
	TTL, Timeout                  time.Duration
	VerifyTLS                     bool
	HTTPProxyHost, HTTPSProxyHost string
	HTTPProxyPort, HTTPSProxyPort *int
}

// HTTPProxy and HTTPSProxy are the proxies for addresses of these schemes; nil
// for none.
func (c *CertificateHeader) HTTPProxy() *url.URL { return proxyAt(c.HTTPProxyHost, c.HTTPProxyPort) }

// HTTPSProxy is HTTPProxy for https.
func (c *CertificateHeader) HTTPSProxy() *url.URL {
	return proxyAt(c.HTTPSProxyHost, c.HTTPSProxyPort)
}

func proxyAt(host string, port *int) *url.URL {
	if host == "" {
		return nil
	}
	at := 80
	if port != nil && *port != 0 {
		at = *port
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(at))}
}

func proxyHost(v any) error {
	text, _ := v.(string)
	if text == "" || strings.ContainsAny(text, "/@?# \t") {
		return errors.New("expected a host")
	}
	return nil
}

// headerNameOnly reads the name of a header that is ours alone.
func headerNameOnly(text string) (string, error) {
	name, err := headerName(text)
	switch name {
	case "Authorization", "Cookie", "Dpop":
		return "", errors.New("it carries something else")
	}
	return name, err
}

func (g *PossessionConfig) warn(say func(when bool, text string)) {
	const record = "config.proof_of_possession_mtls_from_header"
	header := &g.Header
	if header.Name == "" {
		return
	}
	say(!header.Secure, record+".secure_source: whoever reaches the gateway can show the certificate of anybody in its header")
	say(!header.VerifyTLS, record+".ssl_verify: certificates of responders and list servers are not verified")
	say(g.MTLS == PossessionOff, record+": without proof_of_possession_mtls it does nothing")
}
