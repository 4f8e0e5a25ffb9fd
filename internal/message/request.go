package message

import (
	"net/netip"
	"strconv"
)

// Request is the canonical request (design C2). It is a value made once by
// server and never changed afterwards.
type Request struct {
	Method string
	// Scheme is "http" or "https": of the connection, or what a trusted peer's
	// X-Forwarded-Proto says.
	Scheme string
	// Host is the Host header's host in lower case, without port and trailing
	// dot; an IPv6 literal keeps its brackets. The router matches it.
	Host string
	// Port is the port the user agent asked for: of the Host header, else the
	// scheme's default.
	Port int
	// ListenPort is the port of the listener.
	ListenPort int
	// RawPath is the path as received: still percent-encoded, query removed,
	// at least "/".
	RawPath string
	// Path is the normalised path (Kong's router): unreserved escapes decoded,
	// others in upper case, dot segments removed, slashes merged. The router
	// decides on it and the upstream gets it.
	Path string
	// RawQuery is the query without "?"; ForceQuery tells a bare "?".
	RawQuery   string
	ForceQuery bool
	// TLS tells whether the connection itself is TLS, SNI its server name.
	TLS bool
	SNI string
	// Peer is the address of the TCP peer, Client the client's address as far
	// as the trusted peers vouch for it (equal without one).
	Peer, Client netip.Addr
	// Trusted tells whether Peer is one of trusted_ips, so that its
	// X-Forwarded-* count.
	Trusted bool
	// ForwardedHost and ForwardedPort are the host and port under which the
	// user agent reached us: a trusted peer's X-Forwarded-Host and -Port, else
	// Host and Port.
	ForwardedHost string
	ForwardedPort int
	// ForwardedPath and ForwardedPrefix are a trusted peer's
	// X-Forwarded-Path and -Prefix; empty otherwise.
	ForwardedPath, ForwardedPrefix string
	// ProtoMajor is 1 or 2.
	ProtoMajor int
}

// Origin is scheme://host[:port] as the user agent sees it, default port left
// out.
func (r *Request) Origin() string {
	var room [320]byte // on the stack; no host is longer
	return string(r.appendOrigin(room[:0]))
}

func (r *Request) appendOrigin(b []byte) []byte {
	b = append(append(append(b, r.Scheme...), "://"...), r.ForwardedHost...)
	if r.ForwardedPort == DefaultPort(r.Scheme) || r.ForwardedPort == 0 {
		return b
	}
	return strconv.AppendInt(append(b, ':'), int64(r.ForwardedPort), 10)
}

// Authority is host[:port] as the user agent sees it, default port left out.
func (r *Request) Authority() string {
	if r.ForwardedPort == DefaultPort(r.Scheme) || r.ForwardedPort == 0 {
		return r.ForwardedHost
	}
	return r.ForwardedHost + ":" + strconv.Itoa(r.ForwardedPort)
}

// URL is the absolute URL that the user agent asked for, path and query as
// received.
func (r *Request) URL() string {
	var room [384]byte // on the stack; what is longer is not
	b := append(r.appendOrigin(room[:0]), r.RawPath...)
	if r.RawQuery != "" || r.ForceQuery {
		b = append(append(b, '?'), r.RawQuery...)
	}
	return string(b)
}

// Place is URL without the query.
func (r *Request) Place() string {
	var room [384]byte // on the stack; what is longer is not
	return string(append(r.appendOrigin(room[:0]), r.RawPath...))
}

// DefaultPort is 443 for https and 80 for everything else.
func DefaultPort(scheme string) int {
	if scheme == "https" {
		return 443
	}
	return 80
}
