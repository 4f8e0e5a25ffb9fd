package server

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"sallyport/internal/httperror"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

// New returns the server of the proxy. It binds nothing yet.
func New(o ProxyOptions) (*Server, error) {
	if err := o.defaults(); err != nil {
		return nil, err
	}
	if o.ServerToken == "" {
		o.ServerToken = "sallyport"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, l := range o.Listen {
		if l.ProxyProtocol && len(o.Message.Trusted) == 0 {
			return nil, fmt.Errorf("%s listener %s: proxy_protocol needs trusted_ips, the load balancers that may say where connections come from", o.Name, l)
		}
	}
	s := &Server{opts: o.Common}
	ids := newRequestIDs(o.Rand)
	handler := func(port int) *proxy {
		p := &proxy{opts: o, work: &s.work, ids: ids}
		p.opts.Message.ListenPort = port
		return p
	}
	s.handler = func(port int) http.Handler { return guarded(handler(port), o.ClientTimeout) }
	s.clock = newClock(o.Now)
	s.front = func(port int) *front {
		p := handler(port)
		return &front{
			opts: &s.opts, handler: p, refuse: p.refuseHead, clock: s.clock, conns: &s.conns,
			proxies: &proxyPeers{trusted: o.Message.Trusted}, now: time.Now,
		}
	}
	return s, nil
}

// proxy is the outermost handler of one listener.
type proxy struct {
	opts ProxyOptions
	work *inFlight
	ids  *requestIDs
}

// refuseHead answers a request whose head is refused; r holds as much of it as
// was read before.
func (p *proxy) refuseHead(w http.ResponseWriter, r *http.Request, refused *headError) {
	p.work.begin()
	defer p.work.end()
	q := &plugin.Request{HTTP: r, Start: p.opts.Now()}
	defer p.finish(w, q)
	var err error
	if q.ID, err = p.ids.next(); err != nil {
		p.refuse(w, q, err)
		return
	}
	p.refuse(w, q, refused)
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.work.begin()
	defer p.work.end()
	q := &plugin.Request{HTTP: r, Start: p.opts.Now()}
	defer p.finish(w, q)
	var err error
	if q.ID, err = p.ids.next(); err != nil {
		p.refuse(w, q, err)
		return
	}
	if q.Canonical, err = message.New(r, p.opts.Message); err != nil {
		p.refuse(w, q, err)
		return
	}
	p.opts.Handler(w, q)
}

// refuse answers a request that does not get as far as the router.
func (p *proxy) refuse(w http.ResponseWriter, q *plugin.Request, err error) {
	if malformed, ok := errors.AsType[*message.Error](err); ok {
		err = httperror.Wrap(malformed.Status, httperror.StatusMessage(malformed.Status), err)
		w.Header().Set("Connection", "close")
	}
	if refused, ok := errors.AsType[*headError](err); ok {
		err = httperror.Wrap(refused.status, statusMessage(refused.status), err)
		w.Header().Set("Connection", "close")
	}
	e := httperror.From(err)
	q.Access.Status, q.Access.Err = e.Status, e
	_, theirs := errors.AsType[*headError](err)
	if e.Status >= http.StatusInternalServerError && !theirs && !errors.Is(err, errPanic) {
		p.opts.Logger.ErrorContext(q.HTTP.Context(), "request failed", "request_id", q.ID, "status", e.Status, "error", e.Error())
	}
	h := w.Header()
	h.Set("Server", p.opts.ServerToken)
	h.Set("X-Kong-Request-Id", q.ID)
	h.Set("X-Kong-Response-Latency", strconv.FormatInt(p.opts.Now().Sub(q.Start).Milliseconds(), 10))
	r := q.HTTP
	httperror.Render(w, httperror.Request{
		Method: r.Method, Accept: r.Header.Get("Accept"), ContentType: r.Header.Get("Content-Type"), RequestID: q.ID,
	}, e)
}

// finish ends every request: it turns a panic into a 500, or cuts the
// connection where a head was sent already, and writes the access record. It
// must be deferred, since it recovers.
func (p *proxy) finish(w http.ResponseWriter, q *plugin.Request) {
	cut := false
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		cut = true
	default:
		p.opts.Logger.ErrorContext(q.HTTP.Context(), "panic while serving a request",
			"request_id", q.ID, "panic", v, "stack", string(debug.Stack()))
		if cut = q.Access.Status != 0; !cut {
			p.refuse(w, q, errPanic)
		}
	}
	p.record(q, cut)
	if cut {
		panic(http.ErrAbortHandler)
	}
}

var errPanic = errors.New("a handler panicked")

// statusMessage is what a refused head is answered with, also where Kong has no
// text for it.
func statusMessage(status int) string {
	if status == http.StatusHTTPVersionNotSupported {
		return http.StatusText(status)
	}
	return httperror.StatusMessage(status)
}
