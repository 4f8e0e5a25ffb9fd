package message

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwarded fills in what the user agent asked for as far as a trusted peer
// tells it. A header that is sent twice, is a list or is malformed counts as
// absent: the connection's own value stands.
func (q *Request) forwarded(h http.Header) {
	if q.Trusted {
		switch proto := only(h, "X-Forwarded-Proto"); {
		case strings.EqualFold(proto, "https"):
			q.Scheme = "https"
		case strings.EqualFold(proto, "http"):
			q.Scheme = "http"
		}
	}
	if q.Port == 0 {
		q.Port = DefaultPort(q.Scheme)
	}
	q.ForwardedHost, q.ForwardedPort = q.Host, q.Port
	if !q.Trusted {
		return
	}
	if host, port, ok := ParseAuthority(only(h, "X-Forwarded-Host")); ok {
		if port == 0 {
			port = DefaultPort(q.Scheme)
		}
		q.ForwardedHost, q.ForwardedPort = host, port
	}
	if port, ok := ParsePort(only(h, "X-Forwarded-Port")); ok {
		q.ForwardedPort = port
	}
	if path := only(h, "X-Forwarded-Path"); strings.HasPrefix(path, "/") && cleanTarget(path) {
		q.ForwardedPath = path
	}
	if prefix := only(h, "X-Forwarded-Prefix"); cleanPath(prefix) {
		q.ForwardedPrefix = prefix
	}
}

// only is the value of a header that stands there exactly once.
func only(h http.Header, name string) string {
	if values := h[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// cleanPath reports whether p is a path in normal form, so that a URL built
// with it stays on its host.
func cleanPath(p string) bool {
	if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, `?#\`) {
		return false
	}
	normal, err := NormalizePath(p)
	return err == nil && normal == p
}

// PeerAddr reads the host of a TCP address, without zone; the zero Addr stands
// for anything else.
func PeerAddr(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// clientAddr finds the client behind a trusted peer. The list is read from the
// right, where our own proxies append; a malformed entry ends the walk, so that
// nothing left of it counts.
func clientAddr(peer netip.Addr, h http.Header, o Options) netip.Addr {
	name := o.RealIPHeader
	if name == "" {
		name = "X-Real-Ip"
	}
	client := peer
	if name == RealIPFromProxy {
		return client
	}
	for _, rest := range slices.Backward(h.Values(name)) {
		for more := true; more; {
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				last, more = rest, false
			}
			addr, ok := hopAddr(strings.Trim(last, " \t"))
			if !ok {
				return client
			}
			client = addr
			if !o.RealIPRecursive || !contains(o.Trusted, addr) {
				return client
			}
		}
	}
	return client
}

// hopAddr reads an address as proxies write it: alone, with a port, or IPv6 in
// brackets. A zone means nothing to us and is refused.
func hopAddr(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		var ap netip.AddrPort
		if ap, err = netip.ParseAddrPort(s); err == nil {
			addr = ap.Addr()
		} else if inner, ok := strings.CutPrefix(s, "["); ok {
			addr, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		}
	}
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
