package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// errReadTimeout and errWriteTimeout are the causes with which the timeouts of
// a service end an attempt.
var (
	errReadTimeout  = errors.New("read timeout")
	errWriteTimeout = errors.New("write timeout")
	// errLost says that the upstream ended the connection. It is the cause when
	// that was before the response head and a body was on its way.
	errLost = errors.New("connection ended")
)

// attempt is one try to get an answer. Its hooks are called by goroutines of
// the transport, also after RoundTrip returned.
type attempt struct {
	e      *exchange
	ctx    context.Context //nolint:containedctx // the attempt is the operation that the context bounds
	cancel context.CancelCauseFunc
	body   *sentBody
	// released ends the watch over ctx that interrupts the body.
	released func() bool

	mu sync.Mutex // guards what follows
	// connected tells that a connection was had, so that something may have
	// been sent; addr is its other end.
	connected bool
	addr      string
	// informed tells that an informational response reached the user agent.
	informed bool
	// written tells that the request is out, so that an answer is due.
	written bool
	// headRead ends the time in which hooks may write to the user agent.
	headRead bool
	// conn is the last connection.
	conn *conn
	// waiting tells that the body is being read, interrupted that it must not be
	// any more, bounded that the read was given a deadline for that, over that
	// none may be given any more.
	waiting, interrupted, bounded, over bool
	// reading runs while the upstream owes us bytes, writing while it owes us
	// the acceptance of some. Each counts one operation.
	reading, writing *time.Timer
}

// begin makes an attempt and the request for it.
func (e *exchange) begin() (*attempt, *http.Request) {
	a := &attempt{e: e}
	a.ctx, a.cancel = context.WithCancelCause(e.ctx)
	trace := &httptrace.ClientTrace{
		GotConn:        a.gotConn,
		WroteRequest:   a.wroteRequest,
		Got1xxResponse: a.gotInformation,
	}
	out := e.out.WithContext(httptrace.WithClientTrace(a.ctx, trace))
	if e.source != nil {
		a.body = &sentBody{pace: a, source: e.source, body: e.source.open(), trailer: out.Trailer}
		out.Body = a.body
		// The transport waits for a read of the body however the attempt ends.
		a.released = context.AfterFunc(a.ctx, a.interrupt)
	}
	return a, out
}

// interrupt ends a read of the body that waits for the user agent.
func (a *attempt) interrupt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.interrupted = true
	if a.bounded = a.waiting && !a.over; a.bounded {
		_ = a.e.control.SetReadDeadline(time.Unix(1, 0)) // without one nothing waits for a connection
	}
}

// wasInterrupted tells that an error of the body is not the user agent's.
func (a *attempt) wasInterrupted() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.interrupted
}

// blame gives errLost for what http.Transport says when the upstream ended the
// connection, and err for everything else.
func (a *attempt) blame(err error) error {
	_, undialed := errors.AsType[*dialError](err)
	_, gone := errors.AsType[*clientError](err)
	a.mu.Lock()
	defer a.mu.Unlock()
	if undialed || gone || errors.Is(err, errMalformed) || a.conn == nil || !a.conn.ended.Load() {
		return err
	}
	return errLost
}

// lost ends an attempt whose connection has ended before the response head.
func (a *attempt) lost() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.headRead {
		a.cancel(errLost)
	}
}

// end stops everything that belongs to the attempt.
func (a *attempt) end() {
	if a.body != nil {
		a.body.detach()
	}
	if a.released != nil {
		a.released()
	}
	a.mu.Lock()
	a.headRead, a.over = true, true
	stop(a.reading)
	stop(a.writing)
	if a.bounded {
		_ = a.e.control.SetReadDeadline(time.Time{}) // for the next attempt
	}
	if a.conn != nil {
		a.conn.user.CompareAndSwap(a, nil)
	}
	a.mu.Unlock()
	a.cancel(context.Canceled)
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// arm starts or restarts a timer. The caller holds mu.
func (a *attempt) arm(t **time.Timer, d time.Duration, cause error) {
	if *t == nil {
		*t = time.AfterFunc(d, func() { a.cancel(cause) })
		return
	}
	(*t).Reset(d)
}

func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.connected = true
	if c := below(info.Conn); c != nil {
		a.conn, a.addr = c, c.addr
	}
	if a.body == nil {
		a.written = true
		a.arm(&a.reading, a.e.readTimeout, errReadTimeout)
		return
	}
	if a.conn != nil && !a.e.t.grpc { // there many attempts share it, and each is told by itself
		a.conn.user.Store(a)
	}
	first := a.e.writeTimeout
	if a.e.out.Header["Expect"] != nil {
		first += continueTimeout
	}
	a.arm(&a.writing, first, errWriteTimeout)
}

func (a *attempt) wroteRequest(httptrace.WroteRequestInfo) {
	a.mu.Lock()
	defer a.mu.Unlock()
	stop(a.writing)
	a.written = true
	if !a.headRead && a.body != nil {
		a.arm(&a.reading, a.e.readTimeout, errReadTimeout)
	}
}

// bodyWaits and bodyGoes frame a read of the request's body, which is not to
// begin where bodyWaits says no.
func (a *attempt) bodyWaits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	stop(a.writing)
	a.waiting = !a.interrupted
	return a.waiting
}

func (a *attempt) bodyGoes() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = false
	if !a.headRead && !a.over { // an upstream that answered may leave the rest
		a.arm(&a.writing, a.e.writeTimeout, errWriteTimeout)
	}
}

// gotHead stops the clocks at the response head.
func (a *attempt) gotHead() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.headRead = true
	stop(a.reading)
	stop(a.writing)
}

// waitForBody and gotBody frame a read of the response's body.
func (a *attempt) waitForBody() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.arm(&a.reading, a.e.readTimeout, errReadTimeout)
}

func (a *attempt) gotBody() {
	a.mu.Lock()
	defer a.mu.Unlock()
	stop(a.reading)
}

// gotInformation passes a 1xx response on.
func (a *attempt) gotInformation(status int, header textproto.MIMEHeader) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.headRead || a.ctx.Err() != nil {
		return nil
	}
	if a.written {
		stop(a.reading)
		defer a.arm(&a.reading, a.e.readTimeout, errReadTimeout)
	}
	if a.e.inform(status, http.Header(header)) {
		a.informed = true
	}
	return nil
}

func (a *attempt) reached() reach {
	a.mu.Lock()
	defer a.mu.Unlock()
	return reach{a.connected, a.informed}
}
