package upstream

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"sallyport/internal/entity"
)

// transportKey holds every setting of a service that shapes its connections.
type transportKey struct {
	connectTimeout time.Duration
	tls            bool
	verify         bool
	// http2 tells that HTTP/2 is spoken and nothing else.
	http2 bool
	// maxChain bounds a verified chain, both ends included; 0 bounds none.
	maxChain int
	// identity is the fingerprint of an Identity.
	identity string
}

// maxResponseHead bounds the head of an upstream's answer, in bytes.
const maxResponseHead = 256 << 10

// continueTimeout is how long a body waits for an upstream's 100.
const continueTimeout = time.Second

func (p *Proxy) key(s *entity.Service, who Identity) transportKey {
	key := transportKey{connectTimeout: s.ConnectTimeout, http2: speaksGRPC(s.Protocol)}
	if key.tls = secure(s.Protocol); !key.tls {
		return key
	}
	key.identity = who.fingerprint()
	// Who names authorities or a depth wants them to count.
	key.verify = p.opts.TLSVerify || len(who.Authorities) > 0 || s.TLSVerifyDepth != nil
	if s.TLSVerify != nil {
		key.verify = *s.TLSVerify
	}
	if key.verify && s.TLSVerifyDepth != nil {
		key.maxChain = *s.TLSVerifyDepth + 2
	}
	return key
}

func (p *Proxy) dialer(key transportKey) *dialer {
	return &dialer{
		net:     net.Dialer{Resolver: p.opts.Resolver, KeepAlive: 30 * time.Second},
		timeout: timeout(key.connectTimeout),
		tls:     p.tlsConfig(key),
		http2:   key.http2,
	}
}

func (p *Proxy) transport(d *dialer) *http.Transport {
	t := &http.Transport{
		DialContext:            d.plain,
		DialTLSContext:         d.secured,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    p.opts.MaxIdle,
		MaxIdleConns:           4 * p.opts.MaxIdle,
		IdleConnTimeout:        p.opts.IdleTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: maxResponseHead,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(!d.http2)
	t.Protocols.SetHTTP2(d.http2)
	t.Protocols.SetUnencryptedHTTP2(d.http2)
	return t
}

func (p *Proxy) tlsConfig(key transportKey) *tls.Config {
	var protocols []string
	if key.http2 {
		protocols = []string{alpnHTTP2}
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         protocols,
		RootCAs:            p.opts.RootCAs,
		InsecureSkipVerify: !key.verify, //nolint:gosec // tls_verify of the service decides, as in Kong
		ClientSessionCache: tls.NewLRUClientSessionCache(128),
	}
	if key.maxChain > 0 {
		config.VerifyConnection = atMost(key.maxChain)
	}
	return config
}

// dialer makes the connections of one transport. The timeout covers the
// connection and, separately, the TLS handshake.
type dialer struct {
	net     net.Dialer
	timeout time.Duration
	tls     *tls.Config
	// http2 tells that TLS connections must be for HTTP/2.
	http2 bool
}

// alpnHTTP2 is HTTP/2 in TLS (RFC 9113 §3.2).
const alpnHTTP2 = "h2"

var errNoHTTP2 = errors.New("the upstream does not offer HTTP/2 in its TLS handshake (ALPN), which gRPC needs")

// conn is a connection that knows its address in text form.
type conn struct {
	net.Conn
	addr string
	// records follows what TLS reads, for whoever reads it.
	records records
	// secured tells that TLS runs over it.
	secured bool
	// user is the attempt that must know when the connection ends; ended tells
	// that it did.
	user  atomic.Pointer[attempt]
	ended atomic.Bool
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.secured {
		c.records.pass(p[:n])
	}
	if err != nil && n == 0 {
		c.ended.Store(true)
		if a := c.user.Load(); a != nil {
			a.lost()
		}
	}
	return n, err
}

// CloseWrite ends our direction of the connection.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return http.ErrNotSupported
}

func (d *dialer) plain(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	c, err := d.net.DialContext(ctx, network, addr)
	if err != nil {
		return nil, &dialError{err}
	}
	return &conn{Conn: c, addr: c.RemoteAddr().String()}, nil
}

func (d *dialer) secured(ctx context.Context, network, addr string) (net.Conn, error) {
	addr, name, err := splitKey(addr)
	if err != nil {
		return nil, &dialError{err}
	}
	c, err := d.plain(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.(*conn).secured = true
	config := d.tls.Clone()
	config.ServerName = name
	secured := tls.Client(c, config)
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = c.Close() // the handshake's error is the one that counts
		return nil, &dialError{err}
	}
	if !d.http2 {
		return &conn{Conn: secured, addr: c.(*conn).addr}, nil
	}
	if secured.ConnectionState().NegotiatedProtocol != alpnHTTP2 {
		_ = c.Close() // it was not used
		return nil, &dialError{errNoHTTP2}
	}
	return secured, nil // as it is, or http.Transport does not see the protocol
}

// below is the connection as dialer made it that http.Transport uses; nil for
// one that is not dialer's.
func below(c net.Conn) *conn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	made, _ := c.(*conn)
	return made
}

// hostForms gives a service's host and port as a URL and as a Host header want
// them, and the bare host.
func hostForms(s *entity.Service, tls bool) (authority, header, name string) {
	name = strings.TrimSuffix(strings.TrimPrefix(s.Host, "["), "]")
	authority = net.JoinHostPort(name, strconv.Itoa(s.Port))
	header = authority
	if tls && s.Port == 443 || !tls && s.Port == 80 {
		header = authority[:strings.LastIndexByte(authority, ':')]
	}
	return authority, header, name
}

// keyMark begins the host of a pool key; no host name has it.
const keyMark = "~"

// namedKey is a URL host that keeps TLS connections apart that were made for
// different server names: a connection verified for one must not serve another.
// splitKey undoes it.
func namedKey(serverName, host string, port int) string {
	return keyMark + hex.EncodeToString([]byte(serverName)) + "." + hex.EncodeToString([]byte(host)) +
		":" + strconv.Itoa(port)
}

// splitKey gives the address to dial and the server name to ask for.
func splitKey(addr string) (dial, serverName string, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", "", err
	}
	key, marked := strings.CutPrefix(host, keyMark)
	if !marked {
		return addr, host, nil
	}
	name, target, _ := strings.Cut(key, ".")
	rawName, errName := hex.DecodeString(name)
	rawTarget, errTarget := hex.DecodeString(target)
	if err := errors.Join(errName, errTarget); err != nil {
		return "", "", err
	}
	return net.JoinHostPort(string(rawTarget), port), string(rawName), nil
}
