package upstream

import (
	"context"
	"net/http"
	"time"
)

// defaultTimeout stands in for a timeout that is not set.
const defaultTimeout = 60 * time.Second

// exchange is one call of Serve.
type exchange struct {
	*Exchange
	ctx                       context.Context //nolint:containedctx // lives as long as the call
	t                         *Target
	w                         http.ResponseWriter
	r                         *http.Request
	readTimeout, writeTimeout time.Duration

	// out is the request of every attempt, but for its context and body.
	out *http.Request
	// source is nil without a body, and so is control, which interrupts it.
	source  *bodySource
	control *http.ResponseController
	// upgrade tells that the user agent asked for a WebSocket.
	upgrade bool
	// key tells connections apart; named tells that this one is for a server name
	// of the user agent's.
	key   string
	named bool
}

// Serve asks the service and writes its answer to w. ctx ends the exchange from
// outside; it derives from r's, and its cause may be an *httperror.Error. An
// error is an *httperror.Error, and nothing but informational responses was
// written then. Once the response head is out, whatever goes wrong is told to
// the Recorder and panics with http.ErrAbortHandler, which cuts the connection.
// Nothing of r and w is used after the return.
func (t *Target) Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, x *Exchange) error {
	e := t.proxy.exchanges.Get().(*exchange) // the pool holds nothing else
	*e = exchange{
		Exchange: x, ctx: ctx, t: t, w: w, r: r,
		readTimeout:  timeout(t.service.ReadTimeout),
		writeTimeout: timeout(t.service.WriteTimeout),
	}
	e.upgrade = e.Rewrite == nil && wantsWebSocket(e.r)
	e.key, e.named = e.connectionKey()
	e.takeBody()
	if e.lean() {
		err := e.serveLean()
		if e.source == nil { // with a body a goroutine may still have it
			*e = exchange{}
			t.proxy.exchanges.Put(e)
		}
		return err
	}
	if err := e.prepare(); err != nil {
		return err
	}
	return e.serveRare()
}

// takeBody prepares to read the request's body.
func (e *exchange) takeBody() {
	if e.Rewrite != nil {
		return
	}
	if e.source = newBodySource(e.r, e.t.service.Retries > 0 && idempotent(e.method())); e.source == nil {
		return
	}
	// Otherwise the server reads the rest of the body itself once the answer
	// begins, and the upstream gets a body with holes.
	e.control = http.NewResponseController(e.w)
	_ = e.control.EnableFullDuplex() // an unsupporting writer behaves so by itself
}

// serveRare asks with http.Transport.
func (e *exchange) serveRare() error {
	t := e.t
	transport := t.transport.http
	if e.named {
		transport = t.transport.named
	}
	start := t.proxy.opts.Now()
	for retry := 0; ; retry++ {
		a, out := e.begin()
		res, err := transport.RoundTrip(out)
		if err == nil {
			a.gotHead()
			if err = e.checkHead(res); err == nil {
				e.record(start, t.proxy.opts.Now().Sub(start), res.StatusCode, a.addr)
				e.respond(a, res)
				return nil
			}
			_ = res.Body.Close() // the head is nonsense already
		}
		failure := e.failure(context.Cause(a.ctx), a.blame(err))
		repeat := retry < t.service.Retries && e.repeatable(a.reached(), err)
		a.end()
		if !repeat {
			e.record(start, t.proxy.opts.Now().Sub(start), 0, a.addr)
			return failure
		}
	}
}

func timeout(d time.Duration) time.Duration {
	if d <= 0 {
		return defaultTimeout
	}
	return d
}
