package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// The states of Expect: 100-continue.
const (
	continueDone    = iota // nothing was asked for, or it was sent
	continueDue            // the client waits
	continueRefused        // the final head went out instead
)

// conn is a connection of the front, served by one goroutine.
type conn struct {
	*connection
	front *front
	// net is the TCP connection or the TLS one over it, raw the former's
	// descriptor.
	net net.Conn
	raw syscall.RawConn
	tls *tls.ConnectionState
	// remote and peer are the client's end, local is ours.
	remote string
	peer   netip.Addr
	local  net.Addr

	in input
	// line and skipped are how far the head that has begun was looked at: where
	// its last line begins, and that an empty line came before it.
	line    int
	skipped bool
	turns

	expecting atomic.Int32
	writeMu   sync.Mutex // guards 100 Continue against the head
	// linger tells that the client may still be sending, broken that a write
	// failed.
	linger, broken bool
	// vector and buffers are for one write of several pieces.
	vector  [3][]byte
	buffers net.Buffers
}

// serve serves the connection to its end.
func (c *conn) serve() {
	handedOver := false
	defer func() {
		if p := recover(); p != nil { // outside of a handler: one connection, not the process
			c.front.opts.Logger.Error("connection failed", "panic", p, "stack", string(debug.Stack()))
			c.broken = true
		}
		if !handedOver {
			c.finish()
		}
	}()
	if c.front.proxies != nil && !c.front.proxies.admit(c) {
		return
	}
	if c.front.tls != nil {
		proceed := false
		if proceed, handedOver = c.handshake(); !proceed {
			return
		}
	} else if pollReads {
		handedOver = c.serveTurns()
		return
	}
	for {
		n, err := c.readHead()
		refused, bad := errors.AsType[*headError](err)
		if err != nil && !bad {
			return
		}
		keep, hijacked := c.exchange(c.parse(n, refused))
		if hijacked {
			handedOver = true
			return
		}
		if !keep {
			return
		}
	}
}

// finish closes the connection.
func (c *conn) finish() {
	c.enter(closing)
	if c.linger && !c.broken {
		if t, ok := c.net.(*tls.Conn); ok {
			_ = t.CloseWrite()
		}
		if c.CloseWrite() == nil && c.SetReadDeadline(c.front.now().Add(lingerTime)) == nil {
			_, _ = io.Copy(io.Discard, c.TCPConn) // what the client still sends is for nobody
		}
	}
	if c.broken {
		_ = c.Close() // TLS would wait with its last record
	}
	_ = c.net.Close()
	c.in.start = c.in.end
	c.in.release()
}

// readHead reads up to the end of a request head and gives its length. An error
// is a *headError, or tells that there is nobody to answer.
func (c *conn) readHead() (int, error) {
	for {
		n, err := c.nextHead()
		if n > 0 || err != nil {
			return n, err
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}

// nextHead gives the length of the request head that was read, 0 while it is
// not complete. Errors are those of readHead.
func (c *conn) nextHead() (int, error) {
	for c.in.start < c.in.end {
		if !c.beginHead() {
			return 0, net.ErrClosed
		}
		end, next, bad := c.measureHead(c.line)
		c.line = next
		switch {
		case bad != nil:
			return 0, bad
		case end == 2 && !c.skipped: // RFC 9112 §2.2 wants one empty line to be borne
			c.in.consume(2)
			c.line, c.skipped = 0, true
			continue
		case end == 2:
			return 0, errRequestLine
		case end > 0:
			c.line, c.skipped = 0, false
		}
		return end, nil
	}
	if c.front.stopping.Load() {
		return 0, io.EOF
	}
	return 0, nil
}

// measureHead is headEnd for what is unread, within the limits.
func (c *conn) measureHead(line int) (end, next int, bad *headError) {
	unread := c.in.unread()
	if first := unread[0]; canonicalByte[0][first] == 0 && first != '\r' {
		return 0, 0, errRequestLine
	}
	end, line, bad = headEnd(unread, line)
	limit := c.front.opts.MaxHeaderBytes
	switch {
	case bad != nil:
	case end == 0 && line == 0 && len(unread) > maxTarget+64:
		bad = errTargetLong
	case end > limit, end == 0 && len(unread) >= limit:
		bad = errHeadLong
	}
	return end, line, bad
}

// fill reads once, waiting for it.
func (c *conn) fill() error {
	room := c.in.room(max(c.front.opts.MaxHeaderBytes, 2*maxTrailer))
	if room == nil {
		return io.ErrShortBuffer
	}
	n, err := c.net.Read(room)
	c.in.end += n
	if n > 0 {
		return nil
	}
	return err
}

// readBody reads some of a body.
func (c *conn) readBody(p []byte) (int, error) {
	if c.in.start == c.in.end {
		if len(p) >= bufferSize/2 {
			c.reading.Store(c.front.clock.now())
			n, err := c.net.Read(p)
			if n > 0 && errors.Is(err, io.EOF) {
				err = nil // TLS tells of the end together with the last bytes
			}
			return n, over(&c.reading, err)
		}
		if err := c.fillBody(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.in.unread())
	c.in.consume(n)
	return n, nil
}

// fillBody is fill with the limit of a body.
func (c *conn) fillBody() error {
	c.reading.Store(c.front.clock.now())
	return over(&c.reading, c.fill())
}

// readThrough reads until measure, given all that is unread, finds the end of
// what is looked for; 0 asks for more, up to limit bytes, -1 refuses.
func (c *conn) readThrough(limit int, measure func([]byte) int) ([]byte, error) {
	for {
		unread := c.in.unread()
		n := measure(unread)
		switch {
		case n > 0 && n <= len(unread) && n <= limit:
			return unread[:n], nil
		case n < 0, len(unread) >= limit:
			return nil, errBody
		}
		if err := c.fillBody(); err != nil {
			return nil, err
		}
	}
}

// continueBody sends 100 Continue if the client waits for it, and reports
// whether the body may be read.
func (c *conn) continueBody() bool {
	if c.expecting.Load() == continueDone {
		return true
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if c.expecting.Load() == continueDue {
		_ = c.write(continueHead, nil) // a failure shows at the next read
		c.expecting.Store(continueDone)
	}
	return c.expecting.Load() == continueDone
}

var (
	continueHead = []byte("HTTP/1.1 100 Continue\r\n\r\n")
	chunkEnd     = []byte("\r\n")
)

// write writes a, then b, with one call where the connection can.
func (c *conn) write(a, b []byte) (err error) {
	c.writing.Store(c.front.clock.now())
	switch {
	case len(b) == 0:
		if a = c.writeNow(a); len(a) > 0 {
			_, err = c.net.Write(a)
		}
	case c.tls != nil:
		if _, err = c.net.Write(a); err == nil {
			_, err = c.net.Write(b)
		}
	default:
		err = c.writeVector(a, b, nil)
	}
	return c.wrote(err)
}

// wrote ends a write.
func (c *conn) wrote(err error) error {
	err = over(&c.writing, err)
	c.broken = c.broken || err != nil
	return err
}

// writeChunk writes a, then p, and what ends a chunk. It reports whether the
// latter is still to be written.
func (c *conn) writeChunk(a, p []byte) (open bool, err error) {
	if c.tls != nil {
		return true, c.write(a, p)
	}
	c.writing.Store(c.front.clock.now())
	return false, c.wrote(c.writeVector(a, p, chunkEnd))
}

func (c *conn) writeVector(pieces ...[]byte) error {
	copy(c.vector[:], pieces)
	c.buffers = c.vector[:len(pieces)]
	_, err := c.buffers.WriteTo(c.TCPConn)
	c.vector, c.buffers = [3][]byte{}, nil
	return err
}

// parse makes an exchange of the next n bytes, or of a refusal.
func (c *conn) parse(n int, refused *headError) *exchange {
	x := exchanges.Get().(*exchange) // the pool holds nothing else
	x.prepare(c)
	if refused == nil {
		refused = x.lines.split(c.in.unread()[:n])
	}
	if refused == nil {
		refused = x.build(string(c.in.unread()[:n]))
		c.in.consume(n)
	}
	if refused == nil {
		x.attachBody(c)
	} else {
		c.linger = true
	}
	x.refused = refused
	return x
}

// exchange serves a request. keep tells that another may follow.
func (c *conn) exchange(x *exchange) (keep, hijacked bool) {
	if !c.beginServing(x.ctx) {
		x.release()
		return false, false
	}
	whole := c.handle(x)
	c.current.Store(nil)
	x.ctx.cancel()
	hijacked = x.w.hijacked
	keep = whole && x.refused == nil && x.w.settle()
	if whole && !hijacked {
		x.release()
	}
	switch {
	case hijacked:
	case keep:
		c.enter(idle)
	default:
		c.linger = c.linger || c.in.start != c.in.end
	}
	return keep, hijacked
}

// handle calls the handler and completes its answer. It is not whole when the
// handler panicked.
func (c *conn) handle(x *exchange) (whole bool) {
	defer func() {
		if whole {
			return
		}
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
			c.front.opts.Logger.Error("panic in the front", "listener", c.front.opts.Name, "panic", v, "stack", string(debug.Stack()))
		}
		x.w.abort()
	}()
	if x.refused != nil {
		c.front.refuse(&x.w, &x.req, x.refused)
	} else {
		c.front.handler.ServeHTTP(&x.w, &x.req)
	}
	if b := x.w.body; b != nil && !x.w.hijacked {
		b.end()
	}
	x.w.finish()
	return true
}

// handshake negotiates TLS. h2 is handed to net/http.
func (c *conn) handshake() (proceed, handedOver bool) {
	if c.front.stopping.Load() {
		return false, false
	}
	below := &switched{c.connection}
	t := tls.Server(below, c.front.tls)
	c.net = t
	if err := t.HandshakeContext(context.Background()); err != nil { // the sweeper bounds it
		if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && canonicalByte[0][plain.RecordHeader[0]] != 0 {
			c.net, c.linger = c.connection, true
			_ = c.write([]byte(plainOnTLS), nil)
		}
		c.front.opts.Logger.Debug("handshake failed", slog.String("listener", c.front.opts.Name), slog.String("error", err.Error()))
		return false, false
	}
	state := t.ConnectionState()
	if state.NegotiatedProtocol == "h2" && c.front.h2 != nil {
		c.enter(handed)
		below.Conn = newGathered(c.connection, c.front.opts.ClientTimeout, c.front.now)
		return false, c.front.h2.pass(t)
	}
	c.tls = &state
	return state.NegotiatedProtocol != acmeProtocol, false
}

const plainOnTLSBody = "{\n  \"message\":\"The plain HTTP request was sent to HTTPS port\"\n}"

// plainOnTLS answers a client that speaks http to an https port.
var plainOnTLS = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " +
	strconv.Itoa(len(plainOnTLSBody)) + "\r\n\r\n" + plainOnTLSBody
