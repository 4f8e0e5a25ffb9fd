package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"sallyport/internal/entity"
	"sallyport/internal/httperror"
	"sallyport/internal/plugin"
	"sallyport/internal/router"
	"sallyport/internal/upstream"
)

// Serve answers a request of which HTTP, Canonical, ID and Start are set, and
// fills its access record. It panics with http.ErrAbortHandler when the
// response must not look complete; the record is filled then as well.
func (g *Gateway) Serve(w http.ResponseWriter, q *plugin.Request) {
	s := g.acquire()
	defer s.release()
	defer q.Release()
	h := heads.Get().(*head) // the pool holds nothing else
	*h = head{w: w, g: g, q: q}
	if err := g.run(s, h, q); err != nil {
		g.fail(h, q, err)
	}
	if !h.wrote {
		h.WriteHeader(http.StatusOK) // a handler answered with nothing
	}
	*h = head{}
	heads.Put(h)
}

// heads and forwards are lent for one request, after which nobody may keep them
// (design C1).
var (
	heads    = sync.Pool{New: func() any { return new(head) }}
	forwards = sync.Pool{New: func() any { return new(upstream.Exchange) }}
)

// run carries the request through its chain and turns a panic into an error.
func (g *Gateway) run(s *snapshot, h *head, q *plugin.Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	m, ok := s.router.Match(&q.Canonical, q.HTTP.Header)
	if !ok {
		return noRoute(h, q)
	}
	q.Route, q.Service, q.Consumers = m.Route, m.Service, s.consumers
	if err := requireGRPC(q); err != nil {
		return err
	}
	if m.UpgradeRequired {
		return requireHTTPS(h, q)
	}
	q.UpstreamPath = router.UpstreamPath(m, q.Canonical.Path)
	if m.Route.StripPath {
		q.StrippedPrefix = m.Prefix
	}
	return s.chains[m.Route](h, q)
}

// fail renders err, the one place that does. Where the head is out it cuts the
// connection instead.
func (g *Gateway) fail(h *head, q *plugin.Request, err error) {
	q.Access.Err = err
	if h.wrote {
		panic(http.ErrAbortHandler)
	}
	clear(h.w.Header()) // what was meant for another answer
	if e := httperror.From(err); e.Status >= http.StatusInternalServerError {
		attrs := []any{"status", e.Status, "error", e.Error(), "request_id", q.ID}
		if q.FlowID != "" {
			attrs = append(attrs, "flow_id", q.FlowID)
		}
		if p, ok := errors.AsType[*panicError](err); ok {
			attrs = append(attrs, "stack", string(p.stack))
		}
		g.logger.ErrorContext(q.HTTP.Context(), "request failed", attrs...)
	}
	r := q.HTTP
	httperror.Render(h, httperror.Request{
		Method: r.Method, Accept: r.Header.Get("Accept"), ContentType: r.Header.Get("Content-Type"), RequestID: q.ID,
	}, err)
}

// panicError is a panic of a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func noRoute(http.ResponseWriter, *plugin.Request) error {
	return httperror.New(http.StatusNotFound, "no Route matched with those values")
}

func noService(http.ResponseWriter, *plugin.Request) error {
	return httperror.New(http.StatusServiceUnavailable, "no Service found with those values")
}

// requireGRPC refuses what is no gRPC on a route for gRPC, as Kong does.
func requireGRPC(q *plugin.Request) error {
	if !slices.Contains(q.Route.Protocols, "grpc") && !slices.Contains(q.Route.Protocols, "grpcs") {
		return nil
	}
	if !strings.HasPrefix(q.HTTP.Header.Get("Content-Type"), "application/grpc") {
		return httperror.New(http.StatusUnsupportedMediaType, "Non-gRPC request matched gRPC route")
	}
	if q.Canonical.ProtoMajor == 1 {
		e := httperror.New(http.StatusUpgradeRequired, "Please use HTTP2 protocol")
		e.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"HTTP/2"}}
		return e
	}
	return nil
}

// requireHTTPS answers a plain request to a route that is for https alone.
func requireHTTPS(w http.ResponseWriter, q *plugin.Request) error {
	status := q.Route.HTTPSRedirectStatusCode
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		c := &q.Canonical
		location := "https://" + c.ForwardedHost + c.RawPath
		if c.RawQuery != "" || c.ForceQuery {
			location += "?" + c.RawQuery
		}
		w.Header().Set("Location", location)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(status)
		return nil
	}
	e := httperror.New(http.StatusUpgradeRequired, "Please use HTTPS protocol")
	if q.Canonical.ProtoMajor == 1 {
		e.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"TLS/1.2, HTTP/1.1"}}
	}
	return e
}

// forward is the end of a route's chain.
func forward(t *upstream.Target, r *entity.Route) plugin.Next {
	return func(w http.ResponseWriter, q *plugin.Request) error {
		x := forwards.Get().(*upstream.Exchange) // the pool holds nothing else
		*x = upstream.Exchange{
			Canonical: &q.Canonical, Route: r,
			Path: q.UpstreamPath, StrippedPrefix: q.StrippedPrefix, RequestID: q.ID,
			Header: &q.Upstream, DropCookies: q.DropUpstreamCookies, OwnCookies: q.OwnCookies,
			Recorder: q,
		}
		if q.Rewrite != nil {
			x.Rewrite = &upstream.Rewrite{Method: q.Rewrite.Method, RawQuery: q.Rewrite.RawQuery}
		}
		err := t.Serve(q.Context(), w, q.HTTP, x)
		if q.HTTP.Body == http.NoBody { // of a body, a goroutine may still be asking
			*x = upstream.Exchange{}
			forwards.Put(x)
		}
		return err
	}
}
