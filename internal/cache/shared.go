package cache

import (
	"context"
	"errors"
	"time"
)

// Shared is a cache that several processes have in common. Its implementations
// are safe for concurrent use; their calls are bounded in time by themselves.
type Shared interface {
	// Get returns the value of key. Errors: ErrAbsent, ErrUnavailable, ErrPaused.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put keeps a value for ttl. Errors: ErrUnavailable, ErrPaused.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Close ends it: calls after it fail.
	Close()
}

// The errors of a Shared.
var (
	// ErrAbsent: there is no such value.
	ErrAbsent = errors.New("cache: no such value")
	// ErrUnavailable: it did not answer in time, or not with a value. There may
	// be one.
	ErrUnavailable = errors.New("cache: the shared cache cannot be asked")
	// ErrPaused: it was not asked, as a call failed a moment ago.
	ErrPaused = errors.New("cache: the shared cache is left alone after a failure")
)
