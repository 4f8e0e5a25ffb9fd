package plugin

import (
	"context"
	"sync"
)

// stream is the end of a request that can be brought about from outside.
type stream struct {
	mu sync.Mutex
	// ctx exists from the first call of Context on, and one of own and cancel
	// ends it; cause is kept for it until then. All are guarded by mu.
	ctx    context.Context //nolint:containedctx // it is the context of the request that holds it
	own    canceler
	cancel context.CancelCauseFunc
	cause  error
}

// canceler is a context of one request that can be ended with a cause, so that
// none need be derived from it.
type canceler interface {
	context.Context
	CancelCause(cause error)
}

func (s *stream) end(cause error) {
	if s.own != nil {
		s.own.CancelCause(cause)
	} else if s.cancel != nil {
		s.cancel(cause)
	}
}

// Context is the context of the exchange: done when the user agent is gone,
// when Cancel was called, or when the request is over. It is made at the first
// call, is never reused for another request, and may be kept.
func (q *Request) Context() context.Context {
	s := &q.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx = q.HTTP.Context()
		if own, ok := s.ctx.(canceler); ok {
			s.own = own
		} else {
			s.ctx, s.cancel = context.WithCancelCause(s.ctx)
		}
		if s.cause != nil {
			s.end(s.cause)
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
	s.end(cause)
}

// Release frees what Context holds. The gateway calls it when the request is
// over.
func (q *Request) Release() { q.Cancel(context.Canceled) }
