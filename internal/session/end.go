package session

import (
	"context"
	"errors"
	"time"
)

// End ends the session of a request for this audience: on the server first,
// then by the returned Set-Cookie lines. Where nothing is left for any other
// audience the record is deleted, in whichever place a renewal may have put
// it. It ends sessions that Load does not accept too: timed out, of another
// realm, or one of several that verify. With ErrUnavailable the session has
// not ended, and there are no lines.
func (m *Manager) End(ctx context.Context, v Visit) ([]string, error) {
	now := m.now().Unix()
	var left *opened
	var living []head
	dead := 0
	for _, text := range m.valuesOf(&v) {
		h, ok := m.verify(text, &v)
		if !ok {
			continue
		}
		if _, is := m.expired(&h, now); is {
			dead++
		} else {
			living = append(living, h)
		}
		o, err := m.fetch(ctx, &v, verified{head: h}, text[headText:], now)
		if err == nil {
			var rest *opened
			if rest, err = m.leave(ctx, &o, now); rest != nil {
				left = rest
			}
		}
		if err != nil && !errors.Is(err, ErrNone) {
			return nil, err
		}
	}
	if left != nil && oneSession(living) {
		left.repeated = dead+len(living) > 1
		return m.emit(&v, left)
	}
	return m.expireAll(&v), nil
}

func (m *Manager) valuesOf(v *Visit) []string {
	found := cookieValues(v.Cookie, m.cookie.Name)
	return append([]string(nil), found.all()...)
}

func oneSession(heads []head) bool {
	for _, h := range heads {
		if h.id != heads[0].id {
			return false
		}
	}
	return true
}

// leave removes this audience's entry from o, or all of o when it is the last.
// It returns what is left.
func (m *Manager) leave(ctx context.Context, o *opened, now int64) (*opened, error) {
	_, expired := m.expired(&o.head, now)
	for range maxSwaps {
		rest := o.record.with(m.audience, "")
		if len(rest.entries) > 0 && !expired {
			left, err := m.apply(ctx, *o, func(r *record) (*record, error) {
				return r.with(m.audience, ""), nil
			})
			if err != nil {
				return nil, err
			}
			left.head.touch(now)
			return &left, nil
		}
		if m.inCookie() {
			return nil, nil
		}
		current, err := m.retire(ctx, o, now)
		if err != nil || current == nil || current == o {
			return nil, err
		}
		o = current
	}
	return nil, unavailable("end", ErrConflict)
}

// MarkUsed records that a flow id has been used, for ttl. It fails with
// ErrExists when it was used before, and with ErrUnavailable when that cannot
// be known: then the flow must not go on. In cookie storage there is nowhere
// to record it, and the answer is always nil; what remains is that a provider
// redeems a code once.
func (m *Manager) MarkUsed(ctx context.Context, flowID string, ttl time.Duration) error {
	if m.inCookie() {
		return nil
	}
	err := m.store.Mark(ctx, hashed("sallyport used flow", flowID), min(max(ttl, time.Second), maxTTL))
	if err == nil || errors.Is(err, ErrExists) {
		return err
	}
	return unavailable("mark", err)
}
