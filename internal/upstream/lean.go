package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"time"

	"sallyport/internal/httperror"
	"sallyport/internal/message"
)

// lean is an exchange of the lean client: HTTP/1.1 without a goroutine (but for
// a request body), its parts reused. http.Transport takes what is rare; see
// exchange.lean.
type lean struct {
	e    *exchange
	pool *pool
	key  string

	// request is the head and, with small, the body after it.
	request []byte
	small   bool
	// slow tells that a small body did not come in time.
	slow    bool
	scratch http.Header
	// passed are the fields that the user agent gets.
	passed []message.Field
	// head is that of the answer, body how its body is framed; clean tells
	// that what follows the answer can be told from it.
	head  responseHead
	body  framing
	clean bool

	// What follows belongs to one attempt.
	wire *wire
	// unwatch ends that the context kills the wire, and reports whether it did
	// not; with watched it is the context's own way.
	watched watcher
	unwatch func() bool
	upload  *upload
	how     reach
	addr    string
	lent    *[]byte
}

// lean reports whether the lean client takes the exchange. http.Transport does
// what is rare: a switch of protocols, trailers either way, a body that waits to
// be asked for, a host name that is not ASCII, HTTP/2.
func (e *exchange) lean() bool {
	return rawReads && e.t.plainName && !e.t.grpc && !e.upgrade && len(e.r.Trailer) == 0 && e.r.Header["Expect"] == nil &&
		!wantsTrailers(e.r.Header)
}

func (e *exchange) serveLean() error {
	l, ok := e.t.proxy.leans.Get().(*lean)
	if !ok {
		l = &lean{scratch: http.Header{}}
	}
	l.e, l.pool, l.key = e, e.t.transport.lean, e.key
	if e.named {
		l.pool = e.t.transport.leanNamed
	}
	defer l.release()
	start := e.t.proxy.opts.Now()
	if err := l.writeHead(); err != nil {
		return err
	}
	for retry := 0; ; retry++ {
		err := l.attempt()
		if err == nil {
			e.record(start, e.t.proxy.opts.Now().Sub(start), l.head.status, l.addr)
			l.respond()
			return nil
		}
		failure := e.failure(l.cause(err), err)
		repeat := retry < e.t.service.Retries && e.repeatable(l.how, err)
		l.end(false)
		if !repeat {
			e.record(start, e.t.proxy.opts.Now().Sub(start), 0, l.addr)
			return failure
		}
	}
}

// release gives everything back, however the exchange ended.
func (l *lean) release() {
	l.end(false)
	p := l.e.t.proxy
	clear(l.scratch)
	clear(l.head.fields)
	clear(l.passed)
	if cap(l.request) > 4*smallBody || cap(l.head.fields) > 1024 {
		l.request, l.head.fields, l.passed = nil, nil, nil // a rare one
	}
	*l = lean{request: l.request[:0], scratch: l.scratch, passed: l.passed[:0], head: responseHead{fields: l.head.fields[:0]}}
	p.leans.Put(l)
}

// cause is the timeout that ended an attempt, nil for none.
func (l *lean) cause(err error) error {
	if l.upload != nil && l.e.ctx.Err() != nil {
		l.upload.settle()
	}
	if l.upload != nil && errors.Is(l.upload.failure(), errWriteTimeout) {
		return errWriteTimeout
	}
	if errors.Is(err, errReadTimeout) || errors.Is(err, errWriteTimeout) {
		return err
	}
	return nil
}

// attempt asks once. A kept connection that the upstream had closed is no
// attempt: the request goes out again on a new one, when nothing was answered
// and doing it twice cannot matter (nginx's proxy_next_upstream does the same).
func (l *lean) attempt() error {
	if err := l.bufferBody(); err != nil {
		return err
	}
	for fresh := false; ; {
		err := l.roundTrip(fresh)
		switch {
		case errors.Is(err, errUnusable):
		case !fresh && l.stale(err):
			fresh = true
		default:
			if l.small && l.how.connected {
				l.e.source.used.Store(true)
			}
			return err
		}
		l.end(false)
	}
}

// stale reports whether an attempt failed because a kept connection was closed
// just then.
func (l *lean) stale(err error) bool {
	w := l.wire
	return err != nil && w != nil && w.reused && !w.received && disconnected(err) && l.e.ctx.Err() == nil &&
		idempotent(l.e.method()) && (l.e.source == nil || l.small)
}

func disconnected(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// roundTrip sends the request and reads the head of the final answer.
func (l *lean) roundTrip(fresh bool) error {
	if err := l.connect(fresh); err != nil {
		return err
	}
	e, w := l.e, l.wire
	streamed := e.source != nil && !l.small
	sent, err := w.send(l.request, e.writeTimeout, !streamed)
	if err != nil {
		return err
	}
	if sent && streamed {
		l.upload = l.startUpload()
	}
	for budget := maxResponseHead; ; {
		n, err := l.readHead(budget)
		if err != nil {
			return err
		}
		budget -= n
		if l.head.status >= 200 {
			if l.upload != nil {
				w.unbound() // an upstream that answered may leave the rest
			}
			l.body, l.clean = l.head.framing(e.method())
			return nil
		}
		if l.head.status == http.StatusSwitchingProtocols {
			return nonsense("protocol switched without being asked")
		}
		if e.inform(l.head.status, l.head.header()) {
			l.how.informed = true
		}
	}
}

// connect gets a connection and ties it to the exchange.
func (l *lean) connect(fresh bool) error {
	l.how.connected, l.addr = false, ""
	w, err := l.pool.get(l.e.ctx, l.key, fresh)
	if err != nil {
		return err
	}
	l.lent = l.e.t.proxy.lend()
	w.buffer, w.start, w.end = *l.lent, 0, 0
	l.wire, l.addr, l.how.connected = w, w.addr, true
	if l.watched, _ = l.e.ctx.(watcher); l.watched != nil {
		l.watched.Watch(w.kill)
	} else {
		l.unwatch = context.AfterFunc(l.e.ctx, w.kill)
	}
	return nil
}

// watcher is a context that calls one function when it ends, until Unwatch,
// which reports whether it did not. It saves what context.AfterFunc costs.
type watcher interface {
	Watch(f func())
	Unwatch() bool
}

// detach unties the connection from the exchange. It is false when the
// connection is being killed.
func (l *lean) detach() bool {
	if l.watched != nil {
		return l.watched.Unwatch()
	}
	return l.unwatch()
}

// readHead reads a head of at most budget bytes into l.head. Once it has begun
// all of it must come within the read timeout: a head that drips would hold the
// request for ever.
func (l *lean) readHead(budget int) (int, error) {
	w := l.wire
	var paused func() (time.Time, bool)
	if l.upload != nil {
		paused = l.upload.paused
	}
	timeout, begun := l.e.readTimeout, time.Time{}
	for from := 0; ; {
		if unread := w.buffer[w.start:w.end]; len(unread) > 0 {
			end, next, err := headEnd(unread, from)
			switch {
			case err != nil:
				return 0, err
			case end > budget, end == 0 && len(unread) >= budget:
				return 0, nonsense("head too large")
			case end > 0:
				w.start += end
				return end, l.head.parse(unread[:end])
			}
			from = next
			if len(unread) == len(w.buffer) {
				larger := make([]byte, 4*len(unread))
				w.start, w.end = 0, copy(larger, unread)
				w.buffer = larger
			}
		}
		if w.start < w.end {
			now := w.clock()
			if begun.IsZero() {
				begun = now
			}
			timeout, paused = l.e.readTimeout-now.Sub(begun), nil
		}
		if err := w.fill(timeout, paused); err != nil {
			if errors.Is(err, io.EOF) && w.start < w.end {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
}

// end gives the connection back when the exchange ended cleanly on it, and
// closes it otherwise. It may be called more than once.
func (l *lean) end(clean bool) {
	w := l.wire
	if w == nil {
		return
	}
	if l.upload != nil && !l.upload.finish(clean) {
		clean = false
	}
	if !l.detach() {
		clean = false // it is being killed
	}
	clean = clean && w.start == w.end
	if !clean {
		w.kill()
	}
	l.wire, l.upload, l.watched, l.unwatch = nil, nil, nil, nil
	w.buffer = nil
	l.e.t.proxy.buffers.Put(l.lent)
	if clean {
		w.bound()
		l.pool.put(w)
	}
}

// badRequest is for a request that cannot be sent as it is.
func badRequest(err error) *httperror.Error {
	return httperror.Wrap(http.StatusBadRequest, httperror.StatusMessage(http.StatusBadRequest), err)
}
