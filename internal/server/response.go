package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// maxHeld is how much of a body without a declared length waits for its end, in
// bytes, so that its length can be told.
const maxHeld = 2 << 10

// framing is how the end of a response's body is told.
type framing int

const (
	undecided  framing = iota // the head is not complete
	byLength                  // Content-Length
	byChunks                  // Transfer-Encoding: chunked
	byClose                   // the end of the connection, for HTTP/1.0
	withoutAny                // there is no body
)

// response is the ResponseWriter of one request at a time.
type response struct {
	c      *conn
	req    *http.Request
	body   *body // nil without one
	header http.Header

	// status is that of the final head, 0 before it.
	status  int
	framing framing
	// declared is the length that the handler gave, -1 for none; written counts
	// what it wrote.
	declared, written int64
	head, old, keep   bool
	// closing tells that the connection ends with this response.
	closing, hijacked, deadlines bool
	// announced are the names of the trailers.
	announced []string
	// out is what is to be sent next, held what waits for its framing.
	out, held         []byte
	lentOut, lentHeld *buffer
	err               error
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Flusher        = (*response)(nil)
	_ http.Hijacker       = (*response)(nil)
)

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid response status %d", status))
	}
	switch {
	case w.hijacked || w.status != 0:
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.inform(status)
	default:
		w.status = status
		w.beginHead()
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.hijacked {
		return 0, http.ErrHijacked
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if !bodyAllowed(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	if w.declared >= 0 && w.written > w.declared {
		w.closing = true
		return 0, http.ErrContentLength
	}
	if w.head {
		return len(p), nil
	}
	if w.framing == undecided {
		if len(w.held)+len(p) <= maxHeld {
			w.hold(p)
			return len(p), nil
		}
		w.decide()
	}
	w.appendBody(p)
	if w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

func (w *response) hold(p []byte) {
	if w.lentHeld == nil {
		w.lentHeld = getBuffer()
		w.held = w.lentHeld[:0]
	}
	w.held = append(w.held, p...)
}

// decide completes the head of a response whose length is not known, and takes
// what was held.
func (w *response) decide() {
	switch {
	case w.framing != undecided:
		return
	case w.head:
		w.framing = withoutAny
	case w.old:
		w.framing = byClose
	default:
		w.framing = byChunks
	}
	w.endHead()
	if held := w.held; len(held) > 0 {
		w.held = nil
		w.appendBody(held)
	}
}

// appendBody frames p and sends what does not fit.
func (w *response) appendBody(p []byte) {
	if w.framing != byChunks {
		if w.fits(p) {
			w.out = append(w.out, p...)
			return
		}
		w.send(p)
		return
	}
	w.out = append(strconv.AppendInt(w.out, int64(len(p)), 16), "\r\n"...)
	if w.fits(p) {
		w.out = append(append(w.out, p...), "\r\n"...)
		return
	}
	if w.err != nil {
		return
	}
	open, err := w.c.writeChunk(w.out, p)
	w.out = w.out[:0]
	w.failed(err)
	if open {
		w.out = append(w.out, "\r\n"...)
	}
}

func (w *response) fits(p []byte) bool { return len(w.out)+len(p) <= bufferSize-maxFrame }

// maxFrame is room for the end of one chunk, the length of the next, and the
// last chunk.
const maxFrame = 64

// send writes what is to be sent, then p.
func (w *response) send(p []byte) {
	if w.err == nil && len(w.out)+len(p) > 0 {
		w.failed(w.c.write(w.out, p))
	}
	w.out = w.out[:0]
}

// failed notes an error of writing: the client is gone.
func (w *response) failed(err error) {
	if err == nil {
		return
	}
	w.err, w.closing = err, true
	if ctx := w.c.current.Load(); ctx != nil {
		ctx.cancel()
	}
}

// FlushError is what http.ResponseController calls.
func (w *response) FlushError() error {
	if w.hijacked {
		return http.ErrHijacked
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.decide()
	w.send(nil)
	return w.err
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() } // the next Write tells

// Hijack implements http.Hijacker. What was written so far is sent.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.hijacked {
		return nil, nil, http.ErrHijacked
	}
	c := w.c
	if c.inTurn {
		return nil, nil, http.ErrNotSupported // nobody who may switch protocols was asked to
	}
	if w.body != nil {
		w.body.end()
	}
	if w.status != 0 {
		if err := w.FlushError(); err != nil {
			return nil, nil, err
		}
	}
	if err := c.net.SetDeadline(time.Time{}); err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	c.enter(handed)
	ahead := bytes.Clone(c.in.unread())
	c.in.consume(len(ahead))
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(ahead), c.net), max(len(ahead), 4<<10))
	_, err := r.Peek(len(ahead)) // into its buffer, where a tunnel looks for it
	return c.net, bufio.NewReadWriter(r, bufio.NewWriter(c.net)), err
}

// SetReadDeadline is what http.ResponseController calls.
func (w *response) SetReadDeadline(t time.Time) error {
	w.deadlines = true
	return w.c.net.SetReadDeadline(t)
}

// SetWriteDeadline is what http.ResponseController calls.
func (w *response) SetWriteDeadline(t time.Time) error {
	w.deadlines = true
	return w.c.net.SetWriteDeadline(t)
}

// EnableFullDuplex is what http.ResponseController calls. The front is always
// full duplex: writing a response reads nothing.
func (w *response) EnableFullDuplex() error { return nil }

// finish sends what is left once the handler has returned.
func (w *response) finish() {
	if w.hijacked {
		return
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.framing == undecided {
		w.finishHeld()
	}
	switch {
	case w.framing == byChunks:
		w.out = append(w.out, "0\r\n"...)
		for _, name := range w.announced {
			w.out = appendField(w.out, name, w.header[name])
		}
		w.out = append(w.out, "\r\n"...)
	case w.framing == byLength && !w.head && bodyAllowed(w.status) && w.written != w.declared:
		w.closing = true // the missing end tells that it is truncated
	case w.status == http.StatusSwitchingProtocols:
		w.closing = true // nobody speaks the other protocol
	}
	w.send(nil)
}

// finishHeld completes a response all of which is there.
func (w *response) finishHeld() {
	if len(w.announced) > 0 && !w.old && !w.head {
		w.decide()
		return
	}
	w.framing = byLength
	w.declared = w.written
	if w.head && w.written == 0 {
		w.framing, w.declared = withoutAny, -1
	}
	w.endHead()
	w.appendBody(w.held)
	w.held = nil
}

// abort ends the connection so that what was sent does not look complete.
func (w *response) abort() {
	if w.hijacked {
		_ = w.c.net.Close()
		return
	}
	if w.body != nil {
		w.body.end()
	}
	if w.framing == byClose {
		_ = w.c.SetLinger(0) // only a reset can tell
	}
	if w.c.inTurn {
		w.c.broken = true // the connection is closed once the turn has ended
		return
	}
	_ = w.c.Close()
}

// settle prepares the connection for the next request and reports whether there
// may be one.
func (w *response) settle() bool {
	if w.hijacked {
		return false
	}
	if w.deadlines && w.c.net.SetDeadline(time.Time{}) != nil {
		return false
	}
	if w.body != nil {
		if w.closing || !w.body.drain() {
			w.c.linger = w.err == nil && !w.body.complete.Load()
			return false
		}
	}
	return !w.closing
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
