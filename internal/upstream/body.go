package upstream

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

var errDetached = errors.New("upstream: the exchange is over")

// bodySource is a request's body over all attempts.
type bodySource struct {
	r *http.Request
	// rewind is not nil when the body can be sent more than once.
	rewind func() io.ReadCloser
	// used tells that an attempt has read of it.
	used atomic.Bool
	// failed holds the error of the user agent's side.
	failed atomic.Pointer[error]
}

// newBodySource is nil for a request without a body.
func newBodySource(r *http.Request) *bodySource {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	s := &bodySource{r: r}
	if b, ok := r.Body.(interface{ Rewind() io.ReadCloser }); ok {
		s.rewind = b.Rewind
	}
	return s
}

func (s *bodySource) open() io.Reader {
	if s.rewind != nil {
		return s.rewind()
	}
	return s.r.Body
}

// replayable reports whether another attempt may send the body.
func (s *bodySource) replayable() bool {
	return s == nil || s.rewind != nil || !s.used.Load()
}

// failure is what went wrong on the user agent's side, nil for nothing.
func (s *bodySource) failure() error {
	if s == nil {
		return nil
	}
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// pace learns when the user agent is waited for.
type pace interface {
	bodyWaits()
	bodyGoes()
}

// sentBody is the body of one attempt. The transport reads and closes it, in
// its own time: after detach it gives nothing and touches nothing of the
// request. Close leaves the source open for the next attempt and the server.
type sentBody struct {
	// pace is told of each read; nil for nobody.
	pace    pace
	source  *bodySource
	body    io.Reader
	trailer http.Header

	mu       sync.Mutex // guards detached
	detached bool
}

// Read implements io.Reader. The user agent's slowness is not the upstream's:
// no timeout runs meanwhile.
func (b *sentBody) Read(p []byte) (int, error) {
	if b.over() {
		return 0, errDetached
	}
	b.source.used.Store(true)
	if b.pace != nil {
		b.pace.bodyWaits()
	}
	n, err := b.body.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detached {
		return 0, errDetached
	}
	switch {
	case errors.Is(err, io.EOF):
		fillTrailer(b.trailer, b.source.r.Trailer)
	case err != nil:
		b.source.failed.CompareAndSwap(nil, &err)
	}
	if b.pace != nil {
		b.pace.bodyGoes()
	}
	return n, err
}

// Close implements io.Closer.
func (b *sentBody) Close() error {
	b.detach()
	return nil
}

func (b *sentBody) over() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.detached
}

func (b *sentBody) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.detached = true
}
