package cache

import (
	"encoding/binary"
	"sync"
	"time"
)

// Key is a hash of everything that a value depends on.
type Key [32]byte

// Value is something to be kept.
type Value[V any] struct {
	V V
	// Size is about how many bytes it takes, what is fixed for each entry apart.
	Size int
	// Fresh is until when it counts. A zero Fresh is not kept.
	Fresh time.Time
	// Stale, when it is later than Fresh, is until when it may stand in for one
	// that cannot be had.
	Stale time.Time
}

// Options bound a cache.
type Options struct {
	// Entries and Bytes are how much is kept; whoever was not asked for longest
	// goes first. Both are divided among shards: a value that is larger than a
	// shard's part is not kept.
	Entries, Bytes int
	// Calls is how many calls of Do may be under way at once; 0 means 256.
	Calls int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	shards       = 16
	defaultCalls = 256
	// overhead is what an entry takes besides its value: key, links, map.
	overhead = 200
)

// Cache is a bounded cache. It is safe for concurrent use; values are shared and
// must not be changed.
type Cache[V any] struct {
	now    func() time.Time
	shards [shards]shard[V]
	calls  calls[V]
}

// shard is one part of the cache, a list in the order of use.
type shard[V any] struct {
	mu             sync.Mutex // guards the rest
	entries        map[Key]*entry[V]
	first, last    *entry[V]
	bytes          int
	limit, maximum int // entries, bytes
}

type entry[V any] struct {
	key        Key
	value      Value[V]
	prev, next *entry[V]
}

// New returns an empty cache.
func New[V any](o Options) *Cache[V] {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Calls <= 0 {
		o.Calls = defaultCalls
	}
	c := &Cache[V]{now: o.Now}
	c.calls.limit = o.Calls
	for i := range c.shards {
		s := &c.shards[i]
		s.entries = make(map[Key]*entry[V])
		s.limit, s.maximum = max(1, o.Entries/shards), max(1, o.Bytes/shards)
	}
	return c
}

func (c *Cache[V]) shard(key *Key) *shard[V] {
	return &c.shards[binary.LittleEndian.Uint32(key[:])%shards]
}

// Get returns the value of key while it is fresh.
func (c *Cache[V]) Get(key Key) (v V, ok bool) {
	value, found := c.shard(&key).get(&key)
	if !found || !c.now().Before(value.Fresh) {
		return v, false
	}
	return value.V, true
}

// Put keeps a value.
func (c *Cache[V]) Put(key Key, v Value[V]) { c.shard(&key).put(&key, v, c.now()) }

// Delete forgets a value.
func (c *Cache[V]) Delete(key Key) {
	s := c.shard(&key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[key]; e != nil {
		s.remove(e)
	}
}

// Len is how many entries there are, those that do not count any more included.
func (c *Cache[V]) Len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += len(s.entries)
		s.mu.Unlock()
	}
	return n
}

// stale returns a value that may stand in for one that cannot be had.
func (c *Cache[V]) stale(key Key) (v V, ok bool) {
	value, found := c.shard(&key).get(&key)
	if !found || !c.now().Before(value.Stale) {
		return v, false
	}
	return value.V, true
}

func (s *shard[V]) get(key *Key) (Value[V], bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[*key]
	if e == nil {
		return Value[V]{}, false
	}
	if s.first != e {
		s.unlink(e)
		s.push(e)
	}
	return e.value, true
}

func (s *shard[V]) put(key *Key, v Value[V], now time.Time) {
	v.Size += overhead
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[*key]; e != nil {
		s.remove(e)
	}
	if v.Size > s.maximum || !now.Before(v.Fresh) && !now.Before(v.Stale) {
		return
	}
	e := &entry[V]{key: *key, value: v}
	s.entries[*key] = e
	s.bytes += v.Size
	s.push(e)
	for len(s.entries) > s.limit || s.bytes > s.maximum {
		s.remove(s.last)
	}
}

func (s *shard[V]) push(e *entry[V]) {
	e.prev, e.next = nil, s.first
	if s.first != nil {
		s.first.prev = e
	}
	s.first = e
	if s.last == nil {
		s.last = e
	}
}

func (s *shard[V]) unlink(e *entry[V]) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		s.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		s.last = e.prev
	}
}

func (s *shard[V]) remove(e *entry[V]) {
	s.unlink(e)
	delete(s.entries, e.key)
	s.bytes -= e.value.Size
}
