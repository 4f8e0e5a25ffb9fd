package upstream

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
)

// header is the head as a map, for what is not on the common path.
func (h *responseHead) header() http.Header {
	m := make(http.Header, len(h.fields))
	for _, f := range h.fields {
		m[f.name] = append(m[f.name], f.value)
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
	h := l.e.w.Header()
	if len(h) == 0 {
		l.fill(h)
	} else {
		clear(l.scratch)
		l.fill(l.scratch)
		maps.Copy(h, l.scratch)
	}
	l.e.w.WriteHeader(l.head.status)
}

// fill puts the headers into an empty map. One array holds all the values; an
// append to one does not reach the next.
func (l *lean) fill(h http.Header) {
	fields := l.head.fields
	var hop tokens
	for _, f := range fields {
		if f.name == "Connection" {
			hop = hop.add(f.value)
		}
	}
	values := make([]string, 0, len(fields)+1)
	via := viaOne
	for _, f := range fields {
		if hopByHop(f.name) || hop.has(f.name) {
			continue
		}
		if f.name == "Set-Cookie" && len(l.e.OwnCookies) > 0 && l.e.dropsSetCookie(f.value) {
			continue
		}
		if list, ok := h[f.name]; ok {
			h[f.name] = append(list, f.value)
			continue
		}
		values = append(values, f.value)
		h[f.name] = values[len(values)-1 : len(values) : len(values)]
	}
	if before := h["Via"]; len(before) > 0 {
		via = strings.Join(before, ", ") + ", " + viaOne
	}
	values = append(values, via)
	h["Via"] = values[len(values)-1:]
	if h["Content-Type"] == nil {
		h["Content-Type"] = nil // or the server would guess one
	}
}

// copyBody passes the body on, at once where somebody may be waiting for it.
func (l *lean) copyBody() error {
	e, w := l.e, l.wire
	flusher := http.NewResponseController(e.w)
	stream := e.streams(l.head.length, l.head.get("Content-Type"))
	if stream {
		if err := flush(flusher); err != nil {
			return err
		}
	}
	for {
		wrote, err := l.passPieces()
		if wrote && stream && (err == nil || !isClientError(err)) {
			if err := flush(flusher); err != nil {
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
