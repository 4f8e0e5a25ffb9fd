package entity

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// hostname is what a host is apart from its dots, dashes and port.
var hostname = regexp.MustCompile(`^[0-9A-Za-z._-]+$`)

// headerName is what a header that a route matches on may be called.
var headerName = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

// address is a host name or an IP address, taken apart.
type address struct {
	ip      bool
	hasPort bool
}

// parseAddress takes name, name:port, IPv4, IPv4:port, IPv6 or [IPv6]:port.
func parseAddress(text string) (address, error) {
	if strings.Count(text, ":") > 1 || strings.HasPrefix(text, "[") {
		return parseIPv6(text)
	}
	name, port, hasPort := strings.Cut(text, ":")
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 64)
		if err != nil {
			return address{}, fmt.Errorf("invalid hostname: %s", text)
		}
		if n > 65535 {
			return address{}, errPort
		}
	}
	if strings.Trim(name, "0123456789.") == "" && name != "" {
		if _, err := netip.ParseAddr(name); err != nil {
			return address{}, fmt.Errorf("invalid ipv4 address: %s", text)
		}
		return address{ip: true, hasPort: hasPort}, nil
	}
	if !hostname.MatchString(name) || !properLabels(name) {
		return address{}, fmt.Errorf("invalid hostname: %s", text)
	}
	return address{hasPort: hasPort}, nil
}

func parseIPv6(text string) (address, error) {
	bad := fmt.Errorf("invalid ipv6 address: %s", text)
	inner, port, hasPort := text, "", false
	if rest, ok := strings.CutPrefix(text, "["); ok {
		var tail string
		if inner, tail, ok = strings.Cut(rest, "]"); !ok {
			return address{}, bad
		}
		if port, hasPort = strings.CutPrefix(tail, ":"); !hasPort && tail != "" {
			return address{}, bad
		}
	}
	ip, err := netip.ParseAddr(inner)
	if err != nil || !ip.Is6() || ip.Zone() != "" {
		return address{}, bad
	}
	if hasPort {
		if n, err := strconv.ParseUint(port, 10, 64); err != nil || n > 65535 {
			return address{}, errPort
		}
	}
	return address{ip: true, hasPort: hasPort}, nil
}

// errPort is told apart because a port, even a bad one, has its own message
// where none is allowed.
var errPort = constError("invalid port number")

type constError string

func (e constError) Error() string { return string(e) }

// properLabels refuses empty labels, except one behind a final dot, and labels
// that end in a dash. A leading dash is legal in punycode.
func properLabels(name string) bool {
	labels := strings.Split(name, ".")
	for i, label := range labels {
		if strings.HasSuffix(label, "-") || label == "" && (i == 0 || i < len(labels)-1) {
			return false
		}
	}
	return true
}

// checkHost is the rule of services.host.
func checkHost(v any) error {
	text, _ := v.(string)
	a, err := parseAddress(text)
	switch {
	case errors.Is(err, errPort) || err == nil && a.hasPort:
		return constError("must not have a port")
	case err != nil:
		return fmt.Errorf("invalid value: %s", text)
	}
	return nil
}

// checkRouteHost is the rule of an element of routes.hosts.
func checkRouteHost(v any) error {
	text, _ := v.(string)
	switch strings.Count(text, "*") {
	case 0:
	case 1:
		host, _, _ := strings.Cut(text, ":")
		if !strings.HasPrefix(text, "*.") && !strings.HasSuffix(host, ".*") {
			return constError("invalid wildcard: must be placed at leftmost or rightmost label")
		}
	default:
		return constError("invalid wildcard: must have at most one wildcard")
	}
	_, err := parseAddress(strings.Replace(text, "*", "abc", 1))
	switch {
	case errors.Is(err, errPort):
		return err
	case err != nil && strings.Contains(text, "*"):
		return fmt.Errorf("invalid hostname: %s", text)
	}
	return err
}

// checkSNI is the rule of an element of routes.snis.
func checkSNI(v any) error {
	text, _ := v.(string)
	if i := strings.IndexByte(text, '*'); i >= 0 {
		if i != 0 && i != len(text)-1 {
			return constError("wildcard must be leftmost or rightmost character")
		}
		if strings.Count(text, "*") > 1 {
			return constError("only one wildcard must be specified")
		}
	}
	a, err := parseAddress(strings.Replace(text, "*", "wildcard", 1))
	switch {
	case errors.Is(err, errPort) || err == nil && !a.ip && a.hasPort:
		return constError("must not have a port")
	case err != nil:
		return fmt.Errorf("invalid value: %s", text)
	case a.ip:
		return constError("must not be an IP")
	}
	return nil
}

// checkHeaderName is the rule of a key of routes.headers.
func checkHeaderName(v any) error {
	text, _ := v.(string)
	if strings.EqualFold(text, "host") {
		return constError("cannot contain 'host' header, which must be specified in the 'hosts' attribute")
	}
	if text == "" {
		return constError("no header name provided")
	}
	if !headerName.MatchString(text) {
		return fmt.Errorf("bad header name '%s', allowed characters are A-Z, a-z, 0-9, '_', and '-'", text)
	}
	return nil
}

// checkNetwork is the rule of an address of a stream route.
func checkNetwork(v any) error {
	text, _ := v.(string)
	if _, err := netip.ParseAddr(text); err == nil {
		return nil
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return nil
	}
	return fmt.Errorf("invalid ip or cidr range: '%s'", text)
}
