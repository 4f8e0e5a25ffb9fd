package session

import (
	"fmt"
	"time"
)

// shelf is a map whose items expire and whose size is bounded. What has
// expired is never seen, and is swept out often enough that the map holds at
// most about twice what lives. It is not safe for concurrent use.
type shelf[V any] struct {
	items  map[string]item[V]
	limit  int
	writes int // since the last sweep
}

type item[V any] struct {
	value   V
	expires time.Time
}

func newShelf[V any](limit int) shelf[V] {
	return shelf[V]{items: make(map[string]item[V]), limit: limit}
}

func (s *shelf[V]) get(key string, now time.Time) (V, bool) {
	i, ok := s.items[key]
	if !ok || !now.Before(i.expires) {
		var zero V
		return zero, false
	}
	return i.value, true
}

// put stores value, or fails when the shelf is full of living items.
func (s *shelf[V]) put(key string, value V, ttl time.Duration, now time.Time) error {
	s.writes++
	_, known := s.items[key]
	if s.writes > len(s.items)/2+64 || !known && len(s.items) >= s.limit {
		s.sweep(now)
	}
	if !known && len(s.items) >= s.limit {
		return fmt.Errorf("%w: full", ErrUnavailable)
	}
	s.items[key] = item[V]{value, now.Add(ttl)}
	return nil
}

func (s *shelf[V]) sweep(now time.Time) {
	s.writes = 0
	for key, i := range s.items {
		if !now.Before(i.expires) {
			delete(s.items, key)
		}
	}
}
