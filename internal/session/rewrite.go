package session

import (
	"context"
	"errors"
	"slices"
)

// Rewrite replaces this audience's entry in place; the id stays. It is for
// what is learnt within a login (refreshed claims): a change of identity or
// level is a Start. Of two writers at the same time the later one's entry
// counts, and neither touches another audience's.
func (m *Manager) Rewrite(ctx context.Context, v Visit, s *Session, e Entry) (*Session, []string, error) {
	if !slices.Contains(m.realms, e.Realm) || e.Subject != s.entry.Subject {
		return nil, nil, errors.New("session: rewrite: another realm or subject")
	}
	e.created = s.entry.created
	body := e.encode()
	o, err := m.apply(ctx, s.opened, func(r *record) (*record, error) {
		return r.with(m.audience, body), nil
	})
	if err != nil {
		return nil, nil, err
	}
	return m.deliver(&v, s, o)
}

// deliver gives o, a changed s, to the user agent where its cookie changed.
func (m *Manager) deliver(v *Visit, s *Session, o opened) (*Session, []string, error) {
	o.repeated = s.repeated
	if o.head.id == s.head.id {
		// The result may be that of another request, with another touch.
		o.head.flags, o.head.touched, o.resend = s.head.flags, s.head.touched, s.resend
		if !m.inCookie() {
			n, err := m.session(o)
			return n, nil, err
		}
	}
	o.head.touch(m.now().Unix())
	return m.send(v, o)
}

// errKeep is returned by a change that finds nothing to do.
var errKeep = errors.New("session: nothing to change")

// apply changes o's record by compare-and-swap. Who loses applies the change
// to what the record has become, under its new id if it has one; change must
// therefore touch only what is its own. errKeep leaves the record alone.
func (m *Manager) apply(ctx context.Context, o opened, change func(*record) (*record, error)) (opened, error) {
	now := m.now().Unix()
	for range maxSwaps {
		r, err := change(o.record)
		if errors.Is(err, errKeep) {
			return o, nil
		}
		if err != nil {
			return opened{}, err
		}
		if m.inCookie() {
			o.record, o.stored = r, o.stored+1
			o.head.version = uint32(o.stored) //nolint:gosec // counts the writes of one session
			return o, nil
		}
		next, err := m.swap(ctx, o, r, now)
		switch {
		case err == nil:
			return next, nil
		case errors.Is(err, ErrAbsent):
			return opened{}, none(ReasonAbsent)
		case !errors.Is(err, ErrConflict):
			return opened{}, unavailable("rewrite", err)
		}
		resend := o.resend
		if o, err = m.follow(ctx, o.head, now); err != nil {
			return opened{}, err
		}
		o.resend = o.resend || resend
	}
	return opened{}, unavailable("rewrite", ErrConflict)
}
