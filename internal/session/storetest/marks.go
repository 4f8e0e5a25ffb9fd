package storetest

import (
	"strconv"
	"testing"

	"sallyport/internal/session"
)

func marks(t *testing.T, h Harness) {
	ctx := t.Context()

	t.Run("a mark is made once", func(t *testing.T) {
		store, other, _ := h.open(t)
		must(t, "mark", store.Mark(ctx, "a", long), nil)
		must(t, "mark again", other.Mark(ctx, "a", long), session.ErrExists)
		must(t, "mark another", store.Mark(ctx, "b", long), nil)
		if won := race(t, session.ErrExists, func(int) error { return store.Mark(ctx, "race", long) }); won != 1 {
			t.Errorf("%d of 16 made one mark", won)
		}
	})

	t.Run("a mark ends with its time, and not before", func(t *testing.T) {
		store, _, pass := h.open(t)
		must(t, "mark short", store.Mark(ctx, "short", short), nil)
		must(t, "mark long", store.Mark(ctx, "long", long), nil)
		must(t, "mark short again", store.Mark(ctx, "short", long), session.ErrExists)
		pass(short + short/2)
		must(t, "mark short later", store.Mark(ctx, "short", long), nil)
		must(t, "mark long later", store.Mark(ctx, "long", long), session.ErrExists)
	})

	t.Run("a flood of marks is bounded, forgets none and displaces no record", func(t *testing.T) {
		store, _, pass := h.Open(t, 10)
		must(t, "create", store.Create(ctx, "session:a", []byte("a"), long), nil)
		for i := range 10 {
			must(t, "mark", store.Mark(ctx, strconv.Itoa(i), short), nil)
		}
		must(t, "mark beyond the bound", store.Mark(ctx, "more", short), session.ErrUnavailable)
		must(t, "mark the first again", store.Mark(ctx, "0", short), session.ErrExists)
		_, err := store.Load(ctx, "session:a")
		must(t, "load", err, nil)
		must(t, "create", store.Create(ctx, "session:b", nil, long), nil)
		pass(short + short/2)
		must(t, "mark when the others have ended", store.Mark(ctx, "more", short), nil)
	})

	t.Run("a mark is no record", func(t *testing.T) {
		store, _, _ := h.open(t)
		must(t, "mark", store.Mark(ctx, "session:a", long), nil)
		_, err := store.Load(ctx, "session:a")
		must(t, "load", err, session.ErrAbsent)
	})
}

func leases(t *testing.T, h Harness) {
	ctx := t.Context()

	t.Run("one holds a lease", func(t *testing.T) {
		store, other, _ := h.open(t)
		l, err := store.Lease(ctx, "a", long)
		must(t, "lease", err, nil)
		if l.Key != "a" || l.Owner == "" || l.Fence == 0 {
			t.Errorf("lease is %+v", l)
		}
		_, err = other.Lease(ctx, "a", long)
		must(t, "lease again", err, session.ErrHeld)
		_, err = other.Lease(ctx, "b", long)
		must(t, "lease another", err, nil)
		must(t, "release", store.Release(ctx, l), nil)
		must(t, "renew after release", store.Renew(ctx, l, long), session.ErrLost)
		next, err := other.Lease(ctx, "a", long)
		must(t, "lease after release", err, nil)
		if next.Fence <= l.Fence || next.Owner == l.Owner {
			t.Errorf("lease %+v after %+v", next, l)
		}
		won := race(t, session.ErrHeld, func(int) error { _, err := store.Lease(ctx, "race", long); return err })
		if won != 1 {
			t.Errorf("%d of 16 hold one lease", won)
		}
	})

	t.Run("a lease ends unless it is renewed", func(t *testing.T) {
		store, other, pass := h.open(t)
		lost, err := store.Lease(ctx, "lost", short)
		must(t, "lease", err, nil)
		kept, err := store.Lease(ctx, "kept", short)
		must(t, "lease", err, nil)
		must(t, "renew", store.Renew(ctx, kept, long), nil)
		pass(short + short/2)
		_, err = other.Lease(ctx, "kept", long)
		must(t, "lease what was renewed", err, session.ErrHeld)
		must(t, "renew too late", store.Renew(ctx, lost, long), session.ErrLost)
		next, err := other.Lease(ctx, "lost", long)
		must(t, "lease what was lost", err, nil)
		if next.Fence <= lost.Fence {
			t.Errorf("fence %d after %d", next.Fence, lost.Fence)
		}
		must(t, "renew somebody else's", store.Renew(ctx, lost, long), session.ErrLost)
		must(t, "release somebody else's", store.Release(ctx, lost), nil)
		_, err = store.Lease(ctx, "lost", long)
		must(t, "lease after a former holder's release", err, session.ErrHeld)
		must(t, "renew one's own", other.Renew(ctx, next, long), nil)
	})
}
