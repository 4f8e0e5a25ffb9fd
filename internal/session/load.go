package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Load returns the session of a request. The error is a *NoSession, which
// matches ErrNone, or matches ErrUnavailable: then nothing is known, and
// neither may a login start nor a cookie be cleared.
func (m *Manager) Load(ctx context.Context, v Visit) (*Session, error) {
	now := m.now().Unix()
	h, text, err := m.cookieHead(&v, now)
	if err != nil {
		return nil, err
	}
	if h.dead != "" {
		return nil, none(h.dead)
	}
	o, err := m.fetch(ctx, &v, h, text, now)
	if err != nil {
		return nil, err
	}
	if reason, is := m.expired(&o.head, now); is {
		return nil, none(reason) // that of the successor
	}
	return m.sessionAt(&o, now)
}

// session is o for this audience.
func (m *Manager) session(o opened) (*Session, error) { return m.sessionAt(&o, m.now().Unix()) }

// sessionAt checks, whether o was opened just now or long ago, that it is good
// for this manager.
func (m *Manager) sessionAt(o *opened, now int64) (*Session, error) {
	if err := m.read(o); err != nil {
		return nil, err
	}
	e := &o.view.entry
	if !slices.Contains(m.realms, e.Realm) {
		return nil, none(ReasonRealm)
	}
	if m.absolute > 0 && since(e.created, now) > m.absolute {
		return nil, none(ReasonAbsolute) // another audience's login is younger
	}
	return &Session{opened: *o, audience: m.audience, entry: e}, nil
}

// read reads this audience's entry of o's record, unless that was done already:
// by this manager, and of this very record.
func (m *Manager) read(o *opened) error {
	if o.view != nil && o.view.by == m && o.view.of == o.record {
		return nil
	}
	i := o.record.slot(m.audience)
	if i < 0 {
		return none(ReasonAudience)
	}
	e, err := decodeEntry(o.record.entries[i].body)
	if err != nil {
		return none(ReasonSealed)
	}
	e.Claims = slices.Clip(e.Claims) // shared
	o.view = &view{by: m, of: o.record, entry: e}
	if m.derive != nil {
		o.view.derived, o.view.size = m.derive(&o.view.entry)
	}
	return nil
}

// verified is a head that verifies, and whether others came beside it.
type verified struct {
	head     head
	repeated bool
	// dead is why the head opens nothing all the same, if it does not.
	dead Reason
}

// cookieHead finds the one cookie of a request that verifies, and the text
// that follows its head. Dead ones do not count beside a living one, or a
// cookie in a corner that nobody can clear would keep a user out for ever. Of
// dead ones alone it finds the newest.
func (m *Manager) cookieHead(v *Visit, now int64) (verified, string, error) {
	found := cookieValues(v.Cookie, m.cookie.Name)
	if found.n == 0 {
		return verified{}, "", none(ReasonNoCookie)
	}
	var one verified
	var rest string
	for _, text := range found.all() {
		h, ok := m.verify(text, v)
		if !ok {
			continue
		}
		known, dead := one.head.purpose != 0, m.dead(&h, now)
		if known && one.dead == "" && dead == "" && one.head.id != h.id {
			// Somebody else's genuine cookie was planted beside the user's: no
			// telling which is whose.
			return verified{}, "", &NoSession{Reason: ReasonAmbiguous, Cookies: m.expireAll(v)}
		}
		one.repeated = known
		better := newer(&h, &one.head)
		if (dead == "") != (one.dead == "") {
			better = dead == ""
		}
		if !known || better {
			one.head, one.dead, rest = h, dead, text[headText:]
		}
	}
	if one.head.purpose == 0 {
		return verified{}, "", none(ReasonForged)
	}
	return one, rest, nil
}

// dead says why a head that verifies opens nothing, or nothing. One that is
// bound to less than this manager demands would make a stolen cookie work where
// it must not.
func (m *Manager) dead(h *head, now int64) Reason {
	if h.flags&m.bind != m.bind {
		return ReasonUnbound
	}
	reason, _ := m.expired(h, now)
	return reason
}

// verify checks the head of a cookie's value, and that its form is that of
// this manager's storage.
func (m *Manager) verify(text string, v *Visit) (head, bool) {
	if len(text) < headText {
		return head{}, false
	}
	h, ok := m.signer.verify(text[:headText], v)
	if !ok {
		return head{}, false
	}
	if m.inCookie() {
		return h, h.flags&flagCookieStorage != 0 && h.chunks() >= 1 && h.chunks() <= maxChunks
	}
	return h, h.flags&flagCookieStorage == 0 && h.chunks() == 0 && len(text) == headText
}

// newer compares two cookies of one session.
func newer(a, b *head) bool {
	if a.version != b.version {
		return a.version > b.version
	}
	return a.touchedAt() > b.touchedAt()
}

// fetch gets the record of a verified cookie: from the store, following stubs,
// or from the cookie itself.
func (m *Manager) fetch(ctx context.Context, v *Visit, h verified, rest string, now int64) (opened, error) {
	if m.inCookie() {
		return m.assemble(v, h, rest, now)
	}
	o, err := m.follow(ctx, h.head, now)
	o.repeated = h.repeated
	return o, err
}

// follow loads the record of h from the store; a stub leads to its successor.
func (m *Manager) follow(ctx context.Context, h head, now int64) (opened, error) {
	o := opened{head: h}
	for range maxHops {
		known := m.cache.get(m, &o.head.id, now)
		if known != nil {
			o.key = known.key
		} else {
			o.key = m.storageKey(&o.head.id)
		}
		stored, err := m.store.Load(ctx, o.key)
		if err == nil && known != nil && known.version == stored.Version && bytes.Equal(known.sealed, stored.Data) {
			o.stored, o.record, o.view = known.version, known.record, known.view
			return o, nil
		}
		if errors.Is(err, ErrAbsent) {
			m.cache.drop(m, &o.head.id)
			return opened{}, none(ReasonAbsent)
		}
		if err != nil {
			return opened{}, unavailable("load", err)
		}
		o.stored = stored.Version
		if o.record, err = m.open(&o.head.id, o.key, stored.Version, stored.Data); err != nil {
			m.cache.drop(m, &o.head.id)
			return opened{}, none(ReasonSealed)
		}
		next := o.record.successor
		if next == nil {
			if m.read(&o) == nil {
				m.cache.put(m, &o.head.id, &cached{
					key: o.key, version: o.stored, sealed: stored.Data, record: o.record, view: o.view,
				}, now)
			}
			return o, nil
		}
		o.head.id, o.resend = next.id, true
		o.head.setSaved(next.saved)
		o.head.touch(now)
	}
	return opened{}, none(ReasonAbsent)
}

// unavailable makes sure that an error of the store is ErrUnavailable, also
// one that no store may return there.
func unavailable(op string, err error) error {
	if errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("session: %s: %w", op, err)
	}
	return fmt.Errorf("session: %s: %w: %w", op, ErrUnavailable, err)
}
