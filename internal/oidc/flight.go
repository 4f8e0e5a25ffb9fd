package oidc

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

var errFetch = errors.New("oidc: a shared fetch ended early")

// flight is one fetch that any number of callers wait for. value and err are
// written before done is closed and not after.
type flight[T any] struct {
	done   chan struct{}
	cancel context.CancelFunc
	value  T
	err    error
}

// flights lets concurrent callers share one fetch. The fetch runs under a
// context of its own, so that a caller who leaves takes nothing from the
// others; it is bounded by the deadlines of the calls it makes. What a foreign
// document makes it panic with is an error to all of them. The zero value is
// ready.
type flights[T any] struct {
	mu      sync.Mutex // guards current and closed
	current *flight[T]
	closed  bool
}

// join waits for the fetch under way, or starts one. ctx bounds the waiting
// alone. started says that the fetch began with this call.
func (f *flights[T]) join(ctx context.Context, fetch func(context.Context) (T, error)) (value T, started bool, err error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return value, false, context.Canceled
	}
	c := f.current
	if c == nil {
		started = true
		c = &flight[T]{done: make(chan struct{})}
		fetchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // run calls it, as c.cancel
		c.cancel, f.current = cancel, c
		// Owned by f: close cancels it and waits.
		go f.run(fetchCtx, c, fetch)
	}
	f.mu.Unlock()
	select {
	case <-c.done:
		return c.value, started, c.err
	case <-ctx.Done():
		return value, started, fmt.Errorf("waiting for the provider: %w", ctx.Err())
	}
}

func (f *flights[T]) run(ctx context.Context, c *flight[T], fetch func(context.Context) (T, error)) {
	defer c.cancel()
	defer func() {
		if p := recover(); p != nil {
			c.err = fmt.Errorf("oidc: panic in a fetch: %v", p)
		}
		f.mu.Lock()
		f.current = nil
		f.mu.Unlock()
		close(c.done)
	}()
	c.err = errFetch // what remains when fetch does not return
	value, err := fetch(ctx)
	c.value, c.err = value, err
}

// close cancels the fetch under way, waits for its end, and refuses others.
func (f *flights[T]) close() {
	f.mu.Lock()
	f.closed = true
	c := f.current
	f.mu.Unlock()
	if c != nil {
		c.cancel()
		<-c.done
	}
}
