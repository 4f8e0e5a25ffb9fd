package storetest

import (
	"context"
	"sync"
	"testing"

	"sallyport/internal/session"
)

func watch(t *testing.T, h Harness) {
	store, other, _ := h.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	var mu sync.Mutex // guards seen
	seen := make(map[string]int)
	count := func(key string) int {
		mu.Lock()
		defer mu.Unlock()
		return seen[key]
	}
	done := make(chan error, 1)
	go func() {
		done <- store.Watch(ctx, func(key string) {
			mu.Lock()
			defer mu.Unlock()
			seen[key]++
		})
	}()
	eventually(t, "the watch begins", func() bool {
		must(t, "delete", other.Delete(ctx, "session:first"), nil)
		return count("session:first") > 0
	})

	for _, key := range []string{"session:swapped", "session:deleted", "session:compared", "session:kept"} {
		must(t, "create", other.Create(ctx, key, nil, long), nil)
	}
	must(t, "refused swap", other.CompareAndSwap(ctx, "session:kept", 9, nil, long), session.ErrConflict)
	must(t, "refused deletion", other.CompareAndDelete(ctx, "session:kept", 9), session.ErrConflict)
	must(t, "swap", other.CompareAndSwap(ctx, "session:swapped", 1, nil, long), nil)
	must(t, "delete", other.Delete(ctx, "session:deleted"), nil)
	must(t, "compare and delete", store.CompareAndDelete(ctx, "session:compared", 1), nil)
	must(t, "delete", other.Delete(ctx, "session:last"), nil)
	for _, key := range []string{"session:swapped", "session:deleted", "session:compared", "session:last"} {
		eventually(t, "notice of "+key, func() bool { return count(key) == 1 })
	}
	if count("session:kept") != 0 {
		t.Error("notice of a record that was only created")
	}
	cancel()
	must(t, "watch ends with its context", <-done, nil)
}
