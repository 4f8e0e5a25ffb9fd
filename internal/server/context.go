package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// requestContext is the context of one request; it is not used again. Its
// channel is made when somebody asks for it.
type requestContext struct {
	local net.Addr
	peer  netip.Addr

	mu   sync.Mutex // guards what follows
	done chan struct{}
	err  error
	// caused has ended with the cause, if that is another than err, so that
	// context.Cause finds it. What wraps err is another.
	caused context.Context //nolint:containedctx // it carries a cause and nothing else
	watch  func()
	after  map[*func()]struct{}
}

var _ context.Context = (*requestContext)(nil)

// Deadline implements context.Context.
func (c *requestContext) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements context.Context.
func (c *requestContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.err != nil {
			close(c.done)
		}
	}
	return c.done
}

// Err implements context.Context.
func (c *requestContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Value implements context.Context.
func (c *requestContext) Value(key any) any {
	if key == http.LocalAddrContextKey {
		return c.local
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.caused == nil {
		return nil
	}
	return c.caused.Value(key)
}

// Peer is the address of the client's end of the connection, where message.New
// looks for it.
func (c *requestContext) Peer() netip.Addr { return c.peer }

// Watch calls f, once and in a goroutine of its own, if the request is given up
// before Unwatch. There is one watcher at a time. It is AfterFunc without
// allocation.
func (c *requestContext) Watch(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f() // as AfterFunc has it
		return
	}
	c.watch = f
}

// Unwatch ends Watch, and reports whether f was not and will not be called.
func (c *requestContext) Unwatch() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.watch != nil
	c.watch = nil
	return waiting
}

// AfterFunc lets package context derive from this one without a goroutine. f
// runs once in a goroutine of its own when the request is over or given up.
func (c *requestContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f() // package context bounds it: it marks its children
		return func() bool { return false }
	}
	if c.after == nil {
		c.after = make(map[*func()]struct{}, 1)
	}
	key := &f
	c.after[key] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.after[key]
		delete(c.after, key)
		return waiting
	}
}

// cancel ends the context. Only the first call counts.
func (c *requestContext) cancel() { c.CancelCause(context.Canceled) }

// CancelCause ends the context with a cause, which context.Cause gives. Only the
// first call counts.
func (c *requestContext) CancelCause(cause error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = context.Canceled
	if cause != context.Canceled { //nolint:errorlint // an error around it says more
		caused, end := context.WithCancelCause(context.Background())
		end(cause)
		c.caused = caused
	}
	if c.done != nil {
		close(c.done)
	}
	watch, after := c.watch, c.after
	c.watch, c.after = nil, nil
	c.mu.Unlock()
	if watch != nil {
		go watch() // it ends by itself: it closes a connection
	}
	for f := range after {
		go (*f)() // as context.AfterFunc has it
	}
}
