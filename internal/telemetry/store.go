package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/session"
)

// storeSeries are the series of all session stores.
type storeSeries struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// storeResult is an index of storeResults.
type storeResult uint8

const (
	storeOK storeResult = iota
	storeAbsent
	storeExists
	storeConflict
	storeHeld
	storeLost
	storeUnavailable
	storeOther
)

// storeResults are the answers of a store; the errors stand in the order of
// their indices.
var storeResults = [...]struct {
	name string
	err  error
}{
	storeOK:          {"ok", nil},
	storeAbsent:      {"absent", session.ErrAbsent},
	storeExists:      {"exists", session.ErrExists},
	storeConflict:    {"conflict", session.ErrConflict},
	storeHeld:        {"held", session.ErrHeld},
	storeLost:        {"lost", session.ErrLost},
	storeUnavailable: {"unavailable", session.ErrUnavailable},
	storeOther:       {other, nil},
}

func resultOf(err error) storeResult {
	if err == nil {
		return storeOK
	}
	for i := storeAbsent; i < storeOther; i++ {
		if errors.Is(err, storeResults[i].err) {
			return i
		}
	}
	return storeOther
}

// operation is one operation of a store with its series.
type operation struct {
	results  [len(storeResults)]prometheus.Counter
	duration prometheus.Observer
}

// ClosingStore is a session store that can be closed.
type ClosingStore interface {
	session.Store
	Close()
}

// Store measures the calls to another store. Watch, which lasts, and Close go
// to it unmeasured.
type Store struct {
	ClosingStore
	now func() time.Time

	load, create, swap, compareDelete, remove, mark, lease, renew, release,
	putListing, findListings, deleteListing *operation
}

var _ session.Store = (*Store)(nil)

// Measure returns store with its calls measured. storage is the configured kind
// of store; it must come from a fixed set. now is the clock, nil means time.Now.
func (m *Metrics) Measure(storage string, store ClosingStore, now func() time.Time) *Store {
	if now == nil {
		now = time.Now
	}
	// Series that cannot occur are not made.
	op := func(name string, possible ...storeResult) *operation {
		o := &operation{duration: m.stores.duration.WithLabelValues(storage, name)}
		for _, r := range append(possible, storeOK, storeUnavailable, storeOther) {
			o.results[r] = m.stores.calls.WithLabelValues(storage, name, storeResults[r].name)
		}
		return o
	}
	return &Store{
		ClosingStore: store, now: now,
		load: op("load", storeAbsent), create: op("create", storeExists),
		swap:          op("compare_and_swap", storeAbsent, storeConflict),
		compareDelete: op("compare_and_delete", storeAbsent, storeConflict),
		remove:        op("delete"), mark: op("mark", storeExists),
		lease: op("lease", storeHeld), renew: op("renew", storeLost), release: op("release"),
		putListing: op("put_listing"), findListings: op("find_listings"), deleteListing: op("delete_listing"),
	}
}

// done counts a call that began at start.
func (s *Store) done(o *operation, start time.Time, err error) {
	c := o.results[resultOf(err)]
	if c == nil {
		c = o.results[storeOther]
	}
	c.Inc()
	o.duration.Observe(s.now().Sub(start).Seconds())
}

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, key string) (session.Record, error) {
	start := s.now()
	r, err := s.ClosingStore.Load(ctx, key)
	s.done(s.load, start, err)
	return r, err
}

// Create implements session.Store.
func (s *Store) Create(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	start := s.now()
	err := s.ClosingStore.Create(ctx, key, data, ttl)
	s.done(s.create, start, err)
	return err
}

// CompareAndSwap implements session.Store.
func (s *Store) CompareAndSwap(ctx context.Context, key string, version uint64, data []byte, ttl time.Duration) error {
	start := s.now()
	err := s.ClosingStore.CompareAndSwap(ctx, key, version, data, ttl)
	s.done(s.swap, start, err)
	return err
}

// CompareAndDelete implements session.Store.
func (s *Store) CompareAndDelete(ctx context.Context, key string, version uint64) error {
	start := s.now()
	err := s.ClosingStore.CompareAndDelete(ctx, key, version)
	s.done(s.compareDelete, start, err)
	return err
}

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	start := s.now()
	err := s.ClosingStore.Delete(ctx, key)
	s.done(s.remove, start, err)
	return err
}

// Mark implements session.Store.
func (s *Store) Mark(ctx context.Context, key string, ttl time.Duration) error {
	start := s.now()
	err := s.ClosingStore.Mark(ctx, key, ttl)
	s.done(s.mark, start, err)
	return err
}

// Lease implements session.Store.
func (s *Store) Lease(ctx context.Context, key string, ttl time.Duration) (session.Lease, error) {
	start := s.now()
	l, err := s.ClosingStore.Lease(ctx, key, ttl)
	s.done(s.lease, start, err)
	return l, err
}

// Renew implements session.Store.
func (s *Store) Renew(ctx context.Context, l session.Lease, ttl time.Duration) error {
	start := s.now()
	err := s.ClosingStore.Renew(ctx, l, ttl)
	s.done(s.renew, start, err)
	return err
}

// Release implements session.Store.
func (s *Store) Release(ctx context.Context, l session.Lease) error {
	start := s.now()
	err := s.ClosingStore.Release(ctx, l)
	s.done(s.release, start, err)
	return err
}

// PutListing implements session.Directory.
func (s *Store) PutListing(ctx context.Context, key string, finders []string, data []byte, ttl time.Duration) error {
	start := s.now()
	err := s.ClosingStore.PutListing(ctx, key, finders, data, ttl)
	s.done(s.putListing, start, err)
	return err
}

// FindListings implements session.Directory.
func (s *Store) FindListings(ctx context.Context, finder string, limit int) ([]session.Listing, error) {
	start := s.now()
	l, err := s.ClosingStore.FindListings(ctx, finder, limit)
	s.done(s.findListings, start, err)
	return l, err
}

// DeleteListing implements session.Directory.
func (s *Store) DeleteListing(ctx context.Context, key string) error {
	start := s.now()
	err := s.ClosingStore.DeleteListing(ctx, key)
	s.done(s.deleteListing, start, err)
	return err
}
