package session

import (
	"fmt"
	"time"
)

// shelf is a map whose items expire and whose size is bounded. What has
// expired is never seen, and is swept out often enough that the map holds at
// most about twice what lives. A full one is swept at most once a second, and
// only when something in it has expired, so that a flood which is refused costs
// next to nothing. It is not safe for concurrent use.
type shelf[K comparable, V any] struct {
	items  map[K]item[V]
	limit  int
	writes int // since the last sweep
	sweeps int
	// swept is when a full shelf was last swept. Before first nothing expires.
	swept, first time.Time
}

// sweepAgain is how long a full shelf is left alone after a sweep.
const sweepAgain = time.Second

var errFull = fmt.Errorf("%w: full", ErrUnavailable)

type item[V any] struct {
	value   V
	expires int64 // Unix nanoseconds: a time.Time takes two words more
}

func (i *item[V]) expired(now time.Time) bool { return now.UnixNano() >= i.expires }

func newShelf[K comparable, V any](limit int) shelf[K, V] {
	return shelf[K, V]{items: make(map[K]item[V]), limit: limit}
}

func (s *shelf[K, V]) get(key K, now time.Time) (V, bool) {
	i, ok := s.items[key]
	if !ok || i.expired(now) {
		var zero V
		return zero, false
	}
	return i.value, true
}

// put stores value, or fails when the shelf is full of living items.
func (s *shelf[K, V]) put(key K, value V, ttl time.Duration, now time.Time) error {
	_, known := s.items[key]
	if !known && len(s.items) >= s.limit {
		if now.Before(s.first) || now.Sub(s.swept) < sweepAgain {
			return errFull
		}
		s.swept = now
		s.sweep(now)
		if len(s.items) >= s.limit {
			return errFull
		}
	} else if s.writes++; s.writes > len(s.items)/2+64 {
		s.sweep(now)
	}
	expires := now.Add(ttl)
	if len(s.items) == 0 || expires.Before(s.first) {
		s.first = expires
	}
	s.items[key] = item[V]{value, expires.UnixNano()}
	return nil
}

func (s *shelf[K, V]) sweep(now time.Time) {
	s.sweeps++
	s.writes, s.first = 0, time.Time{}
	for key, i := range s.items {
		switch {
		case i.expired(now):
			delete(s.items, key)
		case s.first.IsZero() || i.expires < s.first.UnixNano():
			s.first = time.Unix(0, i.expires)
		}
	}
}
