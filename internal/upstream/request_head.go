package upstream

import (
	"errors"
	"net/http"
	"net/textproto"
	"strconv"

	"sallyport/internal/message"
)

var errUnsendable = errors.New("invalid request header field")

// headWriter writes the head of a request into one buffer. What the plugins
// change goes into touched first, so that their changes see what they replace.
type headWriter struct {
	b       []byte
	overlay *message.Overlay
	touched http.Header
	bad     bool
}

// writeHead writes the request's head, in the order that keeps it safe: what
// the user agent sent, without hop-by-hop headers and those of ours; ours; what
// the plugins change. exchange.header is the same for http.Transport.
func (l *lean) writeHead() error {
	e := l.e
	query, force, err := e.query()
	if err != nil {
		return badRequest(err)
	}
	w := headWriter{b: append(l.request[:0], e.method()...), touched: l.scratch}
	if e.Header != nil && !e.Header.Empty() {
		w.overlay = e.Header
	}
	w.bad = !token(e.method())
	w.b = append(w.b, ' ')
	w.b = append(w.b, e.Path...)
	if query != "" || force {
		w.b = append(w.b, '?')
		w.b = append(w.b, query...)
	}
	w.b = append(w.b, " HTTP/1.1\r\n"...)
	w.line("Host", e.host())
	w.length(e)
	w.received(e)
	e.forward(w.ours)
	w.ours("Connection", "keep-alive")
	w.changed(e)
	w.b = append(w.b, "\r\n"...)
	l.request = w.b
	if w.bad {
		return gatewayError(http.StatusBadGateway, errUnsendable)
	}
	return nil
}

// length frames the body (RFC 9112 §6.3).
func (w *headWriter) length(e *exchange) {
	switch {
	case e.source == nil:
		switch e.method() {
		case http.MethodPost, http.MethodPut, http.MethodPatch:
			w.b = append(w.b, "Content-Length: 0\r\n"...)
		}
	case e.r.ContentLength < 0:
		w.b = append(w.b, "Transfer-Encoding: chunked\r\n"...)
	default:
		w.b = append(w.b, "Content-Length: "...)
		w.b = strconv.AppendInt(w.b, e.r.ContentLength, 10)
		w.b = append(w.b, "\r\n"...)
	}
}

// received writes what goes on of the user agent's headers.
func (w *headWriter) received(e *exchange) {
	named := connectionTokens(e.r.Header)
	for name, values := range e.r.Header {
		if framesMessage(name) || removed(name) || named.has(name) || e.Rewrite != nil && describesBody(name) {
			continue
		}
		if name == "Cookie" && (len(values) > 1 || len(e.DropCookies) > 0) {
			if kept := keptCookies(values, e.DropCookies); kept != "" {
				w.set(name, kept)
			}
			continue
		}
		touched := w.touches(name)
		for _, value := range values {
			if !touched {
				w.line(name, value)
			} else if !message.ValidValue(value) {
				w.bad = true
			}
		}
		if touched {
			w.touched[name] = values
		}
	}
}

// framesMessage reports whether a header is written by us alone, whoever sets
// it.
func framesMessage(name string) bool {
	switch name {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

// changed writes the headers that the plugins have a say in.
func (w *headWriter) changed(e *exchange) {
	if w.overlay == nil {
		return
	}
	e.overlay(w.touched)
	for name, values := range w.touched {
		if framesMessage(name) {
			continue
		}
		if !token(name) {
			w.bad = true
			return
		}
		for _, value := range values { // Apply has checked what it set, the others were before
			w.append(name, textproto.TrimString(value))
		}
	}
}

func (w *headWriter) touches(name string) bool { return w.overlay != nil && w.overlay.Touches(name) }

func (w *headWriter) set(name, value string) {
	if !w.touches(name) {
		w.line(name, value)
		return
	}
	w.bad = w.bad || !message.ValidValue(value)
	w.touched[name] = []string{value}
}

// ours writes a header under a name of ours.
func (w *headWriter) ours(name, value string) {
	switch {
	case !message.ValidValue(value):
		w.bad = true
	case w.touches(name):
		w.touched[name] = []string{value}
	default:
		w.append(name, value)
	}
}

// line writes a header. Nothing in it can end the line early.
func (w *headWriter) line(name, value string) {
	if !token(name) || !message.ValidValue(value) {
		w.bad = true
		return
	}
	w.append(name, value)
}

func (w *headWriter) append(name, value string) {
	w.b = append(append(append(append(w.b, name...), ": "...), value...), "\r\n"...)
}
