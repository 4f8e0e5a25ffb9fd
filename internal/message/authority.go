package message

import (
	"net/netip"
	"strings"
)

// maxHost is the length of the longest DNS name in text form.
const maxHost = 253

// ParseAuthority splits host[:port] as in a Host header and folds the host:
// lower case, one trailing dot removed, IPv6 in brackets and in canonical form.
// The port is 0 when absent or empty. Anything but a DNS name (with '_', which
// the field uses), an IPv4 address or a bracketed IPv6 address without a zone
// is refused, userinfo included.
func ParseAuthority(s string) (host string, port int, ok bool) {
	if strings.HasPrefix(s, "[") {
		literal, rest, found := strings.Cut(s[1:], "]")
		addr, err := netip.ParseAddr(literal)
		if !found || err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", 0, false
		}
		port, ok = portSuffix(rest)
		return bracketed(literal, addr, s), port, ok
	}
	name := s
	if i := strings.IndexByte(s, ':'); i >= 0 {
		name = s[:i]
		if port, ok = portSuffix(s[i:]); !ok {
			return "", 0, false
		}
	}
	name = strings.TrimSuffix(name, ".")
	if !validName(name) {
		return "", 0, false
	}
	return strings.ToLower(name), port, true
}

// bracketed is the canonical literal, taken out of s where it stands there.
func bracketed(literal string, addr netip.Addr, s string) string {
	canonical := addr.String()
	if canonical == literal {
		return s[:len(literal)+2]
	}
	return "[" + canonical + "]"
}

// portSuffix reads "", ":" or ":" and a port from 1 to 65535.
func portSuffix(s string) (int, bool) {
	if s == "" || s == ":" {
		return 0, true
	}
	if s[0] != ':' {
		return 0, false
	}
	return ParsePort(s[1:])
}

// ParsePort reads a port: one to five decimal digits, value 1 to 65535.
func ParsePort(s string) (int, bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	port := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		port = port*10 + int(s[i]-'0')
	}
	return port, port >= 1 && port <= 65535
}

// validName reports whether s is a host name of non-empty labels.
func validName(s string) bool {
	if s == "" || len(s) > maxHost {
		return false
	}
	label := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_':
		default:
			return false
		}
		label++
	}
	return label > 0
}

// sameAuthority reports whether two authorities name one host and port.
func sameAuthority(a, b string) bool {
	if a == b {
		return true
	}
	hostA, portA, okA := ParseAuthority(a)
	hostB, portB, okB := ParseAuthority(b)
	return okA && okB && hostA == hostB && portA == portB
}
