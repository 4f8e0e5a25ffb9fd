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
	conns   connections
	work    inFlight

	mu    sync.Mutex // guards bound
	bound []bound
}

// bound is an address that is listened on.
type bound struct {
	listener net.Listener
	http     *http.Server
}

// NewHTTP returns a server for an ordinary handler. It binds nothing yet.
func NewHTTP(o HTTPOptions) (*Server, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	s := &Server{opts: o.Common}
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.work.begin()
		defer s.work.end()
		g, r := newGuard(w, r, o.ClientTimeout)
		completed := false
		defer func() { g.finish(!completed) }()
		o.Handler.ServeHTTP(g, r)
		completed = true
	})
	s.handler = func(int) http.Handler { return counted }
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
	srv := &http.Server{
		Handler:                      s.handler(tcp.Addr().(*net.TCPAddr).Port),
		ReadHeaderTimeout:            s.opts.ReadHeaderTimeout,
		IdleTimeout:                  s.opts.IdleTimeout,
		MaxHeaderBytes:               s.opts.MaxHeaderBytes,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(errorLog{logger: s.opts.Logger.With("listener", s.opts.Name)}, slog.LevelDebug),
		Protocols:                    new(http.Protocols),
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(l.HTTP2)
	var accepting net.Listener = listener{TCPListener: tcp, owner: &s.conns}
	if l.TLS {
		config := &tls.Config{Certificates: s.opts.Certificates, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
		if l.HTTP2 {
			config.NextProtos = []string{"h2", "http/1.1"}
		}
		srv.TLSConfig = config
		accepting = tls.NewListener(accepting, config)
	}
	return bound{listener: accepting, http: srv}, nil
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
			if err := b.http.Serve(b.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("%s listener %s: %w", s.opts.Name, b.listener.Addr(), err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stop(context.WithoutCancel(ctx), running)
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
		closing.Go(func() {
			// An error is the end of the grace period; the rest is cut below.
			_ = b.http.Shutdown(grace)
		})
	}
	// Shutdown gives a connection that never sent anything five seconds.
	s.conns.cut(func(c *connection) bool { return !c.heard.Load() })
	closing.Wait()
	s.conns.wait(grace)
	if n := s.conns.cut(func(*connection) bool { return true }); n > 0 {
		s.opts.Logger.WarnContext(ctx, "connections cut at the end of the grace period", "listener", s.opts.Name, "connections", n)
	}
	for _, b := range running {
		_ = b.http.Close() // listeners and connections are closed already
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
