package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sallyport/internal/message"
)

// front serves HTTP/1.1 on one listener. What its parser refuses goes to
// refuse, everything else to handler.
type front struct {
	opts    *Common
	handler http.Handler
	refuse  func(w http.ResponseWriter, r *http.Request, refused *headError)
	// now is the time that deadlines of connections are set by; clock is the
	// coarse one.
	now   func() time.Time
	clock *clock
	// tls is nil for plain connections; h2 gets those that chose HTTP/2.
	tls *tls.Config
	h2  *handedConns
	// proxies is nil where the PROXY protocol is not spoken.
	proxies *proxyPeers

	listener *net.TCPListener
	conns    *connections
	stopping atomic.Bool
}

// accept serves connections until the listener is closed. It returns nil after
// stop, and what went wrong before.
func (f *front) accept() error {
	var delay time.Duration
	for {
		tcp, err := f.listener.AcceptTCP()
		if err == nil {
			delay = 0
			f.start(tcp)
			continue
		}
		if f.stopping.Load() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// No descriptor is left, or an error of the network that accept(2)
		// passes on: neither may end the gateway.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		f.opts.Logger.Error("accept failed", "listener", f.opts.Name, "error", err, "retry_after", delay)
		time.Sleep(delay)
	}
}

func (f *front) start(tcp *net.TCPConn) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		_ = tcp.Close() // it is broken already
		return
	}
	c := &conn{connection: &connection{TCPConn: tcp, owner: f.conns, raw: raw}, front: f, raw: raw}
	c.remote, c.local = tcp.RemoteAddr().String(), tcp.LocalAddr()
	c.peer = message.PeerAddr(c.remote)
	c.net = c.connection
	c.clock, c.onTLS = f.clock, f.tls != nil
	c.enter(fresh)
	f.conns.add(c.connection)
	go c.serve() // ends with the connection, for which stop waits
}

// stop accepts no more, and closes the connections on which no request has
// begun.
func (f *front) stop() {
	f.stopping.Store(true)
	_ = f.listener.Close() // nothing is accepted after it, whatever it says
	f.conns.cut((*connection).claimIdle)
}

// handedConns is the listener by which net/http gets the connections that
// negotiated HTTP/2.
type handedConns struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newHandedConns(addr net.Addr) *handedConns {
	return &handedConns{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// pass hands a connection over, unless nobody takes it.
func (h *handedConns) pass(c net.Conn) bool {
	select {
	case h.conns <- c:
		return true
	case <-h.closed:
		return false
	}
}

// Accept implements net.Listener.
func (h *handedConns) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handedConns) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handedConns) Addr() net.Addr { return h.addr }

// sweepInterval is how exact the coarse clock and everything measured by it is,
// as long as connections are few; sweeping more of them happens less often, at
// least once a second.
const (
	sweepInterval = 50 * time.Millisecond
	sweepShare    = 1000 // connections that one interval pays for
)

// sweep keeps the clock, and ends what takes too long, until ctx is done.
func (s *Server) sweep(ctx context.Context) {
	t := time.NewTicker(sweepInterval)
	defer t.Stop()
	limits := limits{
		head: s.opts.ReadHeaderTimeout.Milliseconds(), idle: s.opts.IdleTimeout.Milliseconds(),
		body: s.opts.ClientTimeout.Milliseconds(),
	}
	next := int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		s.clock.tick()
		now := s.clock.now()
		if now < next {
			continue
		}
		pause := int64(s.conns.active()/sweepShare) * sweepInterval.Milliseconds()
		next = now + min(pause, 1000)
		s.conns.sweep(now, limits)
	}
}
