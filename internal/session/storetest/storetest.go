package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/session"
)

// Harness makes the stores under test.
type Harness struct {
	// Open returns two handles on one new, empty store, as two processes have
	// them; they may be the same. At most maxMarks marks may live in it.
	// pass lets time pass for this store.
	Open func(t *testing.T, maxMarks int) (one, other session.Store, pass func(time.Duration))
}

const (
	long = time.Hour
	// short is long enough for a busy machine to do a dozen calls within it.
	short = 500 * time.Millisecond
)

// Run runs the whole contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Harness){
		"records":   records,
		"swaps":     swaps,
		"deletion":  deletion,
		"expiry":    expiry,
		"marks":     marks,
		"leases":    leases,
		"watch":     watch,
		"directory": directory,
		"deadlines": deadlines,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

const marksForAll = 1000

func (h Harness) open(t *testing.T) (one, other session.Store, pass func(time.Duration)) {
	t.Helper()
	return h.Open(t, marksForAll)
}

// must fails the test unless err is want (nil included).
func must(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error %v, want %v", what, err, want)
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) { //nolint:forbidigo // waits for a real server
		if time.Now().After(end) { //nolint:forbidigo // waits for a real server
			t.Fatalf("%s: not within ten seconds", what)
		}
	}
}

// race calls f from many goroutines at once and returns how often it was nil;
// any error but want fails the test.
func race(t *testing.T, want error, f func(i int) error) int {
	t.Helper()
	var wg sync.WaitGroup
	var won atomic.Int64
	for i := range 16 {
		wg.Go(func() {
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, want):
				t.Errorf("lost with %v, want %v", err, want)
			}
		})
	}
	wg.Wait()
	return int(won.Load())
}

func deadlines(t *testing.T, h Harness) {
	store, _, _ := h.open(t)
	must(t, "create", store.Create(t.Context(), "session:k", []byte("data"), long), nil)
	l, err := store.Lease(t.Context(), "lease", long)
	must(t, "lease", err, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func(context.Context) error{
		"load":               func(ctx context.Context) error { _, err := store.Load(ctx, "session:k"); return err },
		"create":             func(ctx context.Context) error { return store.Create(ctx, "session:new", nil, long) },
		"compare and swap":   func(ctx context.Context) error { return store.CompareAndSwap(ctx, "session:k", 1, nil, long) },
		"compare and delete": func(ctx context.Context) error { return store.CompareAndDelete(ctx, "session:k", 1) },
		"delete":             func(ctx context.Context) error { return store.Delete(ctx, "session:k") },
		"mark":               func(ctx context.Context) error { return store.Mark(ctx, "mark", long) },
		"lease":              func(ctx context.Context) error { _, err := store.Lease(ctx, "free", long); return err },
		"renew":              func(ctx context.Context) error { return store.Renew(ctx, l, long) },
		"release":            func(ctx context.Context) error { return store.Release(ctx, l) },
		"put listing":        func(ctx context.Context) error { return store.PutListing(ctx, "k", nil, nil, long) },
		"find listings":      func(ctx context.Context) error { _, err := store.FindListings(ctx, "f", 1); return err },
		"delete listing":     func(ctx context.Context) error { return store.DeleteListing(ctx, "k") },
	} {
		t.Run(name+" with an ended context cannot ask", func(t *testing.T) {
			must(t, name, call(ended), session.ErrUnavailable)
		})
	}
	r, err := store.Load(t.Context(), "session:k")
	must(t, "load", err, nil)
	if string(r.Data) != "data" || r.Version != 1 {
		t.Errorf("a call with an ended context changed the record: %q at %d", r.Data, r.Version)
	}
}
