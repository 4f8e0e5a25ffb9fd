package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrBusy means that so many calls are under way that another one is not made.
var ErrBusy = errors.New("cache: too many calls under way")

// errEnded is what those who wait get when a call ends by a panic.
var errEnded = errors.New("cache: a shared call ended early")

// call is one fetch that any number of callers wait for. value and err are
// written before done is closed and not after.
type call[V any] struct {
	done  chan struct{}
	value V
	err   error
}

type calls[V any] struct {
	limit int

	mu    sync.Mutex // guards under
	under map[Key]*call[V]
}

// Do returns the value of key, from the cache or by fetch, which it keeps as
// long as fetch says. Callers that ask at the same moment share one fetch. It
// runs in the first one's goroutine and goes on when that caller's ctx ends,
// since others may wait: fetch must bound itself. A value that has gone stale
// stands in for an error that soft accepts; nil accepts none.
func (c *Cache[V]) Do(ctx context.Context, key Key, fetch func(context.Context) (Value[V], error), soft func(error) bool) (V, error) {
	if v, ok := c.Get(key); ok {
		return v, nil
	}
	value, err := c.calls.do(ctx, key, func(ctx context.Context) (V, error) {
		if v, ok := c.Get(key); ok { // came while we were on the way here
			return v, nil
		}
		value, err := fetch(ctx)
		if err != nil {
			return value.V, err
		}
		c.Put(key, value)
		return value.V, nil
	})
	if err != nil && soft != nil && soft(err) {
		if v, ok := c.stale(key); ok {
			return v, nil
		}
	}
	return value, err
}

func (s *calls[V]) do(ctx context.Context, key Key, fetch func(context.Context) (V, error)) (V, error) {
	var none V
	s.mu.Lock()
	if running := s.under[key]; running != nil {
		s.mu.Unlock()
		select {
		case <-running.done:
			return running.value, running.err
		case <-ctx.Done():
			return none, fmt.Errorf("cache: waiting for a call: %w", ctx.Err())
		}
	}
	if len(s.under) >= s.limit {
		s.mu.Unlock()
		return none, ErrBusy
	}
	if s.under == nil {
		s.under = make(map[Key]*call[V])
	}
	own := &call[V]{done: make(chan struct{}), err: errEnded}
	s.under[key] = own
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.under, key)
		s.mu.Unlock()
		close(own.done)
	}()
	value, err := fetch(context.WithoutCancel(ctx))
	own.value, own.err = value, err
	return value, err
}
