package upstream

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"sallyport/internal/message"
)

// header is the head as a map, for what is not on the common path.
func (h *responseHead) header() http.Header {
	m := make(http.Header, len(h.fields))
	for _, f := range h.fields {
		m[f.Name] = append(m[f.Name], f.Value)
	}
	return m
}

// respond passes the answer on. It returns when the body is through, and cuts
// the connection when that fails.
func (l *lean) respond() {
	e := l.e
	l.passHead()
	if e.r.Method != http.MethodHead && !l.body.done() {
		if err := l.copyBody(); err != nil {
			e.cut(l.cause(err), err)
		}
	}
	l.end(l.clean && l.head.keep && l.body.done())
}

// passHead writes the head without what is not for the user agent, and with our
// entry in Via.
func (l *lean) passHead() {
	w := l.e.w
	l.passed = l.cleaned(l.passed[:0])
	if hw, ok := w.(message.HeadWriter); ok && hw.WriteHead(l.head.status, l.passed) {
		return
	}
	h := w.Header()
	if len(h) == 0 {
		l.fill(h)
	} else {
		clear(l.scratch)
		l.fill(l.scratch)
		maps.Copy(h, l.scratch)
	}
	w.WriteHeader(l.head.status)
}

// cleaned appends the fields that the user agent gets.
func (l *lean) cleaned(to []message.Field) []message.Field {
	var hop tokens
	var vias []string
	for _, f := range l.head.fields {
		switch f.Name {
		case "Connection":
			hop = hop.add(f.Value)
		case "Via":
			vias = append(vias, f.Value)
		}
	}
	via := viaOne
	if len(vias) > 0 {
		via = strings.Join(vias, ", ") + ", " + viaOne
	}
	for _, f := range l.head.fields {
		if f.Name == "Via" || hopByHop(f.Name) || hop.has(f.Name) ||
			f.Name == "Set-Cookie" && len(l.e.OwnCookies) > 0 && l.e.dropsSetCookie(f.Value) {
			continue
		}
		to = append(to, f)
	}
	return append(to, message.Field{Name: "Via", Value: via})
}

// fill puts what was passed into an empty map. One array holds all the values;
// an append to one does not reach the next.
func (l *lean) fill(h http.Header) {
	values := make([]string, 0, len(l.passed))
	for _, f := range l.passed {
		if list, ok := h[f.Name]; ok {
			h[f.Name] = append(list, f.Value)
			continue
		}
		values = append(values, f.Value)
		h[f.Name] = values[len(values)-1 : len(values) : len(values)]
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // or the server would guess one
	}
}

// copyBody passes the body on, at once where somebody may be waiting for it.
func (l *lean) copyBody() error {
	e, w := l.e, l.wire
	stream := e.streams(l.head.length, l.head.get("Content-Type"))
	if stream {
		if err := flush(http.NewResponseController(e.w)); err != nil {
			return err
		}
	}
	for {
		wrote, err := l.passPieces()
		if wrote && stream && (err == nil || !isClientError(err)) {
			if err := flush(http.NewResponseController(e.w)); err != nil {
				return err
			}
		}
		if err != nil || l.body.done() {
			return err
		}
		if err := w.fill(e.readTimeout, nil); errors.Is(err, io.EOF) {
			return l.body.atEOF()
		} else if err != nil {
			return err
		}
	}
}

func isClientError(err error) bool {
	_, ok := errors.AsType[*clientError](err)
	return ok
}

// passPieces writes what of the body is in the buffer.
func (l *lean) passPieces() (wrote bool, err error) {
	w := l.wire
	for {
		data, used, err := l.body.next(w.buffer[w.start:w.end])
		w.start += used
		if len(data) > 0 {
			wrote = true
			if _, err := l.e.w.Write(data); err != nil {
				return wrote, &clientError{err}
			}
		}
		if err != nil || len(data) == 0 {
			return wrote, err
		}
	}
}
