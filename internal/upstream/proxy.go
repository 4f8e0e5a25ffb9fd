package upstream

import (
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"sallyport/internal/entity"
)

// Options shape a Proxy. The zero value is usable.
type Options struct {
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
	// TLSVerify is for services that leave tls_verify unset. Kong's default,
	// and ours, is not to verify.
	TLSVerify bool
	// RootCAs verify upstreams; nil means the system's.
	RootCAs *x509.CertPool
	// Resolver looks up hosts; nil means net.DefaultResolver.
	Resolver *net.Resolver
	// MaxIdle is the number of idle connections kept to one host and port;
	// 0 means 512, and with less than that none is kept.
	MaxIdle int
	// IdleTimeout is how long one is kept; 0 means 60 s.
	IdleTimeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Proxy owns the connections to all upstreams, whatever the configuration of
// the moment. It may be used by many requests at once.
type Proxy struct {
	opts    Options
	drops   cookieLog
	buffers sync.Pool // of *[]byte
	leans   sync.Pool // of *lean
	// exchanges holds *exchange.
	exchanges sync.Pool
	smallWait time.Duration

	mu         sync.Mutex // guards transports and their refs
	transports map[transportKey]*sharedTransport
}

// sharedTransport is a transport with the number of Targets that use it.
type sharedTransport struct {
	key  transportKey
	http *http.Transport
	lean *pool
	// named and leanNamed are for connections to server names that the user agent
	// gave; nil where names are not verified.
	named     *http.Transport
	leanNamed *pool
	refs      int
}

// maxIdleNamed is the number of idle connections kept to one server name.
const maxIdleNamed = 16

// New returns a proxy without connections.
func New(opts Options) *Proxy {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.MaxIdle == 0 {
		opts.MaxIdle = 512
	}
	if opts.IdleTimeout == 0 {
		opts.IdleTimeout = 60 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Proxy{
		opts: opts, smallWait: smallWait, transports: map[transportKey]*sharedTransport{},
		exchanges: sync.Pool{New: func() any { return new(exchange) }},
	}
}

// Target is a service as an upstream, with its share in a pool of connections.
type Target struct {
	proxy     *Proxy
	service   *entity.Service
	transport *sharedTransport
	// authority is the service's host and port as a URL wants them, header the
	// same without a default port, name the host alone.
	authority, header, name string
	tls                     bool
	// grpc tells that HTTP/2 is spoken with it.
	grpc bool
	// plainName tells that the service's host needs no IDNA.
	plainName bool
	closed    sync.Once
}

// Target prepares a service. The connections are shared with every Target whose
// service has the same settings, also one of an earlier configuration. Close
// gives the share back.
func (p *Proxy) Target(s *entity.Service) *Target { return p.TargetAs(s, Identity{}) }

// TargetAs is Target with an identity for TLS.
func (p *Proxy) TargetAs(s *entity.Service, who Identity) *Target {
	t := &Target{proxy: p, service: s, tls: secure(s.Protocol), grpc: speaksGRPC(s.Protocol)}
	t.authority, t.header, t.name = hostForms(s, t.tls)
	t.plainName = !strings.ContainsFunc(t.name, func(c rune) bool { return c <= ' ' || c >= 0x7f })
	key := p.key(s, who)
	p.mu.Lock()
	defer p.mu.Unlock()
	shared := p.transports[key]
	if shared == nil {
		d := p.dialer(key)
		who.apply(d.tls)
		shared = &sharedTransport{key: key, http: p.transport(d), lean: newPool(d, key, &p.opts)}
		if key.verify {
			shared.named = p.transport(d)
			shared.named.MaxIdleConns, shared.named.MaxIdleConnsPerHost = p.opts.MaxIdle, maxIdleNamed
			shared.leanNamed = newPool(d, key, &p.opts)
			shared.leanNamed.maxTotal, shared.leanNamed.maxIdle = p.opts.MaxIdle, maxIdleNamed
		}
		p.transports[key] = shared
	}
	shared.refs++
	t.transport = shared
	return t
}

// Close gives the connections back; idle ones are closed when no Target shares
// them any more. Requests under way are not disturbed.
func (t *Target) Close() {
	t.closed.Do(func() {
		p := t.proxy
		p.mu.Lock()
		defer p.mu.Unlock()
		if t.transport.refs--; t.transport.refs == 0 {
			delete(p.transports, t.transport.key)
			t.transport.closeIdle(true)
		}
	})
}

// Close closes idle connections. It is called once no request is served.
func (p *Proxy) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, shared := range p.transports {
		shared.closeIdle(false)
	}
}

// closeIdle closes what is idle; with forever the lean client keeps nothing
// from now on.
func (s *sharedTransport) closeIdle(forever bool) {
	s.http.CloseIdleConnections()
	s.lean.closeIdle(forever)
	if s.named != nil {
		s.named.CloseIdleConnections()
		s.leanNamed.closeIdle(forever)
	}
}

func secure(protocol string) bool { return protocol == "https" || protocol == "grpcs" }

func speaksGRPC(protocol string) bool { return protocol == "grpc" || protocol == "grpcs" }
