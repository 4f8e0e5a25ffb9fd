package server

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	// maxGathered is how many octets may wait to be written together; who adds
	// to more waits.
	maxGathered = 64 << 10
	// closeTime is how long the last octets of a closed connection may take.
	closeTime = 5 * time.Second
)

// gathered is a connection below TLS whose writes go out together, as soon as
// the goroutines that are ready have had their turn. net/http sends the head and
// the body of an answer over HTTP/2 in a TLS record and a system call each, and
// the answers of several streams one by one.
//
// A write that fails closes the connection; who wrote learns of it at the next
// one, and whoever reads at once.
type gathered struct {
	net.Conn
	// timeout is within which a client must take something.
	timeout time.Duration
	now     func() time.Time

	mu    sync.Mutex
	moved sync.Cond // mu's: octets went out, or writing ended
	// waiting is what is still to be written; nil while there is nothing.
	waiting []byte
	lent    *buffer // waiting's memory, as long as it suffices
	// writing tells that flush runs, closed that Close was called.
	writing, closed bool
	err             error
}

func newGathered(c net.Conn, timeout time.Duration, now func() time.Time) *gathered {
	g := &gathered{Conn: c, timeout: timeout, now: now}
	g.moved.L = &g.mu
	return g
}

// Write implements net.Conn. It keeps a copy of p.
func (g *gathered) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > maxGathered && g.err == nil && !g.closed {
		g.moved.Wait()
	}
	if g.err != nil {
		return 0, g.err
	}
	if g.closed {
		return 0, net.ErrClosed
	}
	if g.waiting == nil {
		g.lent = getBuffer()
		g.waiting = g.lent[:0]
	}
	g.waiting = append(g.waiting, p...)
	if !g.writing {
		g.writing = true
		go g.flush() // ends when nothing waits
	}
	return len(p), nil
}

// flush writes what waits, until nothing does.
func (g *gathered) flush() {
	runtime.Gosched() // here the others add to it
	g.mu.Lock()
	for len(g.waiting) > 0 && g.err == nil {
		text, lent := g.waiting, g.lent
		g.waiting, g.lent = nil, nil
		g.moved.Broadcast() // there is room
		g.mu.Unlock()
		err := g.send(text)
		putBuffer(lent)
		g.mu.Lock()
		g.err = err
	}
	g.writing = false
	failed := g.err != nil && !g.closed
	g.moved.Broadcast()
	g.mu.Unlock()
	if failed {
		_ = g.Conn.Close() // whoever reads learns of it
	}
}

// send writes text to a client that takes something of it within each timeout,
// and the last of it within closeTime.
func (g *gathered) send(text []byte) error {
	for {
		last := g.limit()
		n, err := g.Conn.Write(text)
		if text = text[n:]; len(text) == 0 {
			return nil
		}
		if n == 0 || last || !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
}

// limit sets the deadline of a write, and reports whether it is the last.
func (g *gathered) limit() (last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	patience := g.timeout
	if g.closed {
		patience = min(patience, closeTime)
	}
	_ = g.Conn.SetWriteDeadline(g.now().Add(patience)) // fails where Write fails, too
	return g.closed
}

// Close implements net.Conn. What was written goes out before, if the client
// takes it.
func (g *gathered) Close() error {
	g.mu.Lock()
	g.closed = true
	if g.writing {
		_ = g.Conn.SetWriteDeadline(g.now().Add(min(g.timeout, closeTime)))
	}
	for g.writing {
		g.moved.Wait()
	}
	g.mu.Unlock()
	return g.Conn.Close()
}

// SetDeadline implements net.Conn: for reading, see SetWriteDeadline.
func (g *gathered) SetDeadline(t time.Time) error { return g.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn. Nobody waits in Write for the client
// alone, and what waits has a timeout of its own.
func (*gathered) SetWriteDeadline(time.Time) error { return nil }

// switched is the connection below a TLS connection: the accepted one, until it
// is known that the client speaks HTTP/2.
type switched struct{ net.Conn }
