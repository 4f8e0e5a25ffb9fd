package rediscache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"sallyport/internal/cache"
	"sallyport/internal/redis"
)

// Pause is for how long Redis is left alone after a call that failed.
const Pause = 5 * time.Second

// maxValue bounds a value in bytes, in both directions: 1 MiB.
const maxValue = 1 << 20

var errTooLarge = errors.New("value larger than 1 MiB")

// Cache implements cache.Shared on one Redis.
type Cache struct {
	client *redis.Client
	now    func() time.Time
	// resume is when Redis may be asked again, in nanoseconds since 1970.
	resume atomic.Int64
}

var _ cache.Shared = (*Cache)(nil)

// New returns a cache. It does no I/O; an error means that opts make no sense.
// now is the clock, nil means time.Now.
func New(opts redis.Options, now func() time.Time) (*Cache, error) {
	client, err := redis.New(opts)
	if err != nil {
		return nil, fmt.Errorf("rediscache: %w", err)
	}
	if now == nil {
		now = time.Now
	}
	return &Cache{client: client, now: now}, nil
}

// Close implements cache.Shared.
func (c *Cache) Close() { c.client.Close() }

// Get implements cache.Shared.
func (c *Cache) Get(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	err := c.ask(ctx, func(ctx context.Context) error {
		var err error
		value, err = c.client.Do(ctx, c.client.B().Get().Key(key).Build()).AsBytes()
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case len(value) > maxValue:
		return nil, fmt.Errorf("%w: %w", cache.ErrUnavailable, errTooLarge)
	}
	return value, nil
}

// Put implements cache.Shared. A ttl below a millisecond counts as one.
func (c *Cache) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if len(value) > maxValue {
		return fmt.Errorf("%w: %w", cache.ErrUnavailable, errTooLarge)
	}
	return c.ask(ctx, func(ctx context.Context) error {
		set := c.client.B().Set().Key(key).Value(rueidis.BinaryString(value)).PxMilliseconds(max(1, ttl.Milliseconds()))
		return c.client.Do(ctx, set.Build()).Error()
	})
}

// ask makes a call, unless one failed a moment ago.
func (c *Cache) ask(ctx context.Context, call func(context.Context) error) error {
	if c.now().UnixNano() < c.resume.Load() {
		return cache.ErrPaused
	}
	ctx, cancel, err := c.client.Bound(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", cache.ErrUnavailable, err) // the caller's doing, not Redis'
	}
	defer cancel()
	err = call(ctx)
	switch {
	case rueidis.IsRedisNil(err):
		return cache.ErrAbsent
	case err != nil:
		c.resume.Store(c.now().Add(Pause).UnixNano())
		return fmt.Errorf("%w: %w", cache.ErrUnavailable, err)
	}
	return nil
}
