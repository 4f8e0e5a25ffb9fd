package session

import (
	"context"
	"time"
)

// finderHash stands for a finder. Who reads a listing sees whose it is, so that
// it does no harm if once in a blue moon two finders share it.
type finderHash [8]byte

func finderOf(text string) finderHash {
	sum := sumOf(text)
	return finderHash(sum[:])
}

// finding is a listing that a finder finds, and those that were put there
// before. One that is not (any more) what is held under its key, or holds no
// listing, is left over.
type finding struct {
	held *holding
	next *finding
}

// PutListing implements Directory.
func (m *Memory) PutListing(ctx context.Context, key string, finders []string, data []byte, ttl time.Duration) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	// Another value: what found the listing that was there before does not find
	// this one.
	h := &holding{key: key, listingEnds: now.Add(ttl).UnixNano()}
	old := m.sessions.items[key].value
	r, stored := old.recordAt(now)
	h.set(r.Data, data)
	if stored {
		h.version, h.recordEnds = r.Version, old.recordEnds
	}
	if err := m.put(h, now); err != nil {
		return err
	}
	for _, f := range finders {
		hash := finderOf(f)
		one := finding{held: h}
		if others, ok := m.found[hash]; ok {
			one.next = &others
		}
		m.found[hash] = one
	}
	return nil
}

// find calls each with what a finder finds, and removes what is left over. m.mu
// is held.
func (m *Memory) find(hash finderHash, now time.Time, each func(Listing)) {
	one, ok := m.found[hash]
	if !ok {
		return
	}
	first := &one
	for at := &first; *at != nil; {
		h := (*at).held
		l, ok := h.listingAt(now)
		if !ok || m.sessions.items[h.key].value != h {
			*at = (*at).next
			continue
		}
		each(l)
		at = &(*at).next
	}
	if first == nil {
		delete(m.found, hash)
	} else {
		m.found[hash] = *first
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
	m.find(finderOf(finder), m.now(), func(l Listing) {
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
	h := m.sessions.items[key].value
	if h == nil {
		return nil
	}
	// Findings may hold it for a while.
	r, stored := h.recordAt(m.now())
	h.set(r.Data, nil)
	if h.listingEnds = 0; !stored {
		delete(m.sessions.items, key)
	}
	return nil
}
