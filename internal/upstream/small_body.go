package upstream

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// smallBody is the largest request body that is sent in one write with the
// head, in bytes.
const smallBody = 16 << 10

// smallWait is how long a small body may take to come, unless a test says
// otherwise; then it is sent as it comes, so that an upstream may answer before
// it has it.
const smallWait = 100 * time.Millisecond

// bufferBody reads a small body of known length behind the head, so that both
// go out in one write.
func (l *lean) bufferBody() error {
	source, length := l.e.source, l.e.r.ContentLength
	if source == nil || l.small || l.slow || length < 0 || length > smallBody {
		return nil
	}
	if source.rewind == nil {
		whole, err := l.collect(int(length))
		if err != nil || !whole {
			l.slow = !whole
			return err
		}
	}
	l.small = true
	head := len(l.request)
	l.request = slices.Grow(l.request, int(length))[:head+int(length)]
	if _, err := io.ReadFull(source.open(), l.request[head:]); err != nil {
		source.failed.CompareAndSwap(nil, &err)
		return err
	}
	return nil
}

// collect reads a body into what is kept of it. whole is false when that takes
// too long: whoever opens the source goes on with it.
func (l *lean) collect(length int) (whole bool, err error) {
	source, proxy := l.e.source, l.e.t.proxy
	source.keep()
	var enough atomic.Bool
	done := make(chan error, 1)
	// Opened here: a goroutine that begins late would take the body from whoever
	// has opened it meanwhile. It ends with the body, or once a Read in flight
	// has returned.
	body := source.open()
	go func() { done <- proxy.collect(body, length, &enough) }()
	defer enough.Store(true)
	timer := time.NewTimer(proxy.smallWait)
	defer timer.Stop()
	select {
	case err = <-done:
	case <-timer.C:
		return false, nil
	case <-l.e.ctx.Done():
		timer.Reset(lastWrite)
		select { // it may be the end of the body that ended the context
		case err = <-done:
		case <-timer.C:
			return false, context.Cause(l.e.ctx)
		}
	}
	if err != nil {
		source.failed.CompareAndSwap(nil, &err)
	}
	return err == nil, err
}

func (p *Proxy) collect(body io.Reader, length int, enough *atomic.Bool) error {
	buffer, giveBack := p.buffer()
	defer giveBack()
	for n := 0; n < length; {
		if enough.Load() {
			return errDetached
		}
		m, err := body.Read(buffer[:length-n])
		if n += m; err != nil && n < length {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}
