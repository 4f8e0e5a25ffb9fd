package server

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

// Common are the settings of every listener. The zero value of a field is its
// default.
type Common struct {
	// Name says in errors and logs whose listeners these are, as in "proxy".
	Name string
	// Listen are the addresses; there must be one.
	Listen []Listen
	// Certificate chooses the certificate of a TLS handshake, nil or an error
	// refuses it. Without it Certificates are for all.
	Certificate  func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Certificates []tls.Certificate
	// ClientCertificate tells whether a client that shakes hands is asked for its
	// certificate, which it may leave out. That it has the key is verified, and
	// nothing else of it. nil asks nobody.
	ClientCertificate func(*tls.ClientHelloInfo) bool
	// TLSMinVersion is the oldest version that is spoken; 0 means TLS 1.2.
	TLSMinVersion uint16
	// ACME lets an authority ask over TLS whether a name is ours, which
	// Certificate answers. Such connections end with their handshake.
	ACME bool
	// Grace is how long requests in flight and tunnels may go on once Run was
	// told to stop; 0 means 10 s.
	Grace time.Duration
	// ReadHeaderTimeout bounds a request head and the TLS handshake (0 means
	// 30 s), IdleTimeout the wait for the next request (0 means 75 s).
	ReadHeaderTimeout, IdleTimeout time.Duration
	// ClientTimeout is how long a user agent may take over one piece of a body,
	// sending or receiving; 0 means 60 s.
	ClientTimeout time.Duration
	// MaxHeaderBytes bounds a request head; 0 means 64 KiB.
	MaxHeaderBytes int
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
}

func (c *Common) defaults() error {
	if len(c.Listen) == 0 {
		return fmt.Errorf("%s: no address to listen on", c.Name)
	}
	for _, l := range c.Listen {
		if l.TLS && len(c.Certificates) == 0 && c.Certificate == nil {
			return fmt.Errorf("%s listener %s: no certificate", c.Name, l)
		}
	}
	if c.TLSMinVersion == 0 {
		c.TLSMinVersion = tls.VersionTLS12
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.ReadHeaderTimeout == 0 {
		c.ReadHeaderTimeout = 30 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 75 * time.Second
	}
	if c.ClientTimeout == 0 {
		c.ClientTimeout = 60 * time.Second
	}
	if c.MaxHeaderBytes == 0 {
		c.MaxHeaderBytes = 64 << 10
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// ProxyOptions are the settings of the proxy's listeners.
type ProxyOptions struct {
	Common
	// Message says which peers are trusted; its ListenPort is filled in.
	Message message.Options
	// Handler serves a request. It sets Access.Status of the request before it
	// sends a response head.
	Handler func(w http.ResponseWriter, q *plugin.Request)
	// Access gets one record for each request; nil writes none.
	Access *AccessLog
	// Observe is told of each request when it has ended, and how long it took;
	// nil for nobody. It keeps nothing of q and never blocks.
	Observe func(q *plugin.Request, took time.Duration)
	// ServerToken is the Server header of answers made here; empty means
	// "sallyport".
	ServerToken string
	// Now is the clock, nil means time.Now. Rand makes request ids, nil means
	// crypto/rand.
	Now  func() time.Time
	Rand io.Reader
}

// HTTPOptions are the settings of a listener for an ordinary http.Handler, the
// Admin API for one.
type HTTPOptions struct {
	Common
	Handler http.Handler
}
