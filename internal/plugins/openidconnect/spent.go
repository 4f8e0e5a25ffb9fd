package openidconnect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"time"
)

// maxSpent bounds the DPoP proofs that are remembered, about 64 MiB of them, and
// maxSpentByKey those of one key, so that no client leaves others without.
const (
	maxSpent      = 1 << 20
	maxSpentByKey = maxSpent / 4
)

// errSpentFull: nothing can be remembered, so that nothing can be said to be new.
var errSpentFull = errors.New("openid-connect: too many DPoP proofs are in use")

// spentKey names a proof, or a key that signs them, by a hash under a secret of
// the process: nobody can choose two that are one.
type spentKey [16]byte

// spent remembers which DPoP proofs were used (RFC 9449 section 11.1), for all
// instances of the plugin on this node, each until it would not be accepted any
// more. It is safe for concurrent use.
type spent struct {
	secret       []byte
	limit, byKey int

	mu      sync.Mutex // guards the rest
	buckets []*spentBucket
	count   int
}

// spentBucket holds what is forgotten together.
type spentBucket struct {
	until  time.Time
	proofs map[spentKey]struct{}
	// keys counts its proofs by key.
	keys map[spentKey]int
}

func newSpent() *spent {
	s := &spent{secret: make([]byte, 32), limit: maxSpent, byKey: maxSpentByKey}
	_, _ = rand.Read(s.secret) // never fails
	return s
}

func (s *spent) name(parts ...string) spentKey {
	m := hmac.New(sha256.New, s.secret)
	for _, part := range parts {
		m.Write([]byte{byte(len(part) >> 8), byte(len(part))}) //nolint:gosec // both are bounded: a thumbprint and an id
		m.Write([]byte(part))
	}
	return spentKey(m.Sum(nil)[:len(spentKey{})])
}

// spend uses a proof up, which is accepted until ends. first is false for one
// that was used before. An error says that it cannot be remembered.
func (s *spent) spend(thumbprint, id string, ends, now time.Time) (first bool, err error) {
	proof, key := s.name(thumbprint, id), s.name(thumbprint)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	used := 0
	for _, b := range s.buckets {
		if _, there := b.proofs[proof]; there {
			return false, nil
		}
		used += b.keys[key]
	}
	if s.count >= s.limit || used >= s.byKey {
		return false, errSpentFull
	}
	b := s.bucket(ends, now)
	b.proofs[proof] = struct{}{}
	b.keys[key]++
	s.count++
	return true, nil
}

// forget drops what would not be accepted any more.
func (s *spent) forget(now time.Time) {
	kept := s.buckets[:0]
	for _, b := range s.buckets {
		if now.Before(b.until) {
			kept = append(kept, b)
		} else {
			s.count -= len(b.proofs)
		}
	}
	clear(s.buckets[len(kept):])
	s.buckets = kept
}

// bucket is the one in which something is remembered until ends at least. There
// are few of them, as their ends are rounded to an eighth of the time that is left.
func (s *spent) bucket(ends, now time.Time) *spentBucket {
	width := time.Second
	for 8*width < ends.Sub(now) {
		width *= 2
	}
	until := ends.Truncate(width).Add(width)
	for _, b := range s.buckets {
		if b.until.Equal(until) {
			return b
		}
	}
	b := &spentBucket{until: until, proofs: map[spentKey]struct{}{}, keys: map[spentKey]int{}}
	s.buckets = append(s.buckets, b)
	return b
}
