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
	// about 150 bytes: 150 MB at the default, when full.
	MaxMarks int
	// Now is the clock unless set.
	Now func() time.Time
}

// Memory is a Store inside the process: for one node, demonstrations and
// tests. Its content ends with the process.
type Memory struct {
	now func() time.Time

	mu       sync.Mutex // guards all below
	records  shelf[Record]
	marks    shelf[struct{}]
	leases   shelf[Lease]
	listings shelf[*Listing]
	found    map[finderHash]*finding
	fence    uint64
	watchers map[*watcher]struct{}
}

var _ Store = (*Memory)(nil)

// finderHash stands for a finder: the half of a SHA-256, which takes a quarter
// of the memory.
type finderHash [16]byte

func hashOf(finder string) finderHash {
	sum := sha256.Sum256([]byte(finder))
	return finderHash(sum[:])
}

// finding is a listing that a finder finds, and those that were put there
// before. One that is not (any more) the listing of its key is left over.
type finding struct {
	listing *Listing
	next    *finding
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
		records:  newShelf[Record](opts.MaxRecords),
		marks:    newShelf[struct{}](opts.MaxMarks),
		leases:   newShelf[Lease](opts.MaxRecords),
		listings: newShelf[*Listing](opts.MaxRecords),
		found:    make(map[finderHash]*finding),
		watchers: make(map[*watcher]struct{}),
	}
}

// Size is how many records, marks, leases, listings and finders are held,
// those that have expired and are not yet swept out included.
func (m *Memory) Size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records.items) + len(m.marks.items) + len(m.leases.items) + len(m.listings.items) + len(m.found)
}

// exact is a copy of data without room to grow.
func exact(data []byte) []byte {
	c := make([]byte, len(data))
	copy(c, data)
	return c
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
	r, ok := m.records.get(key, now)
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
	if _, ok := m.records.get(key, now); ok {
		return ErrExists
	}
	return m.records.put(key, Record{exact(data), 1}, ttl, now)
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
	return m.records.put(key, Record{exact(data), version + 1}, ttl, now)
}

// at checks that the record of key is at version. m.mu is held.
func (m *Memory) at(key string, version uint64, now time.Time) error {
	r, ok := m.records.get(key, now)
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
	if err := m.at(key, version, m.now()); err != nil {
		return err
	}
	m.notify(key)
	delete(m.records.items, key)
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
	delete(m.records.items, key)
	return nil
}

// Mark implements Store.
func (m *Memory) Mark(ctx context.Context, key string, ttl time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if _, ok := m.marks.get(key, now); ok {
		return ErrExists
	}
	return m.marks.put(key, struct{}{}, ttl, now)
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

// PutListing implements Directory.
func (m *Memory) PutListing(ctx context.Context, key string, finders []string, data []byte, ttl time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	l := &Listing{key, exact(data)}
	if err := m.listings.put(key, l, ttl, now); err != nil {
		return err
	}
	for _, f := range finders {
		hash := hashOf(f)
		m.found[hash] = &finding{l, m.found[hash]}
	}
	if m.listings.writes == 0 { // it has just swept
		for hash := range m.found {
			m.find(hash, now, func(Listing) {})
		}
	}
	return nil
}

// find calls each with what a finder finds, and removes what is left over. m.mu
// is held.
func (m *Memory) find(hash finderHash, now time.Time, each func(Listing)) {
	first := m.found[hash]
	for at := &first; *at != nil; {
		l := (*at).listing
		if current, ok := m.listings.get(l.Key, now); !ok || current != l {
			*at = (*at).next
			continue
		}
		each(*l)
		at = &(*at).next
	}
	if first == nil {
		delete(m.found, hash)
	} else {
		m.found[hash] = first
	}
}

// FindListings implements Directory.
func (m *Memory) FindListings(ctx context.Context, finder string, limit int) ([]Listing, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Listing
	m.find(hashOf(finder), m.now(), func(l Listing) {
		if len(all) < limit {
			all = append(all, l)
		}
	})
	return all, nil
}

// DeleteListing implements Directory.
func (m *Memory) DeleteListing(ctx context.Context, key string) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if l := m.listings.items[key].value; l != nil {
		l.Data = nil // findings may hold it for a while
	}
	delete(m.listings.items, key)
	return nil
}
