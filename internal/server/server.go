package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves HTTP on a set of addresses. Listen and then Run (or Close) are
// called once; Addrs and Stats may be called at any time.
type Server struct {
	opts Common
	// handler makes the handler of the listener with that port.
	handler func(port int) http.Handler
	// front is nil for a server that is net/http's alone; it makes the front of
	// the listener with that port.
	front func(port int) *front
	clock *clock
	conns connections
	work  inFlight

	mu    sync.Mutex // guards bound
	bound []bound
}

// bound is an address that is listened on. front accepts from it, or http does;
// with both, http serves what came by HTTP/2.
type bound struct {
	listener net.Listener
	http     *http.Server
	front    *front
}

// serve serves until stop.
func (b *bound) serve() error {
	if b.front == nil {
		return b.http.Serve(b.listener)
	}
	if b.front.h2 == nil {
		return b.front.accept()
	}
	var second sync.WaitGroup
	second.Go(func() {
		_ = b.http.Serve(b.front.h2) // ends by Shutdown: Accept never fails
	})
	err := b.front.accept()
	_ = b.front.h2.Close()
	second.Wait()
	return err
}

// stop accepts no more, and waits for net/http's requests until ctx is done.
func (b *bound) stop(ctx context.Context) {
	if b.front != nil {
		b.front.stop()
	}
	if b.http != nil {
		_ = b.http.Shutdown(ctx) // an error is the end of the grace period; the rest is cut
	}
}

// NewHTTP returns a server for an ordinary handler. It binds nothing yet.
func NewHTTP(o HTTPOptions) (*Server, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	for _, l := range o.Listen {
		if l.ProxyProtocol {
			return nil, fmt.Errorf("%s listener %s: only the proxy's listeners speak the PROXY protocol", o.Name, l)
		}
	}
	s := &Server{opts: o.Common}
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.work.begin()
		defer s.work.end()
		o.Handler.ServeHTTP(w, r)
	})
	s.handler = func(int) http.Handler { return guarded(counted, o.ClientTimeout) }
	return s, nil
}

// Listen binds all addresses. An error names the one that could not be bound,
// and leaves none bound.
func (s *Server) Listen(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.opts.Listen {
		b, err := s.bind(ctx, l)
		if err != nil {
			s.unbind()
			return err
		}
		s.bound = append(s.bound, b)
	}
	return nil
}

// Close gives the addresses back that Listen bound, for a server that will not
// Run.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unbind()
}

func (s *Server) unbind() {
	for _, b := range s.bound {
		_ = b.listener.Close() // nothing was accepted from it
	}
	s.bound = nil
}

func (s *Server) bind(ctx context.Context, l Listen) (bound, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, l.network(), l.Addr)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return bound{}, fmt.Errorf("%s listener %s: %w", s.opts.Name, l.Addr, err)
	}
	tcp := ln.(*net.TCPListener) // the networks are all TCP
	var config *tls.Config
	if l.TLS {
		config = s.opts.tlsConfig(l)
	}
	port := tcp.Addr().(*net.TCPAddr).Port
	if s.front != nil {
		f := s.front(port)
		f.listener, f.tls = tcp, config
		if !l.ProxyProtocol {
			f.proxies = nil
		}
		b := bound{listener: tcp, front: f}
		if l.HTTP2 {
			f.h2 = newHandedConns(tcp.Addr())
			b.http = s.netHTTP(l, port, config)
		}
		return b, nil
	}
	var accepting net.Listener = listener{TCPListener: tcp, owner: &s.conns}
	if l.TLS {
		accepting = tls.NewListener(accepting, config)
	}
	return bound{listener: accepting, http: s.netHTTP(l, port, config)}, nil
}

// netHTTP is net/http's server for a listener.
func (s *Server) netHTTP(l Listen, port int, config *tls.Config) *http.Server {
	srv := &http.Server{
		Handler:                      s.handler(port),
		ReadHeaderTimeout:            s.opts.ReadHeaderTimeout,
		IdleTimeout:                  s.opts.IdleTimeout,
		MaxHeaderBytes:               s.opts.MaxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(errorLog{logger: s.opts.Logger.With("listener", s.opts.Name)}, slog.LevelDebug),
		Protocols:                    new(http.Protocols),
		TLSConfig:                    config,
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(l.HTTP2)
	return srv
}

// Addrs are the bound addresses, in the order of the options.
func (s *Server) Addrs() []net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	addrs := make([]net.Addr, len(s.bound))
	for i, b := range s.bound {
		addrs[i] = b.listener.Addr()
	}
	return addrs
}

// Run serves the bound addresses until ctx is done, then stops gracefully and
// returns nil. It returns an error when a listener fails before that.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	running := s.bound
	s.mu.Unlock()
	failed := make(chan error, len(running))
	var serving sync.WaitGroup
	for _, b := range running {
		serving.Go(func() {
			if err := b.serve(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s listener %s: %w", s.opts.Name, b.listener.Addr(), err)
			}
		})
	}
	sweeping, stopSweeping := context.WithCancel(context.WithoutCancel(ctx))
	if s.front != nil {
		serving.Go(func() { s.sweep(sweeping) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stop(context.WithoutCancel(ctx), running)
	stopSweeping()
	serving.Wait()
	return err
}

// handlerGrace is how long handlers whose connection was cut may take to return.
const handlerGrace = 2 * time.Second

// stop ends everything: what is in flight may finish within the grace period.
func (s *Server) stop(ctx context.Context, running []bound) {
	grace, cancel := context.WithTimeout(ctx, s.opts.Grace)
	defer cancel()
	var closing sync.WaitGroup
	for _, b := range running {
		closing.Go(func() { b.stop(grace) })
	}
	// Shutdown gives a connection that never sent anything five seconds.
	s.conns.cut(func(c *connection) bool { return c.clock == nil && !c.heard.Load() })
	closing.Wait()
	s.conns.wait(grace)
	if n := s.conns.cut(func(*connection) bool { return true }); n > 0 {
		s.opts.Logger.WarnContext(ctx, "connections cut at the end of the grace period", "listener", s.opts.Name, "connections", n)
	}
	for _, b := range running {
		if b.http != nil {
			_ = b.http.Close() // listeners and connections are closed already
		}
	}
	last, cancelLast := context.WithTimeout(ctx, handlerGrace)
	defer cancelLast()
	s.work.wait(last)
}

// Stats are counters since the start, as Kong's /status names them.
type Stats struct {
	// Accepted and Handled count connections; they are equal, since none is
	// dropped for want of resources.
	Accepted, Handled int64
	// Active connections are open now; on Writing of them (or, with HTTP/2,
	// streams) a request is under way, the others are Waiting.
	Active, Writing, Waiting int64
	// Requests counts requests.
	Requests int64
}

// Stats reads the counters.
func (s *Server) Stats() Stats {
	accepted, active, writing := s.conns.accepted.Load(), int64(s.conns.active()), s.work.now.Load()
	return Stats{
		Accepted: accepted, Handled: accepted, Active: active, Writing: writing,
		Waiting: max(0, active-writing), Requests: s.work.total.Load(),
	}
}

// inFlight counts requests.
type inFlight struct {
	total, now atomic.Int64
	// waiting is set once somebody waits for now to become zero, of which idle
	// tells.
	waiting atomic.Pointer[chan struct{}]
}

func (f *inFlight) begin() {
	f.total.Add(1)
	f.now.Add(1)
}

func (f *inFlight) end() {
	if f.now.Add(-1) > 0 {
		return
	}
	if idle := f.waiting.Load(); idle != nil {
		select {
		case *idle <- struct{}{}:
		default:
		}
	}
}

// wait returns when no request is under way or ctx is done.
func (f *inFlight) wait(ctx context.Context) {
	idle := make(chan struct{}, 1)
	f.waiting.Store(&idle)
	for f.now.Load() > 0 {
		select {
		case <-idle:
		case <-ctx.Done():
			return
		}
	}
}
