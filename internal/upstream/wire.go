package upstream

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// errUnusable is for a kept connection that turned out to be closed, or on which
// bytes came that nobody asked for. Nothing was sent on it.
var errUnusable = errors.New("kept connection cannot be used")

// wire is one connection of the lean client. One goroutine reads, one at a time
// writes; kill may be called by any. A wire is never used again once killed.
type wire struct {
	conn net.Conn // plain, or *tls.Conn
	raw  syscall.RawConn
	tls  bool
	// records tells where the records of TLS end; nil without it.
	records *records
	addr    string
	key     string
	// kill closes the connection below TLS, so that whoever waits on it wakes.
	kill  func()
	clock func() time.Time

	// reused tells that an exchange ended on this connection before this one.
	reused bool
	// idleSince is when it was put into the pool.
	idleSince time.Time
	// readUntil and writeUntil are the deadlines that are set. They may lie
	// before the one that is wanted: whoever meets one looks at the clock. So
	// most operations set none.
	readUntil, writeUntil time.Time

	deadlines sync.Mutex // held while a write deadline is set
	// unbounded tells that no write deadline is to be set.
	unbounded atomic.Bool

	// buffer[start:end] was read and not used yet. It is lent while an exchange
	// runs.
	buffer     []byte
	start, end int
	// received tells that this exchange has read a byte.
	received bool

	// What follows passes arguments and results of readStep and quietStep,
	// which are made once so that a call allocates nothing.
	readStep, quietStep func(fd uintptr) bool
	into, request       []byte
	writeTimeout        time.Duration
	n                   int
	err                 error
	quiet               bool
}

// newWire wraps a connection as dialer makes it.
func newWire(c *conn, key string, clock func() time.Time) (*wire, error) {
	w := &wire{conn: c.Conn, addr: c.addr, key: key, clock: clock}
	below := c.Conn
	if secured, ok := below.(*tls.Conn); ok {
		carrier := secured.NetConn().(*conn)
		w.tls, w.records = true, &carrier.records
		below = carrier.Conn
	}
	w.kill = func() { _ = below.Close() } // it is given up, whatever it says
	sc, ok := below.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	var err error
	if w.raw, err = sc.SyscallConn(); err != nil {
		return nil, err
	}
	w.readStep, w.quietStep = w.stepRead, w.stepQuiet
	return w, nil
}

// stepQuiet looks whether anything came on an idle connection.
func (w *wire) stepQuiet(fd uintptr) bool {
	var one [1]byte
	_, again, _ := readNow(fd, one[:])
	w.quiet = again
	return true
}

// stepRead is what RawConn.Read calls until it returns true, each time when
// there may be something to read. A request is sent by the first call: the
// poller was reset before it, so that no answer goes unnoticed, and no read is
// tried that cannot find anything.
func (w *wire) stepRead(fd uintptr) bool {
	if request := w.request; request != nil {
		w.request = nil
		if w.reused && !w.stepQuietly(fd) {
			w.err = errUnusable
			return true
		}
		if request = writeNow(fd, request); len(request) > 0 {
			if w.err = w.write(request, w.writeTimeout); w.err != nil {
				return true
			}
		}
		if w.reused {
			return false
		}
	}
	var again bool
	w.n, again, w.err = readNow(fd, w.into)
	return !again
}

func (w *wire) stepQuietly(fd uintptr) bool {
	w.stepQuiet(fd)
	return w.quiet
}

// usable reports whether nothing came on a kept connection. Bytes that nobody
// asked for would be taken for the answer to the next request.
func (w *wire) usable() bool {
	if !w.reused {
		return true
	}
	if !w.readUntil.After(w.clock()) {
		w.setReadDeadline(time.Time{}) // that of the last exchange has passed: it says nothing of the connection
	}
	if err := w.raw.Read(w.quietStep); err != nil || !w.quiet {
		return false
	}
	if !w.tls {
		return true
	}
	if !w.records.whole() {
		return false // TLS holds the beginning of something
	}
	// What TLS has deciphered already comes in spite of the deadline.
	var one [1]byte
	w.setReadDeadline(time.Unix(1, 0))
	n, err := w.conn.Read(one[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// send writes a request on a connection that is fit for one, in the same step
// as the first read where that is possible; otherwise sent is true and the
// caller reads.
func (w *wire) send(request []byte, timeout time.Duration, together bool) (sent bool, err error) {
	w.received = false
	if together && !w.tls {
		w.request, w.writeTimeout = request, timeout
		return false, nil
	}
	if !w.usable() {
		return false, errUnusable
	}
	return true, w.write(request, timeout)
}

// write gives the upstream timeout to take p.
func (w *wire) write(p []byte, timeout time.Duration) error {
	now := w.clock()
	wanted := now.Add(timeout)
	// After a deadline TLS cannot go on: there it is exact.
	if w.tls || !w.writeUntil.After(now) || w.writeUntil.After(wanted) {
		w.setWriteDeadline(wanted)
	}
	for {
		n, err := w.conn.Write(p)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		// An unbounded write of TLS gets here only when both came at once.
		if w.tls || !w.unbounded.Load() && !w.clock().Before(wanted) {
			return errWriteTimeout
		}
		p = p[n:]
		w.setWriteDeadline(wanted)
	}
}

// fill reads once into the free end of the buffer. It waits for timeout, and
// longer while paused says so: since is when the upstream last was not the one
// to be waited for.
func (w *wire) fill(timeout time.Duration, paused func() (since time.Time, yes bool)) error {
	if w.start == w.end {
		w.start, w.end = 0, 0
	} else if w.start > 0 && w.end == len(w.buffer) {
		w.end = copy(w.buffer, w.buffer[w.start:w.end])
		w.start = 0
	}
	since := w.clock()
	for now := since; ; {
		wanted := since.Add(timeout)
		if !w.readUntil.After(now) || w.readUntil.After(wanted) {
			w.setReadDeadline(wanted)
		}
		n, err := w.read(w.buffer[w.end:])
		if n > 0 {
			w.received = true
			w.end += n
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		now = w.clock()
		if paused != nil {
			if later, yes := paused(); yes {
				since = now
			} else if later.After(since) {
				since = later
			}
		}
		if !now.Before(since.Add(timeout)) {
			return errReadTimeout
		}
	}
}

// read is conn.Read, but for a plain connection no read is tried before there
// is something.
func (w *wire) read(p []byte) (int, error) {
	if w.tls {
		return w.conn.Read(p)
	}
	w.into, w.n, w.err = p, 0, nil
	err := w.raw.Read(w.readStep)
	w.into = nil
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}

func (w *wire) setReadDeadline(t time.Time) {
	w.readUntil = t
	_ = w.conn.SetReadDeadline(t) // a closed connection says so when it is read
}

func (w *wire) setWriteDeadline(t time.Time) {
	w.deadlines.Lock()
	defer w.deadlines.Unlock()
	if w.unbounded.Load() {
		t = time.Time{}
	}
	w.writeUntil = t
	_ = w.conn.SetWriteDeadline(t) // a closed connection says so when it is written to
}

// unbound lets writes take their time. It may be called while one runs.
func (w *wire) unbound() {
	w.deadlines.Lock()
	defer w.deadlines.Unlock()
	w.unbounded.Store(true)
	_ = w.conn.SetWriteDeadline(time.Time{}) // a closed connection says so when it is written to
}

// bound undoes unbound. Nothing is being written.
func (w *wire) bound() {
	if w.unbounded.CompareAndSwap(true, false) {
		w.writeUntil = time.Time{} // none is set
	}
}

// close ends an idle connection in order.
func (w *wire) close() { _ = w.conn.Close() } // nobody waits for it
