package plugin

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
)

// ErrPoisoned is what a body gives that is read after the handler it was lent
// to returned.
var ErrPoisoned = errors.New("plugin: request body read after the handler returned")

// PoisonedValue stands in all header values that a handler kept.
const PoisonedValue = "kept after the handler returned"

// Poison wraps a handler so that it gets a copy of the request, its header, URL
// and body, and a wrapped ResponseWriter, all of which are made useless when it
// returns: a handler that breaks the lifetime rules fails loudly. Tests run
// with it; a front that reuses requests makes it necessary.
func Poison(h Handler) Handler { return &poisoned{h} }

type poisoned struct{ h Handler }

// Serve implements Handler.
func (p *poisoned) Serve(w http.ResponseWriter, q *Request, next Next) error {
	l := lend(w, q)
	defer l.end(q)
	return p.h.Serve(l.writer, q, next)
}

// Close implements Closer.
func (p *poisoned) Close() {
	if c, ok := p.h.(Closer); ok {
		c.Close()
	}
}

// PoisonNext is Poison for the end of a chain.
func PoisonNext(next Next) Next {
	return func(w http.ResponseWriter, q *Request) error {
		l := lend(w, q)
		defer l.end(q)
		return next(l.writer, q)
	}
}

// loan is what one handler got.
type loan struct {
	original *http.Request
	copied   *http.Request
	body     *poisonBody
	writer   *poisonWriter
	header   http.Header
	url      *url.URL
}

func lend(w http.ResponseWriter, q *Request) *loan {
	l := &loan{original: q.HTTP, copied: new(http.Request), writer: &poisonWriter{w: w}}
	*l.copied = *q.HTTP
	l.header = q.HTTP.Header.Clone()
	l.copied.Header = l.header
	l.url = new(url.URL)
	if q.HTTP.URL != nil {
		*l.url = *q.HTTP.URL
	}
	l.copied.URL = l.url
	if q.HTTP.Body != nil && q.HTTP.Body != http.NoBody {
		l.body = &poisonBody{body: q.HTTP.Body}
		l.copied.Body = l.body
		if _, ok := q.HTTP.Body.(rewinder); ok {
			l.copied.Body = poisonReplay{l.body}
		}
	}
	l.copied.Trailer = q.HTTP.Trailer
	q.HTTP = l.copied
	return l
}

func (l *loan) end(q *Request) {
	switch l.copied.Body.(type) {
	case *replay, failedBody:
		l.original.Body = l.copied.Body // it was peeked into
	}
	q.HTTP = l.original
	for _, values := range l.header {
		for i := range values {
			values[i] = PoisonedValue
		}
	}
	clear(l.header)
	*l.url = url.URL{Scheme: "poisoned", Opaque: PoisonedValue}
	*l.copied = http.Request{Method: "POISONED", Header: l.header, URL: l.url, Body: failedBody{ErrPoisoned}}
	if l.body != nil {
		l.body.dead.Store(true)
	}
	l.writer.dead.Store(true)
}

// poisonBody fails once its loan is over. A Read in flight may finish: the
// transport reads on after its RoundTrip returned.
type poisonBody struct {
	body io.ReadCloser
	dead atomic.Bool
}

// Read implements io.Reader.
func (b *poisonBody) Read(p []byte) (int, error) {
	if b.dead.Load() {
		return 0, ErrPoisoned
	}
	return b.body.Read(p)
}

// Close implements io.Closer.
func (b *poisonBody) Close() error {
	if b.dead.Load() {
		return ErrPoisoned
	}
	return b.body.Close()
}

type rewinder interface{ Rewind() io.ReadCloser }

// poisonReplay is a poisonBody that can be sent again.
type poisonReplay struct{ *poisonBody }

// Rewind gives the body from its beginning.
func (b poisonReplay) Rewind() io.ReadCloser {
	if b.dead.Load() {
		return failedBody{ErrPoisoned}
	}
	return b.body.(rewinder).Rewind()
}

// poisonWriter panics once its loan is over.
type poisonWriter struct {
	w    http.ResponseWriter
	dead atomic.Bool
}

func (w *poisonWriter) check() http.ResponseWriter {
	if w.dead.Load() {
		panic("plugin: ResponseWriter used after the handler returned")
	}
	return w.w
}

// Header implements http.ResponseWriter.
func (w *poisonWriter) Header() http.Header { return w.check().Header() }

// Write implements http.ResponseWriter.
func (w *poisonWriter) Write(p []byte) (int, error) { return w.check().Write(p) }

// WriteHeader implements http.ResponseWriter.
func (w *poisonWriter) WriteHeader(status int) { w.check().WriteHeader(status) }

// Unwrap lets http.ResponseController through.
func (w *poisonWriter) Unwrap() http.ResponseWriter { return w.check() }
