package upstream

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

var errDetached = errors.New("upstream: the exchange is over")

// maxKept is how much of a body is kept to send it again, in bytes.
const maxKept = 64 << 10

// bodySource is a request's body over all attempts.
type bodySource struct {
	r *http.Request
	// rewind is not nil when the body comes with a way to send it again.
	rewind func() io.ReadCloser
	// body is the user agent's. It outlives the request that it came with, which
	// is used again once the handler has returned.
	body io.Reader
	// used tells that an attempt has read of it.
	used atomic.Bool
	// failed holds the error of the user agent's side.
	failed atomic.Pointer[error]

	turn sync.Mutex // held while the user agent's body is read; taken before mu

	mu sync.Mutex // guards what follows
	// keeps tells that kept holds all that was read so far, complete that
	// nothing comes after it.
	keeps, complete bool
	kept            []byte
	// current is the reader of the attempt under way.
	current *keptBody
}

// newBodySource is nil for a request without a body. keep tells that another
// attempt may follow.
func newBodySource(r *http.Request, keep bool) *bodySource {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	s := &bodySource{r: r, body: r.Body, keeps: keep}
	if b, ok := r.Body.(interface{ Rewind() io.ReadCloser }); ok {
		s.rewind, s.keeps = b.Rewind, false
	}
	return s
}

func (s *bodySource) open() io.Reader {
	if s.rewind != nil {
		return s.rewind()
	}
	b := &keptBody{s: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = b
	return b
}

// replayable reports whether another attempt may send the body.
func (s *bodySource) replayable() bool {
	if s == nil || s.rewind != nil || !s.used.Load() {
		return true
	}
	if !s.turn.TryLock() {
		return false // somebody still reads it
	}
	defer s.turn.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keeps
}

// keep keeps what is read from now on. Nothing was read yet.
func (s *bodySource) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keeps = true
}

// keptBody is the body from its beginning: what was kept, and then the rest.
type keptBody struct {
	s   *bodySource
	off int
}

// Read implements io.Reader. What was kept does not wait for what is read.
func (b *keptBody) Read(p []byte) (int, error) {
	if n, err := b.again(p); n > 0 || err != nil {
		return n, err
	}
	s := b.s
	s.turn.Lock()
	defer s.turn.Unlock()
	if n, err := b.again(p); n > 0 || err != nil {
		return n, err
	}
	if s.superseded(b) {
		return 0, errDetached
	}
	n, err := s.body.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complete = errors.Is(err, io.EOF)
	// What an attempt that was given up still read belongs to the next one,
	// whatever its size.
	if s.keeps = s.keeps && (len(s.kept)+n <= maxKept || s.current != b); s.keeps {
		s.kept = append(s.kept, p[:n]...)
		b.off += n
	} else {
		s.kept = nil // nobody begins again
	}
	return n, err
}

// superseded tells that another attempt reads the body in b's place.
func (s *bodySource) superseded(b *keptBody) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != b
}

// again reads what was kept.
func (b *keptBody) again(p []byte) (int, error) {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.off < len(s.kept) {
		n := copy(p, s.kept[b.off:])
		b.off += n
		return n, nil
	}
	if s.complete {
		return 0, io.EOF
	}
	return 0, nil
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

// pace learns when the user agent is waited for, and may end that.
type pace interface {
	bodyWaits() bool
	bodyGoes()
	wasInterrupted() bool
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
	if b.pace != nil && !b.pace.bodyWaits() {
		return 0, errDetached
	}
	n, err := b.body.Read(p)
	if b.pace != nil {
		b.pace.bodyGoes()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detached {
		return 0, errDetached
	}
	switch {
	case errors.Is(err, io.EOF):
		fillTrailer(b.trailer, b.source.r.Trailer)
	case err != nil && (b.pace == nil || !b.pace.wasInterrupted()):
		b.source.failed.CompareAndSwap(nil, &err)
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
