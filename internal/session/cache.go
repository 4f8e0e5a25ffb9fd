package session

import (
	"encoding/binary"
	"sync"
)

// MemoryCacheLimit is a good Limit beside a Memory store, which has the sealed
// records in the same heap: it adds less than 100 bytes to each of 10,000
// sessions.
const MemoryCacheLimit = 1 << 20

const (
	// cacheDefault is how many bytes a Cache holds unless told otherwise.
	cacheDefault = 16 << 20
	// cacheShards are parts with a lock each, chosen by the session id.
	cacheShards = 16
	// cacheIdle is after how many seconds without a request a record has to
	// leave, whether there is room or not: at one of the next insertions.
	cacheIdle = 600
	// cacheSample is how many records an insertion looks at to find what has to
	// leave. Of them it is the one that was asked for longest ago.
	cacheSample = 5
	// cacheMemory is how many openings a shard remembers.
	cacheMemory = 256
	// cacheOverhead stands for the structs of a cached record, in bytes.
	cacheOverhead = 1024
)

// Cache keeps the records that were opened last, so that most requests of a
// session neither derive a key nor decrypt and decode. It spares no question to
// the store: a cached record counts only beside the very bytes that it was
// opened from, which the store (or, in cookie storage, the user agent) has to
// bring along each time. What was changed, ended or tampered with is therefore
// seen at once.
//
// It holds tokens in the clear in the memory of the process, which has them
// there for each request anyway, but of a bounded number of sessions and not
// longer than ten minutes after their last request, as long as others are
// opened. The zero value is ready; it is safe for concurrent use, and one is
// shared by the managers of a process, each of which finds only what it has
// opened itself: by its secrets, for its audience.
type Cache struct {
	// Limit bounds what is held, in bytes; default 16 MiB. A session takes about
	// three times its tokens and a kilobyte.
	Limit int

	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu    sync.Mutex // guards all below, and seen of the items
	items map[cacheKey]*cached
	size  int
	// opened remembers, by a part of the id, what was opened lately and not
	// kept: a record is kept when it is opened again. So what is asked for once
	// displaces nothing.
	opened [cacheMemory]uint32
}

type cacheKey struct {
	by *Manager
	id [idSize]byte
}

// cached is an opened record. It is not changed, but for seen.
type cached struct {
	// key is the storage key.
	key     string
	version uint64
	// sealed is what the record was opened from; in cookie storage it is text,
	// as the cookies carry it.
	sealed []byte
	text   string
	record *record
	view   *view
	// seen is when it was last asked for, in Unix seconds.
	seen int64
}

func (c *cached) size() int {
	n := cacheOverhead + len(c.key) + len(c.sealed) + len(c.text) + c.record.size()
	if c.view != nil {
		n += c.view.size
	}
	return n
}

func (c *Cache) shard(id *[idSize]byte) *cacheShard { return &c.shards[id[0]%cacheShards] }

// get returns what m has opened for id, or nil.
func (c *Cache) get(m *Manager, id *[idSize]byte, now int64) *cached {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.items[cacheKey{m, *id}]
	if found != nil {
		found.seen = now
	}
	return found
}

// drop forgets what m has opened for id.
func (c *Cache) drop(m *Manager, id *[idSize]byte) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(cacheKey{m, *id})
}

// put keeps item in place of what m has opened for id before, if it is not the
// first time lately that it was opened.
func (c *Cache) put(m *Manager, id *[idSize]byte, item *cached, now int64) {
	limit := c.Limit
	if limit <= 0 {
		limit = cacheDefault
	}
	limit /= cacheShards
	item.seen = now
	size := item.size()
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := cacheKey{m, *id}
	s.remove(key)
	if size > limit || !s.again(id) {
		return
	}
	s.sweep(limit-size, now)
	if s.items == nil {
		s.items = make(map[cacheKey]*cached)
	}
	s.items[key] = item
	s.size += size
}

// again reports whether id was opened before, and remembers that it was now.
func (s *cacheShard) again(id *[idSize]byte) bool {
	part := binary.BigEndian.Uint32(id[1:])
	at := &s.opened[part%cacheMemory]
	known := *at == part
	*at = part
	return known
}

// sweep removes what was not asked for in a long time, as far as it comes
// across it, and what was asked for longest ago until at most limit is left.
// Maps are walked from a random place on.
func (s *cacheShard) sweep(limit int, now int64) {
	for {
		var oldest cacheKey
		var seen int64
		n := 0
		for key, item := range s.items {
			if now-item.seen > cacheIdle {
				s.remove(key)
				continue
			}
			if n == 0 || item.seen < seen {
				oldest, seen = key, item.seen
			}
			if n++; n == cacheSample {
				break
			}
		}
		if s.size <= limit {
			return
		}
		s.remove(oldest)
	}
}

func (s *cacheShard) remove(key cacheKey) {
	if item, ok := s.items[key]; ok {
		s.size -= item.size()
		delete(s.items, key)
	}
}
