package server

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// errOver is what a body gives after its request.
var errOver = errors.New("server: the request is over")

// guardedBody is a request's body of which no read takes longer than the
// guard's timeout. It may be read by another goroutine than the handler's.
type guardedBody struct {
	g    *guard
	body io.ReadCloser

	turn sync.Mutex // held by a read from beginning to end

	mu sync.Mutex // guards what follows
	// limit is when reads end in any case; zero is never.
	limit time.Time
	// reading tells that a read is under way, over that no other may begin.
	reading, over bool
	// err is how the body ended: io.EOF when it is complete.
	err error
}

// Read implements io.Reader.
func (b *guardedBody) Read(p []byte) (int, error) {
	b.turn.Lock()
	defer b.turn.Unlock()
	if err := b.begin(); err != nil {
		return 0, err
	}
	n, err := b.body.Read(p)
	b.end(err)
	return n, err
}

func (b *guardedBody) begin() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.g.now()
	switch {
	case b.err != nil:
		return b.err
	case b.over:
		return errOver
	case !b.limit.IsZero() && !b.limit.After(now):
		return os.ErrDeadlineExceeded // nothing was lost: the connection was not asked
	}
	b.reading = true
	until := now.Add(b.g.timeout)
	if !b.limit.IsZero() && b.limit.Before(until) {
		until = b.limit
	}
	_ = b.g.control.SetReadDeadline(until)
	return nil
}

func (b *guardedBody) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	b.err = err
	if err == nil || errors.Is(err, io.EOF) {
		_ = b.g.control.SetReadDeadline(time.Time{})
	} // else the connection is given up
}

// Close implements io.Closer. The server closes its own.
func (*guardedBody) Close() error { return nil }

// bound ends reads at t, also one under way.
func (b *guardedBody) bound(t time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = t
	if b.reading && !t.IsZero() {
		_ = b.g.control.SetReadDeadline(t)
	}
}

// broken reports whether the body ended before its end.
func (b *guardedBody) broken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil && !errors.Is(b.err, io.EOF)
}

// close ends the reading of the handler, waits for a read under way, and
// reports whether the body is complete.
func (b *guardedBody) close() (complete bool) {
	b.mu.Lock()
	b.over = true
	if b.reading {
		_ = b.g.control.SetReadDeadline(time.Unix(1, 0))
	}
	b.mu.Unlock()
	b.turn.Lock()
	defer b.turn.Unlock()
	return errors.Is(b.err, io.EOF)
}

// linger reads what is left of the body for a short time and reports whether
// that was all. It is called after close.
func (b *guardedBody) linger() bool {
	if b.err != nil || expectsContinue(b.g.r) {
		return false
	}
	_ = b.g.control.SetReadDeadline(b.g.now().Add(min(lingerTime, b.g.timeout)))
	n, err := io.CopyN(io.Discard, b.body, lingerBytes)
	return errors.Is(err, io.EOF) && n < lingerBytes
}
