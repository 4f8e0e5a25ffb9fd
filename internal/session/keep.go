package session

import (
	"context"
	"errors"
	"fmt"
)

// Keep prolongs a session that is in use: past three quarters of the rolling
// timeout it gets a new id; otherwise, when the last touch is more than a
// minute ago, the cookie is sent again and nothing is written. Mostly nothing
// is due, and it returns s and no lines.
//
// An error does not end s, except one that matches ErrNone: then the session
// was ended meanwhile.
func (m *Manager) Keep(ctx context.Context, v Visit, s *Session) (*Session, []string, error) {
	now := m.now().Unix()
	if m.rolling > 0 && since(s.head.savedAt(), now) > m.rolling/4*3 {
		return m.renew(ctx, &v, s, now)
	}
	threshold := min(touchAfter, m.idling/4)
	if due := m.idling > 0 && since(s.head.touchedAt(), now) > threshold; !due && !s.resend && !s.repeated {
		return s, nil, nil
	}
	o := s.opened
	o.head.touch(now)
	return m.send(&v, o)
}

// send gives o to the user agent.
func (m *Manager) send(v *Visit, o opened) (*Session, []string, error) {
	lines, err := m.emit(v, &o)
	if err != nil {
		return nil, nil, err
	}
	o.resend, o.repeated = false, false
	s, err := m.session(o)
	return s, lines, err
}

func (m *Manager) renew(ctx context.Context, v *Visit, s *Session, now int64) (*Session, []string, error) {
	var o opened
	var err error
	if m.inCookie() {
		o, err = m.renewed(&s.opened, now)
	} else {
		o, err = m.flights.do(ctx, "renew "+s.key, m.refreshLimit, 0, func(ctx context.Context) (opened, error) {
			return m.handOver(ctx, s.opened, now)
		})
	}
	if err != nil {
		return nil, nil, err
	}
	o.head.flags, o.repeated = s.head.flags, s.repeated
	return m.send(v, o)
}

// renewed is o under a new id.
func (m *Manager) renewed(o *opened, now int64) (opened, error) {
	n := opened{head: o.head, stored: 1, record: o.record}
	n.head.setSaved(now)
	if err := m.random(n.head.id[:]); err != nil {
		return opened{}, err
	}
	n.key = m.storageKey(&n.head.id)
	return n, nil
}

// handOver moves a stored session to a new id: the new record is written, then
// the old one is swapped for a stub that leads to it. Who loses that swap
// deletes the new record again, since nobody has its cookie, and goes on from
// what the old one has become.
func (m *Manager) handOver(ctx context.Context, o opened, now int64) (opened, error) {
	for range maxSwaps {
		n, err := m.renewed(&o, now)
		if err != nil {
			return opened{}, err
		}
		if err := m.create(ctx, &n, now); err != nil {
			return opened{}, err
		}
		err = m.leaveStub(ctx, &o, &n)
		if err == nil {
			_ = m.store.DeleteListing(ctx, o.key) // a listing of nothing does no harm
			return n, nil
		}
		m.discard(ctx, n.key)
		if !errors.Is(err, ErrConflict) && !errors.Is(err, ErrAbsent) {
			return opened{}, unavailable("renew", err)
		}
		current, err := m.follow(ctx, o.head, now)
		if err != nil || current.resend {
			return current, err
		}
		o = current // changed in place, by a refresh
	}
	return opened{}, unavailable("renew", ErrConflict)
}

// leaveStub swaps o's record for one that leads to n.
func (m *Manager) leaveStub(ctx context.Context, o, n *opened) error {
	stub := &record{family: o.record.family, successor: &successor{id: n.head.id, saved: n.head.savedAt()}}
	sealed, err := m.seal(&o.head.id, o.key, o.stored+1, stub)
	if err != nil {
		return err
	}
	if err := m.store.CompareAndSwap(ctx, o.key, o.stored, sealed, stubTTL); err != nil {
		return fmt.Errorf("leave stub: %w", err)
	}
	return nil
}
