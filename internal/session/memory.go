package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// MemoryOptions bound a Memory store. Zero values mean the defaults.
type MemoryOptions struct {
	// MaxRecords bounds the sessions; default 1,000,000. A full store takes no
	// new login and forgets nobody.
	MaxRecords int
	// MaxMarks bounds the single-use marks that live at the same time; default
	// 1,000,000. Every callback that carries a state of ours leaves one for as
	// long as a login may take, so a full store means no login. A mark takes
	// about 50 bytes: 50 MB at the default, when full.
	MaxMarks int
	// Now is the clock unless set.
	Now func() time.Time
}

// Memory is a Store inside the process: for one node, demonstrations and
// tests. Its content ends with the process.
type Memory struct {
	now func() time.Time

	mu       sync.Mutex              // guards all below
	sessions shelf[string, *holding] // records and listings
	marks    shelf[markHash, struct{}]
	leases   shelf[string, Lease]
	found    map[finderHash]finding
	tidied   int // sweeps of sessions after which found was looked through
	fence    uint64
	watchers map[*watcher]struct{}
}

var _ Store = (*Memory)(nil)

// markHash stands for the key of a mark: the half of a SHA-256, which takes a
// quarter of the memory.
type markHash [16]byte

func sumOf(text string) [sha256.Size]byte {
	var room [64]byte // on the stack; what is longer is not
	return sha256.Sum256(append(room[:0], text...))
}

// watcher is one Watch. Keys wait in a bounded queue; a full one ends the
// watch, since notices are then lost.
type watcher struct {
	keys chan string
	lost chan struct{} // closed when a key did not fit; guarded by Memory.mu
	full bool          // guarded by Memory.mu
}

const watchQueue = 1024

// NewMemory returns an empty store.
func NewMemory(opts MemoryOptions) *Memory {
	if opts.MaxRecords <= 0 {
		opts.MaxRecords = 1_000_000
	}
	if opts.MaxMarks <= 0 {
		opts.MaxMarks = 1_000_000
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Memory{
		now:      opts.Now,
		sessions: newShelf[string, *holding](opts.MaxRecords),
		marks:    newShelf[markHash, struct{}](opts.MaxMarks),
		leases:   newShelf[string, Lease](opts.MaxRecords),
		found:    make(map[finderHash]finding),
		watchers: make(map[*watcher]struct{}),
	}
}

// Size is how many sessions, marks, leases and finders are held, those that have
// expired and are not yet swept out included.
func (m *Memory) Size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions.items) + len(m.marks.items) + len(m.leases.items) + len(m.found)
}

func ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	return nil
}

// Load implements Store.
func (m *Memory) Load(ctx context.Context, key string) (Record, error) {
	if err := ended(ctx); err != nil {
		return Record{}, err
	}
	now := m.now()
	m.mu.Lock()
	r, ok := m.sessions.items[key].value.recordAt(now)
	m.mu.Unlock()
	if !ok {
		return Record{}, ErrAbsent
	}
	return r, nil
}

// Create implements Store.
func (m *Memory) Create(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if _, ok := m.sessions.items[key].value.recordAt(now); ok {
		return ErrExists
	}
	return m.putRecord(key, data, 1, ttl, now)
}

// putRecord stores a record beside the listing of key. m.mu is held.
func (m *Memory) putRecord(key string, data []byte, version uint64, ttl time.Duration, now time.Time) error {
	h := m.sessions.items[key].value
	if h == nil {
		h = &holding{key: key}
	}
	listing, _ := h.listingAt(now)
	h.set(data, listing.Data)
	h.version, h.recordEnds = version, now.Add(ttl).UnixNano()
	return m.put(h, now)
}

// put stores h under its key. m.mu is held.
func (m *Memory) put(h *holding, now time.Time) error {
	if err := m.sessions.put(h.key, h, h.ends().Sub(now), now); err != nil {
		return err
	}
	if m.tidied != m.sessions.sweeps {
		m.tidied = m.sessions.sweeps
		for hash := range m.found {
			m.find(hash, now, func(Listing) {})
		}
	}
	return nil
}

// dropRecord removes the record of key. m.mu is held.
func (m *Memory) dropRecord(key string, now time.Time) {
	h := m.sessions.items[key].value
	listing, listed := h.listingAt(now)
	if !listed {
		delete(m.sessions.items, key)
		return
	}
	h.set(nil, listing.Data)
	h.recordEnds = 0
}

// CompareAndSwap implements Store.
func (m *Memory) CompareAndSwap(ctx context.Context, key string, version uint64, data []byte, ttl time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if err := m.at(key, version, now); err != nil {
		return err
	}
	m.notify(key)
	return m.putRecord(key, data, version+1, ttl, now)
}

// at checks that the record of key is at version. m.mu is held.
func (m *Memory) at(key string, version uint64, now time.Time) error {
	r, ok := m.sessions.items[key].value.recordAt(now)
	if !ok {
		return ErrAbsent
	}
	if r.Version != version {
		return ErrConflict
	}
	return nil
}

// CompareAndDelete implements Store.
func (m *Memory) CompareAndDelete(ctx context.Context, key string, version uint64) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if err := m.at(key, version, now); err != nil {
		return err
	}
	m.notify(key)
	m.dropRecord(key, now)
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notify(key)
	m.dropRecord(key, m.now())
	return nil
}

// Mark implements Store.
func (m *Memory) Mark(ctx context.Context, key string, ttl time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	sum := sumOf(key)
	hash := markHash(sum[:])
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if _, ok := m.marks.get(hash, now); ok {
		return ErrExists
	}
	return m.marks.put(hash, struct{}{}, ttl, now)
}

// Lease implements Store.
func (m *Memory) Lease(ctx context.Context, key string, ttl time.Duration) (Lease, error) {
	if err := ended(ctx); err != nil {
		return Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if _, ok := m.leases.get(key, now); ok {
		return Lease{}, ErrHeld
	}
	m.fence++
	l := Lease{Key: key, Owner: rand.Text(), Fence: m.fence}
	return l, m.leases.put(key, l, ttl, now)
}

// Renew implements Store.
func (m *Memory) Renew(ctx context.Context, l Lease, ttl time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if held, ok := m.leases.get(l.Key, now); !ok || held.Owner != l.Owner {
		return ErrLost
	}
	return m.leases.put(l.Key, l, ttl, now)
}

// Release implements Store.
func (m *Memory) Release(ctx context.Context, l Lease) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if held, ok := m.leases.get(l.Key, m.now()); ok && held.Owner == l.Owner {
		delete(m.leases.items, l.Key)
	}
	return nil
}

// Watch implements Store.
func (m *Memory) Watch(ctx context.Context, changed func(key string)) error {
	w := &watcher{keys: make(chan string, watchQueue), lost: make(chan struct{})}
	m.mu.Lock()
	m.watchers[w] = struct{}{}
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.watchers, w)
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.lost:
			return fmt.Errorf("%w: notices were lost", ErrUnavailable)
		case key := <-w.keys:
			changed(key)
		}
	}
}

// notify tells the watchers of key. m.mu is held.
func (m *Memory) notify(key string) {
	for w := range m.watchers {
		select {
		case w.keys <- key:
		default:
			if !w.full {
				w.full = true
				close(w.lost)
			}
		}
	}
}
