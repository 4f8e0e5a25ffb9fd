package redis

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// limits gives each call its time. It is safe for concurrent use.
type limits struct {
	timeout time.Duration
	current atomic.Pointer[period]
}

// period is the context of the calls that begin within an eighth of the timeout:
// a context and a timer for each call would cost as much as its command.
type period struct {
	ctx    context.Context //nolint:containedctx // calls share it
	cancel context.CancelFunc
}

// call is Client.Bound.
func (l *limits) call(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if ctx.Err() != nil {
		return nil, nil, fmt.Errorf("redis: %w", context.Cause(ctx))
	}
	if d, ok := ctx.Deadline(); ok {
		if left := time.Until(d); left < l.timeout {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), left)
			return ctx, cancel, nil
		}
	}
	return l.shared(), func() {}, nil
}

func (l *limits) shared() context.Context {
	now := l.current.Load()
	if now != nil {
		if end, ok := now.ctx.Deadline(); ok && time.Until(end) > l.timeout-l.timeout/8 {
			return now.ctx
		}
	}
	next := new(period)
	next.ctx, next.cancel = context.WithTimeout(context.Background(), l.timeout)
	if !l.current.CompareAndSwap(now, next) {
		next.cancel() // somebody else's is as good
		return l.current.Load().ctx
	}
	return next.ctx
}

// end ends the calls that are under way.
func (l *limits) end() {
	if now := l.current.Load(); now != nil {
		now.cancel()
	}
}
