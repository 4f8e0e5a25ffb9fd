package server

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"sallyport/internal/message"
)

// Listen is one address to listen on.
type Listen struct {
	// Addr is host:port; the host may be empty, port 0 takes a free one.
	Addr string
	// TLS serves https, HTTP2 offers h2 on it.
	TLS, HTTP2 bool
	// ProxyProtocol demands a PROXY header, version 1 or 2, at the beginning of
	// every connection, from a trusted peer.
	ProxyProtocol bool
}

// ParseListen reads an address followed by flags, as in "0.0.0.0:8443 ssl
// http2". The flags reuseport, deferred, bind and backlog=N, which tune Kong's
// nginx, are accepted and make no difference.
func ParseListen(s string) (Listen, error) {
	fields := strings.Fields(s)
	if len(fields) == 0 {
		return Listen{}, fmt.Errorf("listen address is empty")
	}
	l := Listen{Addr: fields[0]}
	host, port, err := net.SplitHostPort(l.Addr)
	if err != nil {
		return Listen{}, fmt.Errorf("listen address %q: expected host:port", s)
	}
	if _, ok := message.ParsePort(port); !ok && port != "0" {
		return Listen{}, fmt.Errorf("listen address %q: invalid port %q", s, port)
	}
	if strings.ContainsAny(host, "/@*") {
		return Listen{}, fmt.Errorf("listen address %q: invalid host %q", s, host)
	}
	for _, flag := range fields[1:] {
		switch {
		case flag == "ssl":
			l.TLS = true
		case flag == "http2":
			l.HTTP2 = true
		case flag == "proxy_protocol":
			l.ProxyProtocol = true
		case flag == "reuseport", flag == "deferred", flag == "bind", strings.HasPrefix(flag, "backlog="):
		default:
			return Listen{}, fmt.Errorf("listen address %q: unknown flag %q", s, flag)
		}
	}
	if l.HTTP2 && !l.TLS {
		return Listen{}, fmt.Errorf("listen address %q: http2 needs ssl", s)
	}
	return l, nil
}

// String is the form that ParseListen reads.
func (l Listen) String() string {
	s := l.Addr
	if l.TLS {
		s += " ssl"
	}
	if l.HTTP2 {
		s += " http2"
	}
	if l.ProxyProtocol {
		s += " proxy_protocol"
	}
	return s
}

// network binds an IPv4 or IPv6 literal to its own family alone, so that
// 0.0.0.0 does not take IPv6 along.
func (l Listen) network() string {
	host, _, _ := net.SplitHostPort(l.Addr)
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return "tcp"
	case addr.Is4():
		return "tcp4"
	}
	return "tcp6"
}
