package config

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
)

// Address is an absolute http or https URL of the configuration; the zero
// value means that none is set.
type Address struct {
	// Text is the URL byte for byte as configured: what is registered with the
	// provider must be sent unchanged.
	Text string
	// URL is Text parsed, nil without one. It must not be changed.
	URL *url.URL
}

// IsZero tells that no URL is set.
func (a Address) IsZero() bool { return a.Text == "" }

var (
	errURL      = errors.New("expected an absolute http or https URL")
	errUserinfo = errors.New("a URL with user information is not accepted")
	errFragment = errors.New("a URL with a fragment is not accepted")
)

// parseAddress accepts what a user agent may be sent to. Dangerous schemes,
// user information and what browsers read as another URL are refused.
func parseAddress(text string) (Address, error) {
	u, err := parseURL(text)
	if err != nil {
		return Address{}, err
	}
	if u.Fragment != "" || strings.Contains(text, "#") {
		return Address{}, errFragment
	}
	return Address{Text: text, URL: u}, nil
}

func parseURL(text string) (*url.URL, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '\\' || unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return nil, errURL
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Opaque != "" {
		return nil, errURL
	}
	if u.User != nil {
		return nil, errUserinfo
	}
	return u, nil
}

// endpoint checks a URL that the gateway itself or the user agent asks.
func endpoint(v any) error {
	text, _ := v.(string)
	if _, err := parseURL(text); err != nil {
		return err
	}
	if strings.Contains(text, "#") {
		return errFragment
	}
	return nil
}

// secureEndpoint is endpoint for one at which a certificate is shown.
func secureEndpoint(v any) error {
	if err := endpoint(v); err != nil {
		return err
	}
	if text, _ := v.(string); !strings.HasPrefix(strings.ToLower(text), "https:") {
		return errors.New("expected an https URL: mutual TLS needs TLS")
	}
	return nil
}

// issuerURL checks an issuer identifier or the URL of its discovery document:
// neither has a fragment (OpenID Connect Discovery 1.0 §3).
func issuerURL(v any) error { return endpoint(v) }

func isEmpty(text string) bool { return text == "" }
