package message

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Options say whom to believe and where the request was accepted.
type Options struct {
	// Trusted are the networks whose X-Forwarded-* headers count. Empty trusts
	// nobody.
	Trusted []netip.Prefix
	// RealIPHeader is the header of a trusted peer that carries the client's
	// address; empty means X-Real-IP. RealIPFromProxy reads none.
	RealIPHeader string
	// RealIPRecursive walks the addresses of that header from the right over
	// trusted ones to the last that is not; otherwise the rightmost counts.
	RealIPRecursive bool
	// ListenPort is the port of the listener, 1 to 65535.
	ListenPort int
}

// RealIPFromProxy as RealIPHeader says that the peer is the client: the PROXY
// header of its connection has named it.
const RealIPFromProxy = "proxy_protocol"

// Error tells why a request has no canonical form. It is answered with Status
// and the connection is closed.
type Error struct {
	// Status is 400, or 405 for CONNECT and TRACE.
	Status int
	// Reason is for the log; it quotes nothing of the request.
	Reason string
}

// Error implements error.
func (e *Error) Error() string { return "message: " + e.Reason }

func malformed(reason string) error { return &Error{Status: http.StatusBadRequest, Reason: reason} }

// New builds the canonical request of r, as net/http's server hands it out. An
// error is always an *Error. The strings of the result share memory with r.
func New(r *http.Request, o Options) (Request, error) {
	q := Request{Method: r.Method, Scheme: "http", ListenPort: o.ListenPort, ProtoMajor: r.ProtoMajor}
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		return Request{}, &Error{Status: http.StatusMethodNotAllowed, Reason: "method is not proxied"}
	}
	if r.TLS != nil {
		q.TLS, q.Scheme = true, "https"
		q.SNI = strings.ToLower(strings.TrimSuffix(r.TLS.ServerName, "."))
	}
	if err := q.target(r); err != nil {
		return Request{}, err
	}
	if err := q.authority(r); err != nil {
		return Request{}, err
	}
	if known, ok := r.Context().(interface{ Peer() netip.Addr }); ok {
		q.Peer = known.Peer()
	} else {
		q.Peer = PeerAddr(r.RemoteAddr)
	}
	q.Client = q.Peer
	q.Trusted = contains(o.Trusted, q.Peer)
	if q.Trusted {
		q.Client = clientAddr(q.Peer, r.Header, o)
	}
	q.forwarded(r.Header)
	return q, nil
}

// target splits the request target (RFC 9112 §3.2) into path and query.
func (q *Request) target(r *http.Request) error {
	target := r.RequestURI
	if !strings.HasPrefix(target, "/") {
		var err error
		if target, err = absoluteForm(target, r.Host); err != nil {
			return err
		}
	}
	if !cleanTarget(target) {
		return malformed("request target holds a control character, a space or a fragment")
	}
	path, query, hasQuery := strings.Cut(target, "?")
	if path == "" {
		path = "/"
	}
	q.RawPath, q.RawQuery, q.ForceQuery = path, query, hasQuery
	var err error
	q.Path, err = NormalizePath(path)
	return err
}

// absoluteForm takes scheme and authority off a target in absolute form, whose
// authority must be host (RFC 9112 §3.2.2). With net/http's server it always is:
// the server has put it in the place of the Host header, so that nothing behind
// it can tell, or disagree, what that header was.
func absoluteForm(target, host string) (string, error) {
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", malformed("request target is neither a path nor an absolute http URL")
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, rest = rest[:i], rest[i:]
	} else {
		rest = ""
	}
	if !sameAuthority(authority, host) {
		return "", malformed("authority of the request target is not the Host")
	}
	return rest, nil
}

// cleanTarget reports whether s holds nothing that some parser would take for
// the end of the target or of its path: controls, blanks, and '#', which a
// user agent never sends.
func cleanTarget(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// authority reads the Host of the request. A second opinion in the header map
// (HTTP/2 keeps a Host field beside :authority) must agree.
func (q *Request) authority(r *http.Request) error {
	for _, second := range r.Header["Host"] {
		if !sameAuthority(second, r.Host) {
			return malformed("Host differs from :authority")
		}
	}
	host := r.Host
	if host == "" && !r.ProtoAtLeast(1, 1) {
		host = localHost(r)
	}
	var ok bool
	if q.Host, q.Port, ok = ParseAuthority(host); !ok {
		return malformed("invalid Host")
	}
	return nil
}

// localHost stands in for the Host that an HTTP/1.0 request need not have: the
// address at which it arrived.
func localHost(r *http.Request) string {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return ""
	}
	ip := addr.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return ip.String()
}
