package session

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Start begins a session for e: at login, at a change of identity, at a change
// of level. The id is new, and the record of the session that the request came
// with is deleted, so that nobody who planted or copied the old cookie has the
// new session. What that session held for other audiences is taken along, and
// with it what it was bound to; nothing is taken from one that has timed out or
// is bound to less than this manager demands. On an error nothing has changed
// for the user agent.
func (m *Manager) Start(ctx context.Context, v Visit, e Entry) (*Session, []string, error) {
	if !slices.Contains(m.realms, e.Realm) {
		return nil, nil, errors.New("session: start: not a realm of this manager")
	}
	now := m.now().Unix()
	e.created = now
	old, err := m.prior(ctx, &v, now)
	if err != nil {
		return nil, nil, err
	}
	bound := m.bind
	if old.opened != nil && !old.dead {
		bound |= old.head.flags & bindings
	}
	o := opened{
		head:   head{purpose: purposeSession, flags: bound, created: now},
		stored: 1, repeated: old.repeated,
	}
	fresh := &record{}
	if err := errors.Join(m.random(o.head.id[:]), m.random(fresh.family[:])); err != nil {
		return nil, nil, err
	}
	o.key = m.storageKey(&o.head.id)
	body := e.encode()
	build := func(from *opened) *record {
		if old.dead {
			from = nil
		}
		return m.carry(fresh, from, e.Subject).with(m.audience, body)
	}
	o.record = build(old.opened)
	if !m.inCookie() {
		if o, err = m.replace(ctx, o, old.opened, now, build); err != nil {
			return nil, nil, err
		}
	}
	lines, err := m.emit(&v, &o)
	if err != nil {
		return nil, nil, err
	}
	s, err := m.session(o)
	return s, lines, err
}

// prior is the session that a request came with, for whatever audience and
// realm; opened is nil when there is none.
type prior struct {
	*opened
	// dead: its record is to be deleted, and nothing to be taken from it.
	dead     bool
	repeated bool
}

func (m *Manager) prior(ctx context.Context, v *Visit, now int64) (prior, error) {
	h, rest, err := m.cookieHead(v, now)
	if err != nil {
		var n *NoSession
		return prior{repeated: errors.As(err, &n) && n.Reason == ReasonAmbiguous}, nil
	}
	found, err := m.fetch(ctx, v, h, rest, now)
	switch {
	case errors.Is(err, ErrNone):
		return prior{repeated: h.repeated}, nil
	case err != nil:
		return prior{}, err
	}
	return prior{opened: &found, dead: h.dead != "", repeated: h.repeated}, nil
}

// carry returns fresh with what old holds for other audiences.
func (m *Manager) carry(fresh *record, old *opened, subject string) *record {
	r := *fresh
	if old == nil {
		return &r
	}
	for _, s := range old.record.entries {
		if s.audience == m.audience {
			continue
		}
		if e, err := decodeEntry(s.body); m.sameSubject && (err != nil || e.Subject != subject) {
			continue
		}
		r.entries = append(r.entries, s)
	}
	return &r
}

// replace stores o and deletes old. The deletion is conditional: when another
// request changed old in between, its change is taken along, and when old is
// gone, nothing of it is, or an ended session would live on here.
func (m *Manager) replace(ctx context.Context, o opened, old *opened, now int64, build func(*opened) *record) (opened, error) {
	if err := m.create(ctx, &o, now); err != nil || old == nil {
		return o, err
	}
	key := o.key
	for range maxSwaps {
		current, err := m.retire(ctx, old, now)
		if err == nil && current != old {
			o, err = m.swap(ctx, o, build(current), now)
		}
		if err != nil {
			m.discard(ctx, key)
			return opened{}, unavailable("replace session", err)
		}
		if current == old || current == nil {
			return o, nil
		}
		old = current
	}
	m.discard(ctx, key)
	return opened{}, unavailable("replace session", ErrConflict)
}

// retire deletes o if it is still what it was, and returns o. Otherwise it
// returns what has become of it, nil for nothing.
func (m *Manager) retire(ctx context.Context, o *opened, now int64) (*opened, error) {
	err := m.store.CompareAndDelete(ctx, o.key, o.stored)
	switch {
	case err == nil:
		_ = m.store.DeleteListing(ctx, o.key) // a listing of nothing does no harm
		return o, nil
	case errors.Is(err, ErrAbsent):
		return nil, nil
	case !errors.Is(err, ErrConflict):
		return nil, unavailable("delete", err)
	}
	current, err := m.follow(ctx, o.head, now)
	if errors.Is(err, ErrNone) {
		return nil, nil
	}
	return &current, err
}

// create stores a new record and its listing, the listing first: what can be
// used can be found.
func (m *Manager) create(ctx context.Context, o *opened, now int64) error {
	sealed, err := m.seal(&o.head.id, o.key, 1, o.record)
	if err != nil {
		return err
	}
	ttl := m.ttl(&o.head, now)
	if err := m.list(ctx, o, ttl, now); err != nil {
		return err
	}
	if err := m.store.Create(ctx, o.key, sealed, ttl); err != nil {
		return unavailable("create", err)
	}
	o.stored = 1
	return nil
}

// swap stores r in place of o's record, if that is still what o says.
func (m *Manager) swap(ctx context.Context, o opened, r *record, now int64) (opened, error) {
	sealed, err := m.seal(&o.head.id, o.key, o.stored+1, r)
	if err != nil {
		return opened{}, err
	}
	if err := m.store.CompareAndSwap(ctx, o.key, o.stored, sealed, m.ttl(&o.head, now)); err != nil {
		return opened{}, err
	}
	o.record, o.stored = r, o.stored+1
	return o, nil
}

// discardLimit bounds the clearing up after a failure.
const discardLimit = time.Second

// discard removes a record that nobody has the cookie of, as well as can be:
// otherwise its ttl does. It outlives the request, which may be what failed.
func (m *Manager) discard(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardLimit)
	defer cancel()
	_ = m.store.Delete(ctx, key)
	_ = m.store.DeleteListing(ctx, key)
}
