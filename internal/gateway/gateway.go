package gateway

import (
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/plugin"
	"sallyport/internal/secret"
	"sallyport/internal/upstream"
)

// Options are the parts of a Gateway.
type Options struct {
	// Definitions are the plugins that a configuration may use.
	Definitions []plugin.Definition
	// Proxy reaches the upstreams; nil makes one of its own.
	Proxy *upstream.Proxy
	// Logger gets what an operator must know; nil discards it.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// References resolves what certificates refer to. The zero value reads the
	// environment of the process.
	References secret.Resolver
	// Certificates finds a certificate that plugins show, by its id; nil where
	// there is none. A nil function finds none.
	Certificates func(id string) *tls.Certificate
	// Poison makes plugins that break the lifetime rules fail (plugin.Poison).
	// For tests.
	Poison bool
}

// Gateway serves requests by the configuration that was installed last. Before
// the first one every request is answered as one that no route matches.
type Gateway struct {
	definitions map[string]plugin.Definition
	proxy       *upstream.Proxy
	logger      *slog.Logger
	now         func() time.Time
	poison      bool
	references  secret.Resolver
	// certificates is Options.Certificates.
	certificates func(id string) *tls.Certificate

	current atomic.Pointer[snapshot]

	compiling sync.Mutex // held while a configuration is compiled or installed
	// pending was compiled and is not installed. Guarded by compiling.
	pending *snapshot
}

// New returns a gateway with an empty configuration.
func New(o Options) *Gateway {
	g := &Gateway{
		definitions: make(map[string]plugin.Definition, len(o.Definitions)),
		proxy:       o.Proxy, logger: o.Logger, now: o.Now, poison: o.Poison, references: o.References, certificates: o.Certificates,
	}
	for _, d := range o.Definitions {
		g.definitions[d.Name] = d
	}
	if g.logger == nil {
		g.logger = slog.New(slog.DiscardHandler)
	}
	if g.proxy == nil {
		g.proxy = upstream.New(upstream.Options{Logger: g.logger, Now: o.Now})
	}
	if g.now == nil {
		g.now = time.Now
	}
	g.current.Store(emptySnapshot())
	return g
}

// Close gives back what the configuration holds, as soon as the requests under
// way have ended. Later requests match no route.
func (g *Gateway) Close() {
	g.compiling.Lock()
	defer g.compiling.Unlock()
	if g.pending != nil {
		g.pending.release()
		g.pending = nil
	}
	g.current.Swap(emptySnapshot()).release()
}
