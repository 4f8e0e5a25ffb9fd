package plugin

import (
	"context"
	"sync"
)

// stream is the end of a request that can be brought about from outside.
type stream struct {
	mu sync.Mutex
	// ctx and cancel exist from the first call of Context on; cause is kept
	// for it until then. All are guarded by mu.
	ctx    context.Context //nolint:containedctx // it is the context of the request that holds it
	cancel context.CancelCauseFunc
	cause  error
}

// Context is the context of the exchange: done when the user agent is gone,
// when Cancel was called, or when the request is over. It is made at the first
// call, is never reused for another request, and may be kept.
func (q *Request) Context() context.Context {
	s := &q.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancelCause(q.HTTP.Context())
		if s.cause != nil {
			s.cancel(s.cause)
		}
	}
	return s.ctx
}

// Cancel ends the exchange: a request upstream that has no response head yet
// fails with cause (an *httperror.Error is rendered as such), a response under
// way is cut, a tunnel is closed. Only the first cause counts; nil stands for
// context.Canceled. It may be called at any time from any goroutine.
func (q *Request) Cancel(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	s := &q.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.cause = cause
	}
	if s.cancel != nil {
		s.cancel(cause)
	}
}

// Release frees what Context holds. The gateway calls it when the request is
// over.
func (q *Request) Release() { q.Cancel(context.Canceled) }
