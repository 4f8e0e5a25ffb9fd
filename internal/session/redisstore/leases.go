package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"sallyport/internal/session"
)

var errFull = errors.New("too many single-use marks")

// Mark implements session.Store.
func (s *Store) Mark(ctx context.Context, key string, ttl time.Duration) error {
	n, err := s.run(ctx, s.scripts.mark, []string{s.prefix + "@used"}, []string{key, millis(ttl), s.maxMarks})
	switch {
	case err != nil:
		return err
	case n == isAbsent:
		return session.ErrExists
	case n != isDone:
		return unavailable(errFull)
	}
	return nil
}

// Lease implements session.Store.
func (s *Store) Lease(ctx context.Context, key string, ttl time.Duration) (session.Lease, error) {
	l := session.Lease{Key: key, Owner: rand.Text()}
	fence, err := s.run(ctx, s.scripts.lease, []string{s.prefix + "@lease:" + key, s.prefix + "@fence"}, []string{l.Owner, millis(ttl)})
	if err != nil {
		return session.Lease{}, err
	}
	if fence <= 0 {
		return session.Lease{}, session.ErrHeld
	}
	l.Fence = uint64(fence)
	return l, nil
}

// Renew implements session.Store.
func (s *Store) Renew(ctx context.Context, l session.Lease, ttl time.Duration) error {
	n, err := s.run(ctx, s.scripts.renew, []string{s.prefix + "@lease:" + l.Key}, []string{l.Owner, millis(ttl)})
	if err == nil && n != isDone {
		return session.ErrLost
	}
	return err
}

// Release implements session.Store.
func (s *Store) Release(ctx context.Context, l session.Lease) error {
	_, err := s.run(ctx, s.scripts.release, []string{s.prefix + "@lease:" + l.Key}, []string{l.Owner})
	return err
}
