// Package acme obtains certificates from an authority by the ACME protocol
// (RFC 8555) and renews them, for a fixed list of host names and no others. The
// work is certmagic's; this package keeps it to our listeners, our log and our
// list.
//
// The authority asks over http at /.well-known/acme-challenge/ (HTTP-01) or in a
// TLS handshake for acme-tls/1 (TLS-ALPN-01, RFC 8737). Both questions arrive at
// the proxy's own listeners; whoever owns those passes them on to Manager.
package acme
