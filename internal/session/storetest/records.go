package storetest

import (
	"bytes"
	"errors"
	"testing"

	"sallyport/internal/session"
)

func records(t *testing.T, h Harness) {
	store, other, _ := h.open(t)
	ctx := t.Context()

	_, err := store.Load(ctx, "session:a")
	must(t, "load what is not there", err, session.ErrAbsent)

	all := make([]byte, 256<<10)
	for i := range all {
		all[i] = byte(i)
	}
	for key, data := range map[string][]byte{"session:a": []byte("a"), "session:b": all, "session:c": {}} {
		must(t, "create "+key, store.Create(ctx, key, data, long), nil)
	}
	for key, data := range map[string][]byte{"session:a": []byte("a"), "session:b": all, "session:c": {}} {
		r, err := other.Load(ctx, key)
		must(t, "load "+key, err, nil)
		if !bytes.Equal(r.Data, data) || r.Version != 1 {
			t.Errorf("%s: %d bytes at version %d, want %d at 1", key, len(r.Data), r.Version, len(data))
		}
	}

	must(t, "create again", other.Create(ctx, "session:a", []byte("x"), long), session.ErrExists)
	r, err := store.Load(ctx, "session:a")
	must(t, "load", err, nil)
	if string(r.Data) != "a" {
		t.Errorf("a refused create changed the record to %q", r.Data)
	}

	mine := []byte("mine")
	must(t, "create", store.Create(ctx, "session:mine", mine, long), nil)
	mine[0] = 'X'
	r, err = store.Load(ctx, "session:mine")
	must(t, "load", err, nil)
	if string(r.Data) != "mine" {
		t.Errorf("the store keeps the caller's bytes: %q", r.Data)
	}

	if won := race(t, session.ErrExists, func(int) error { return store.Create(ctx, "session:race", nil, long) }); won != 1 {
		t.Errorf("%d of 16 created one key", won)
	}
}

func swaps(t *testing.T, h Harness) {
	store, other, _ := h.open(t)
	ctx := t.Context()

	must(t, "swap what is not there", store.CompareAndSwap(ctx, "session:a", 1, nil, long), session.ErrAbsent)
	_, err := store.Load(ctx, "session:a")
	must(t, "a refused swap creates nothing", err, session.ErrAbsent)

	must(t, "create", store.Create(ctx, "session:a", []byte("one"), long), nil)
	must(t, "swap", other.CompareAndSwap(ctx, "session:a", 1, []byte("two"), long), nil)
	must(t, "swap from the old version", store.CompareAndSwap(ctx, "session:a", 1, []byte("lost"), long), session.ErrConflict)
	must(t, "swap from a future version", store.CompareAndSwap(ctx, "session:a", 3, []byte("lost"), long), session.ErrConflict)
	r, err := store.Load(ctx, "session:a")
	must(t, "load", err, nil)
	if string(r.Data) != "two" || r.Version != 2 {
		t.Errorf("record is %q at %d, want two at 2", r.Data, r.Version)
	}

	for version := uint64(2); version < 300; version++ {
		must(t, "swap", store.CompareAndSwap(ctx, "session:a", version, []byte("n"), long), nil)
	}
	won := race(t, session.ErrConflict, func(int) error { return store.CompareAndSwap(ctx, "session:a", 300, []byte("x"), long) })
	if won != 1 {
		t.Errorf("%d of 16 swapped one version", won)
	}
}

func deletion(t *testing.T, h Harness) {
	store, other, _ := h.open(t)
	ctx := t.Context()

	must(t, "delete what is not there", store.Delete(ctx, "session:a"), nil)
	must(t, "compare and delete what is not there", store.CompareAndDelete(ctx, "session:a", 1), session.ErrAbsent)

	must(t, "create", store.Create(ctx, "session:a", nil, long), nil)
	must(t, "swap", store.CompareAndSwap(ctx, "session:a", 1, nil, long), nil)
	must(t, "compare and delete from the old version", store.CompareAndDelete(ctx, "session:a", 1), session.ErrConflict)
	_, err := store.Load(ctx, "session:a")
	must(t, "load after a refused deletion", err, nil)
	must(t, "compare and delete", other.CompareAndDelete(ctx, "session:a", 2), nil)
	_, err = store.Load(ctx, "session:a")
	must(t, "load after deletion", err, session.ErrAbsent)
	must(t, "swap after deletion", store.CompareAndSwap(ctx, "session:a", 2, nil, long), session.ErrAbsent)

	must(t, "create", store.Create(ctx, "session:b", nil, long), nil)
	must(t, "create", store.Create(ctx, "session:c", nil, long), nil)
	must(t, "delete", other.Delete(ctx, "session:b"), nil)
	_, err = store.Load(ctx, "session:b")
	must(t, "load after deletion", err, session.ErrAbsent)
	_, err = store.Load(ctx, "session:c")
	must(t, "load the neighbour", err, nil)

	// A swap and a deletion of the same version: one of them happens.
	must(t, "create", store.Create(ctx, "session:race", nil, long), nil)
	won := race(t, session.ErrConflict, func(i int) error {
		var err error
		if i%2 == 0 {
			err = store.CompareAndDelete(ctx, "session:race", 1)
		} else {
			err = store.CompareAndSwap(ctx, "session:race", 1, nil, long)
		}
		if errors.Is(err, session.ErrAbsent) {
			return session.ErrConflict
		}
		return err
	})
	if won != 1 {
		t.Errorf("%d of 16 swapped or deleted one version", won)
	}
}

func expiry(t *testing.T, h Harness) {
	store, _, pass := h.open(t)
	ctx := t.Context()

	must(t, "create short", store.Create(ctx, "session:short", nil, short), nil)
	must(t, "create long", store.Create(ctx, "session:long", nil, long), nil)
	must(t, "create", store.Create(ctx, "session:cut", nil, long), nil)
	must(t, "swap for a short while", store.CompareAndSwap(ctx, "session:cut", 1, nil, short), nil)
	must(t, "create", store.Create(ctx, "session:prolonged", nil, short), nil)
	must(t, "swap for a long while", store.CompareAndSwap(ctx, "session:prolonged", 1, nil, long), nil)
	pass(short + short/2)
	for key, want := range map[string]error{
		"session:short": session.ErrAbsent, "session:cut": session.ErrAbsent,
		"session:long": nil, "session:prolonged": nil,
	} {
		_, err := store.Load(ctx, key)
		must(t, "load "+key+" later", err, want)
	}
	must(t, "swap what expired", store.CompareAndSwap(ctx, "session:cut", 2, nil, long), session.ErrAbsent)
	must(t, "delete what expired", store.CompareAndDelete(ctx, "session:cut", 2), session.ErrAbsent)
	must(t, "create what expired", store.Create(ctx, "session:short", nil, long), nil)
}
