package storetest

import (
	"slices"
	"strconv"
	"testing"

	"sallyport/internal/session"
)

func directory(t *testing.T, h Harness) {
	ctx := t.Context()

	keys := func(t *testing.T, store session.Store, finder string, limit int) []string {
		t.Helper()
		found, err := store.FindListings(ctx, finder, limit)
		must(t, "find", err, nil)
		var all []string
		for _, l := range found {
			if string(l.Data) != "data of "+l.Key {
				t.Errorf("listing of %s holds %q", l.Key, l.Data)
			}
			all = append(all, l.Key)
		}
		slices.Sort(all)
		return all
	}
	put := func(t *testing.T, store session.Store, key string, finders ...string) {
		t.Helper()
		must(t, "put", store.PutListing(ctx, key, finders, []byte("data of "+key), long), nil)
	}
	want := func(t *testing.T, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}

	t.Run("a listing is found by each of its finders", func(t *testing.T) {
		store, other, _ := h.open(t)
		put(t, store, "session:a", "alice", "sid1")
		put(t, store, "session:b", "alice", "sid2")
		put(t, store, "session:c", "bob")
		put(t, store, "session:d")
		want(t, keys(t, other, "alice", 10), "session:a", "session:b")
		want(t, keys(t, other, "sid2", 10), "session:b")
		want(t, keys(t, other, "bob", 10), "session:c")
		want(t, keys(t, other, "carol", 10))
		if got := keys(t, other, "alice", 1); len(got) != 1 {
			t.Errorf("a limit of 1 gave %q", got)
		}
	})

	t.Run("a listing can be replaced and deleted", func(t *testing.T) {
		store, other, _ := h.open(t)
		must(t, "put", store.PutListing(ctx, "session:a", []string{"alice"}, []byte("old"), long), nil)
		put(t, store, "session:a", "alice")
		want(t, keys(t, other, "alice", 10), "session:a")
		must(t, "delete", other.DeleteListing(ctx, "session:a"), nil)
		must(t, "delete again", other.DeleteListing(ctx, "session:a"), nil)
		want(t, keys(t, store, "alice", 10))
	})

	t.Run("listings end with their time", func(t *testing.T) {
		store, _, pass := h.open(t)
		must(t, "put", store.PutListing(ctx, "session:short", []string{"alice"}, nil, short), nil)
		put(t, store, "session:long", "alice")
		pass(short + short/2)
		want(t, keys(t, store, "alice", 10), "session:long")
	})

	t.Run("what is gone does not hide what is there", func(t *testing.T) {
		store, _, _ := h.open(t)
		for i := range 20 {
			put(t, store, "session:"+strconv.Itoa(i), "alice")
		}
		for i := range 19 {
			must(t, "delete", store.DeleteListing(ctx, "session:"+strconv.Itoa(i)), nil)
		}
		want(t, keys(t, store, "alice", 3), "session:19")
	})
}
