package server

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"time"
)

// guard stands between a handler and net/http for one request: no operation on
// the user agent's connection may take longer than the timeout, an answer goes
// out while the request's body is still on its way, and a connection on which
// part of a body is left serves no other request.
//
// A deadline stands only while an operation is under way: one that was left
// would end net/http's own read in the background, and with it the request.
type guard struct {
	w       http.ResponseWriter
	control *http.ResponseController
	r       *http.Request
	timeout time.Duration
	now     func() time.Time
	// body is nil for a request without one.
	body *guardedBody
	// held counts what net/http keeps of an answer of HTTP/2 until there is more
	// or the handler is done.
	held int
	// wrote tells that the final head is out, hijacked that the connection is
	// somebody else's.
	wrote, hijacked bool
}

// guarded puts a guard before each request of a handler.
func guarded(h http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g, r := newGuard(w, r, timeout)
		completed := false
		defer func() { g.finish(!completed) }()
		h.ServeHTTP(g, r)
		completed = true
	})
}

// newGuard gives the writer and the request that the handler gets; finish must
// be called when it is done.
func newGuard(w http.ResponseWriter, r *http.Request, timeout time.Duration) (*guard, *http.Request) {
	g := &guard{
		w: w, control: http.NewResponseController(w), r: r, timeout: timeout,
		now: time.Now,
	}
	if r.Body == nil || r.Body == http.NoBody {
		return g, r
	}
	// Otherwise net/http reads the rest of the body before it sends a head, and
	// takes away what the upstream should get.
	_ = g.control.EnableFullDuplex() // an unsupporting writer behaves so by itself
	g.body = &guardedBody{g: g, body: r.Body}
	copied := *r // net/http looks at the body of its own
	copied.Body = g.body
	return g, &copied
}

// Unwrap lets http.ResponseController through to what guard does not do itself.
func (g *guard) Unwrap() http.ResponseWriter { return g.w }

// Header implements http.ResponseWriter.
func (g *guard) Header() http.Header { return g.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (g *guard) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		g.start()
		defer g.stop()
		g.w.WriteHeader(status)
		return
	}
	if !g.wrote && g.body != nil && g.body.broken() && g.r.ProtoMajor == 1 {
		g.w.Header().Set("Connection", "close")
	}
	g.wrote = true
	g.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (g *guard) Write(p []byte) (int, error) {
	if !g.wrote {
		g.WriteHeader(http.StatusOK)
	}
	if g.r.ProtoMajor == 2 {
		if g.held += len(p); g.held <= heldBack {
			return g.w.Write(p) // nobody waits; three turns of its loop are spared
		}
		g.held = heldBack
	}
	g.start()
	defer g.stop()
	return g.w.Write(p)
}

// heldBack is how much of an answer of HTTP/2 net/http sends only when there is
// more, or when it is flushed or complete.
const heldBack = 4 << 10

// FlushError is what http.ResponseController calls.
func (g *guard) FlushError() error {
	g.wrote, g.held = true, 0
	g.start()
	defer g.stop()
	return g.control.Flush()
}

// Hijack is what http.ResponseController calls.
func (g *guard) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := g.control.Hijack()
	if err == nil {
		g.hijacked = true
	}
	return c, rw, err
}

// SetReadDeadline is what http.ResponseController calls. It bounds the reads of
// the body, the one under way included, and nothing else.
func (g *guard) SetReadDeadline(t time.Time) error {
	if g.body != nil {
		g.body.bound(t)
	}
	return nil
}

// start and stop frame an operation that may write. Where no deadline can be
// set there is no connection that could stall.
func (g *guard) start() { _ = g.control.SetWriteDeadline(g.now().Add(g.timeout)) }
func (g *guard) stop()  { _ = g.control.SetWriteDeadline(time.Time{}) }

// finish ends the request: nothing is read or written by the handler any more.
// cut tells that the connection is given up.
func (g *guard) finish(cut bool) {
	if g.hijacked {
		return
	}
	if g.body != nil {
		g.finishBody(cut)
	}
	if cut && !g.r.ProtoAtLeast(1, 1) {
		g.reset()
		return
	}
	g.start() // for what net/http has still to send; it clears the deadline
}

// finishBody waits for a read that is under way, and sees to it that a rest of
// the body is not taken for the next request.
func (g *guard) finishBody(cut bool) {
	complete := g.body.close()
	if complete || g.r.ProtoMajor != 1 {
		return // a stream of HTTP/2 ends by itself
	}
	if !cut && g.wrote {
		_ = g.FlushError() // who gave up the body waits for the answer
		if g.body.linger() {
			return
		}
	}
	// Past the limit MaxBytesReader tells the server to close the connection
	// after the response; and it must not wait for the body either.
	_, _ = http.MaxBytesReader(g.w, endless{}, 0).Read(make([]byte, 1))
	_ = g.control.SetReadDeadline(time.Unix(1, 0))
}

// reset breaks the connection: to a user agent of HTTP/1.0 an orderly end of
// the connection is the end of the answer.
func (g *guard) reset() {
	c, _, err := g.control.Hijack()
	if err != nil {
		return // it cannot be HTTP/1
	}
	g.hijacked = true
	if secured, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secured.NetConn() // a close_notify would be an orderly end as well
	}
	if tcp, ok := c.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// endless is a body without end.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Close implements io.Closer.
func (endless) Close() error { return nil }

// expectsContinue reports whether the user agent waits for a 100 before it
// sends the body.
func expectsContinue(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Expect"), "100-continue")
}
