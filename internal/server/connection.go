package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// lingerTime is how long a connection is read from once the answer is out:
	// for the rest of a body, so that it can be used again, or so that its end
	// does not take the answer from the client.
	lingerTime = 500 * time.Millisecond
	// lingerBytes is how much of the rest of a body is read.
	lingerBytes = 256 << 10
)

// connections knows every open connection of a server, hijacked ones included.
type connections struct {
	accepted atomic.Int64
	swept    []*connection // sweep's own

	mu   sync.Mutex // guards what follows
	open map[*connection]struct{}
	// empty is closed when the last connection goes; nil until somebody waits.
	empty chan struct{}
}

// connection is an accepted TCP connection. It keeps TCPConn's methods, so that
// net/http can still hand a body to the kernel.
type connection struct {
	*net.TCPConn
	owner *connections
	// source is the client's address as a PROXY header tells it, nil without one.
	// It is set before anybody asks for it.
	source net.Addr
	// heard tells that the peer has sent something to net/http.
	heard atomic.Bool

	// What follows is the front's, for connections that it serves.
	raw   syscall.RawConn
	clock *clock
	onTLS bool
	// word holds a phase and since when it lasts.
	word atomic.Int64
	// reading and writing tell since when a Read of a body or a Write lasts, 0
	// for none, and that it was expired.
	reading, writing atomic.Int64
	// peeked is the word of an idle connection that was looked at; sweep's own.
	peeked int64
	// severed tells that cut closes the connection: who serves it may hold the
	// descriptor for long.
	severed atomic.Bool
	// current is the context of the request that is served, nil without one.
	current atomic.Pointer[requestContext]
}

// phase is what a connection of the front is at. It is written by the goroutine
// that serves it, but gone.
type phase int64

const (
	handed  phase = iota // not the front's: net/http's, or hijacked
	fresh                // nothing was read yet
	idle                 // between two requests
	head                 // a request head has begun
	serving              // a request is served
	closing              // it ends
	gone                 // it was ended from outside, with no request under way

	phaseBits = 3
)

func split(word int64) (p phase, since int64) {
	return phase(word & (1<<phaseBits - 1)), word >> phaseBits
}

func (c *connection) word64(p phase) int64 { return c.clock.now()<<phaseBits | int64(p) }

// enter begins a phase.
func (c *connection) enter(p phase) { c.word.Store(c.word64(p)) }

// beginHead tells that a request has begun. It is false if the connection was
// claimed before.
func (c *connection) beginHead() bool {
	word := c.word.Load()
	switch p, _ := split(word); p {
	case head:
		return true
	case gone:
		return false
	case fresh, idle, handed, serving, closing:
	}
	return c.word.CompareAndSwap(word, c.word64(head))
}

// beginServing tells that a request is served, with its context. It is false if
// the connection was claimed or cut before.
func (c *connection) beginServing(ctx *requestContext) bool {
	c.current.Store(ctx)
	for {
		word := c.word.Load()
		if p, _ := split(word); p == gone || c.severed.Load() {
			c.current.Store(nil)
			return false
		}
		if c.word.CompareAndSwap(word, c.word64(serving)) {
			return true
		}
	}
}

// claimIdle reports whether no request has begun, and sees to it that none
// does.
func (c *connection) claimIdle() bool {
	word := c.word.Load()
	if p, _ := split(word); p != fresh && p != idle {
		return false
	}
	return c.word.CompareAndSwap(word, int64(gone))
}

// limits are how long, in milliseconds, a client may take for a request head,
// for the next request, and for the next bytes of a body in either direction.
type limits struct{ head, idle, body int64 }

// goneAfter is after how many milliseconds a request is worth looking whether
// its client is still there.
const goneAfter = 100

// sweep looks after one connection.
func (c *connection) sweep(now int64, l limits) {
	word := c.word.Load()
	p, since := split(word)
	switch age := now - since; p {
	case fresh, head:
		if age > l.head && c.word.CompareAndSwap(word, int64(gone)) {
			_ = c.Close() // its goroutine learns of it
		}
	case idle:
		// What came with the end of the connection may have hidden it.
		late := age > goneAfter && c.peeked != word
		if late {
			c.peeked = word
		}
		if (age > l.idle || late && c.left()) && c.claimIdle() {
			_ = c.Close() // its goroutine learns of it
		}
	case serving:
		c.sweepRequest(now, age, l.body)
	case handed, closing, gone:
	}
}

// sweepRequest looks after a request of that age.
func (c *connection) sweepRequest(now, age, limit int64) {
	if expire(&c.reading, now, limit) {
		_ = c.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection, where nothing waits
	}
	if expire(&c.writing, now, limit) {
		_ = c.SetWriteDeadline(time.Unix(1, 0)) // likewise
	}
	if age <= goneAfter || c.reading.Load() != 0 {
		return
	}
	if ctx := c.current.Load(); ctx != nil && ctx.Err() == nil && c.left() {
		ctx.cancel()
	}
}

// expired takes the place of since when for an operation that lasted too long.
const expired = -1

// errStalled is how such an operation ends, whatever it still brought.
var errStalled = fmt.Errorf("the user agent stalls: %w", os.ErrDeadlineExceeded)

// expire reports whether the operation that lasts since then is to be ended. It
// is so again while it lasts: somebody else may have set its deadline anew.
func expire(since *atomic.Int64, now, limit int64) bool {
	began := since.Load()
	return began == expired || began != 0 && now-began > limit && since.CompareAndSwap(began, expired)
}

// over notes that an operation is over, and gives its error.
func over(since *atomic.Int64, err error) error {
	if since.Swap(0) == expired && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		return errStalled
	}
	return err
}

// left reports whether the client ended the connection. Over TLS there is
// always something unread before the end.
func (c *connection) left() bool {
	return peekGone(c.raw, c.onTLS)
}

// cut closes the connection and gives its request up.
func (c *connection) cut() {
	c.severed.Store(true) // before current is read: beginServing does it the other way round
	ctx := c.current.Load()
	if ctx != nil {
		_ = c.SetLinger(0) // a reset: to HTTP/1.0 an end would look like that of the answer
	}
	// Its goroutine learns of it by its next read or write. That of a request may
	// hold the descriptor until then, for which Close waits.
	go func() { _ = c.Close() }()
	if ctx != nil {
		ctx.cancel()
	}
}

// RemoteAddr implements net.Conn.
func (c *connection) RemoteAddr() net.Addr {
	if c.source != nil {
		return c.source
	}
	return c.TCPConn.RemoteAddr()
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 && !c.heard.Load() {
		c.heard.Store(true)
	}
	return n, err
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.owner.forget(c)
	return c.TCPConn.Close()
}

// listener accepts into connections.
type listener struct {
	*net.TCPListener
	owner *connections
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	tcp, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	c := &connection{TCPConn: tcp, owner: l.owner}
	l.owner.add(c)
	return c, nil
}

func (cs *connections) add(c *connection) {
	cs.accepted.Add(1)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open == nil {
		cs.open = make(map[*connection]struct{})
	}
	cs.open[c] = struct{}{}
}

func (cs *connections) forget(c *connection) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
	if len(cs.open) == 0 && cs.empty != nil {
		close(cs.empty)
		cs.empty = nil
	}
}

func (cs *connections) active() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}

// wait returns when no connection is left or ctx is done.
func (cs *connections) wait(ctx context.Context) {
	cs.mu.Lock()
	if len(cs.open) == 0 {
		cs.mu.Unlock()
		return
	}
	if cs.empty == nil {
		cs.empty = make(chan struct{})
	}
	empty := cs.empty
	cs.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
}

// cut closes the connections that which selects, and counts them.
func (cs *connections) cut(which func(*connection) bool) int {
	cs.mu.Lock()
	var chosen []*connection
	for c := range cs.open {
		if which(c) {
			chosen = append(chosen, c)
		}
	}
	cs.mu.Unlock()
	for _, c := range chosen {
		c.cut()
	}
	return len(chosen)
}

// sweep looks after all connections. It is not safe for concurrent use.
func (cs *connections) sweep(now int64, l limits) {
	cs.mu.Lock()
	for c := range cs.open {
		cs.swept = append(cs.swept, c)
	}
	cs.mu.Unlock()
	for _, c := range cs.swept {
		c.sweep(now, l)
	}
	clear(cs.swept)
	cs.swept = cs.swept[:0]
}
