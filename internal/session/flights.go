package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// flightKept is how long the result of a refresh is shared in cookie storage,
// where a request that was sent before the new cookie arrived carries the old
// tokens and no store knows better.
const flightKept = 10 * time.Second

var errFlight = errors.New("session: a shared flight ended early")

// Flights lets concurrent requests share one piece of work and its result. The
// zero value is ready; it is safe for concurrent use. One is shared by the
// managers of a process, so that a change of configuration splits no flight.
type Flights struct {
	mu     sync.Mutex // guards flying
	flying map[string]*flight
}

type flight struct {
	done chan struct{} // closed when out and err are set
	out  opened
	err  error
}

// do returns the result of work for key, which runs once however many ask at
// the same time, and counts for kept longer when it succeeds or is Unfinished:
// in both cases new tokens are there. The work has a context of its own, which ends after limit and not with ctx: a user agent
// that leaves must not take the others' result along.
func (f *Flights) do(ctx context.Context, key string, limit, kept time.Duration,
	work func(context.Context) (opened, error),
) (opened, error) {
	f.mu.Lock()
	one, ok := f.flying[key]
	if !ok {
		if f.flying == nil {
			f.flying = make(map[string]*flight)
		}
		one = &flight{done: make(chan struct{})}
		f.flying[key] = one
		// Owned by the flight: ends when limit has passed at the latest.
		go f.run(context.WithoutCancel(ctx), key, one, limit, kept, work)
	}
	f.mu.Unlock()
	select {
	case <-one.done:
		return one.out, one.err
	case <-ctx.Done():
		return opened{}, unavailable("wait for another request", context.Cause(ctx))
	}
}

func (f *Flights) run(ctx context.Context, key string, one *flight, limit, kept time.Duration,
	work func(context.Context) (opened, error),
) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			one.err = fmt.Errorf("session: panic in a shared flight: %v", p)
		}
		if one.err != nil && !unfinished(one.err) || kept <= 0 {
			f.forget(key)
		} else {
			time.AfterFunc(kept, func() { f.forget(key) })
		}
		close(one.done)
	}()
	one.err = errFlight // what remains when work does not return
	out, err := work(ctx)
	one.out, one.err = out, err
}

func (f *Flights) forget(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.flying, key)
}
