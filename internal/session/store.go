package session

import (
	"context"
	"errors"
	"time"
)

// What a Store answers beside success. Each is tested with errors.Is.
var (
	// ErrAbsent: there is no such record, or it has expired.
	ErrAbsent = errors.New("session: no such record")
	// ErrExists: a record or mark of that name is there already.
	ErrExists = errors.New("session: exists already")
	// ErrConflict: the record has another version than the caller's.
	ErrConflict = errors.New("session: record was changed by another")
	// ErrHeld: the lease is somebody else's.
	ErrHeld = errors.New("session: lease is held by another")
	// ErrLost: the lease ran out, or went to somebody else.
	ErrLost = errors.New("session: lease was lost")
	// ErrUnavailable: the store could not be asked, or could not take more. It
	// says nothing about the session and must never end one.
	ErrUnavailable = errors.New("session: store is unavailable")
)

// Record is what a store keeps under a key: bytes that mean nothing to it, and
// that nobody may change.
type Record struct {
	Data []byte
	// Version is 1 after Create and grows by one with each swap.
	Version uint64
}

// Store is where sessions are kept on the server. Every implementation passes
// storetest.Run, all of it.
//
// All methods may be called concurrently. Each ends within the context's
// deadline, or within the store's own time limit where that is shorter, and
// then fails with ErrUnavailable wrapping the cause. Keys are printable ASCII.
// A ttl is more than zero; what is stored is gone when it has passed.
type Store interface {
	// Load returns the record of key, or ErrAbsent.
	Load(ctx context.Context, key string) (Record, error)
	// Create stores data as version 1, or fails with ErrExists.
	Create(ctx context.Context, key string, data []byte, ttl time.Duration) error
	// CompareAndSwap replaces the record, and its ttl, if it is still at
	// version, which becomes version+1. Otherwise ErrConflict or ErrAbsent.
	CompareAndSwap(ctx context.Context, key string, version uint64, data []byte, ttl time.Duration) error
	// CompareAndDelete removes the record if it is still at version.
	// Otherwise ErrConflict or ErrAbsent.
	CompareAndDelete(ctx context.Context, key string, version uint64) error
	// Delete removes the record whatever its version; an absent one is no
	// error.
	Delete(ctx context.Context, key string) error

	// Mark stores a single-use mark, or fails with ErrExists. Marks have a key
	// space of their own, which is bounded: when it is full of living marks,
	// Mark fails with ErrUnavailable. It never displaces a record.
	Mark(ctx context.Context, key string, ttl time.Duration) error

	// Lease takes key for ttl, or fails with ErrHeld.
	Lease(ctx context.Context, key string, ttl time.Duration) (Lease, error)
	// Renew prolongs a lease to ttl from now, or fails with ErrLost.
	Renew(ctx context.Context, l Lease, ttl time.Duration) error
	// Release gives a lease back; one that was lost is no error.
	Release(ctx context.Context, l Lease) error

	// Watch calls changed with the key of every record that is swapped or
	// deleted, by whichever process, until ctx ends (then it returns nil) or
	// notices may have been missed (then ErrUnavailable: forget what was
	// learnt, and watch again). Calls come one at a time, and must be short.
	Watch(ctx context.Context, changed func(key string)) error

	Directory
}

// Lease is the right to act alone on Key. Owner is unguessable. Fence grows
// with every lease that a store grants, so that a write of a former holder can
// be told from the present one's.
type Lease struct {
	Key   string
	Owner string
	Fence uint64
}

// Directory finds records by hashes of what they belong to, without opening
// them. A listing whose record is gone may still be found; one that was
// deleted or has expired is not.
type Directory interface {
	// PutListing stores, or replaces, the listing of key and makes it findable
	// by each of finders.
	PutListing(ctx context.Context, key string, finders []string, data []byte, ttl time.Duration) error
	// FindListings returns the listings that were put under finder, at most
	// limit, in no particular order; none is no error.
	FindListings(ctx context.Context, finder string, limit int) ([]Listing, error)
	// DeleteListing removes the listing of key; an absent one is no error.
	DeleteListing(ctx context.Context, key string) error
}

// Listing is one entry of the directory: sealed bytes beside the key of the
// record that they describe.
type Listing struct {
	Key  string
	Data []byte
}
