package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/session"
	"sallyport/internal/session/storetest"
)

// closing is a store that knows whether it was closed.
type closing struct{ session.Store }

func (closing) Close() {}

func TestMeasuredStoreIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		Open: func(_ *testing.T, maxMarks int) (one, other session.Store, pass func(time.Duration)) {
			var ahead atomic.Int64
			m := session.NewMemory(session.MemoryOptions{
				Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, MaxMarks: maxMarks,
			})
			n := newNode()
			one, other = n.Measure("memory", closing{m}, nil), n.Measure("memory", closing{m}, nil)
			return one, other, func(d time.Duration) { ahead.Add(int64(d)) }
		},
	})
}

// answering answers every call with one error and counts Close.
type answering struct {
	session.Store
	err    error
	closed atomic.Int64
}

func (a *answering) Close() { a.closed.Add(1) }

func (a *answering) Load(context.Context, string) (session.Record, error) {
	return session.Record{Version: 7}, a.err
}

func (a *answering) Create(context.Context, string, []byte, time.Duration) error { return a.err }

func (a *answering) CompareAndSwap(context.Context, string, uint64, []byte, time.Duration) error {
	return a.err
}
func (a *answering) CompareAndDelete(context.Context, string, uint64) error { return a.err }
func (a *answering) Delete(context.Context, string) error                   { return a.err }
func (a *answering) Mark(context.Context, string, time.Duration) error      { return a.err }
func (a *answering) Lease(context.Context, string, time.Duration) (session.Lease, error) {
	return session.Lease{Key: "k"}, a.err
}
func (a *answering) Renew(context.Context, session.Lease, time.Duration) error { return a.err }
func (a *answering) Release(context.Context, session.Lease) error              { return a.err }
func (a *answering) PutListing(context.Context, string, []string, []byte, time.Duration) error {
	return a.err
}

func (a *answering) FindListings(context.Context, string, int) ([]session.Listing, error) {
	return make([]session.Listing, 2), a.err
}
func (a *answering) DeleteListing(context.Context, string) error { return a.err }

func TestStoreCallsByResult(t *testing.T) {
	t.Parallel()
	calls := map[string]func(context.Context, session.Store) error{
		"load": func(ctx context.Context, s session.Store) error {
			r, err := s.Load(ctx, "k")
			if r.Version != 7 {
				return errors.New("the record is lost")
			}
			return err
		},
		"create": func(ctx context.Context, s session.Store) error { return s.Create(ctx, "k", nil, time.Second) },
		"compare_and_swap": func(ctx context.Context, s session.Store) error {
			return s.CompareAndSwap(ctx, "k", 1, nil, time.Second)
		},
		"compare_and_delete": func(ctx context.Context, s session.Store) error { return s.CompareAndDelete(ctx, "k", 1) },
		"delete":             func(ctx context.Context, s session.Store) error { return s.Delete(ctx, "k") },
		"mark":               func(ctx context.Context, s session.Store) error { return s.Mark(ctx, "k", time.Second) },
		"lease": func(ctx context.Context, s session.Store) error {
			l, err := s.Lease(ctx, "k", time.Second)
			if l.Key != "k" {
				return errors.New("the lease is lost")
			}
			return err
		},
		"renew":       func(ctx context.Context, s session.Store) error { return s.Renew(ctx, session.Lease{}, time.Second) },
		"release":     func(ctx context.Context, s session.Store) error { return s.Release(ctx, session.Lease{}) },
		"put_listing": func(ctx context.Context, s session.Store) error { return s.PutListing(ctx, "k", nil, nil, time.Second) },
		"find_listings": func(ctx context.Context, s session.Store) error {
			l, err := s.FindListings(ctx, "f", 2)
			if len(l) != 2 {
				return errors.New("the listings are lost")
			}
			return err
		},
		"delete_listing": func(ctx context.Context, s session.Store) error { return s.DeleteListing(ctx, "k") },
	}
	odd := errors.New("planted")
	// possible are the results that an operation has a series for, besides.
	possible := map[string][]string{
		"load": {"absent"}, "create": {"exists"}, "compare_and_swap": {"absent", "conflict"}, "compare_and_delete": {"absent", "conflict"},
		"mark": {"exists"}, "lease": {"held"}, "renew": {"lost"},
	}
	for name, err := range map[string]error{
		"ok": nil, "absent": session.ErrAbsent, "exists": session.ErrExists, "conflict": session.ErrConflict, "held": session.ErrHeld,
		"lost": session.ErrLost, "unavailable": fmt.Errorf("redis: %w: %w", session.ErrUnavailable, odd), "other": odd,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode()
			inner := &answering{err: err}
			now := time.Unix(0, 0)
			s := n.Measure("redis", inner, func() time.Time { now = now.Add(2 * time.Millisecond); return now })
			for op, call := range calls {
				if got := call(t.Context(), s); !errors.Is(got, err) {
					t.Errorf("%s: %v, want %v", op, got, err)
				}
				result := "other"
				for _, p := range append(possible[op], "ok", "unavailable") {
					if p == name {
						result = name
					}
				}
				labels := `{operation="` + op + `",result="` + result + `",storage="redis"}`
				if got := n.value(t, "sallyport_store_calls_total"+labels); got != "1" {
					t.Errorf("%s = %q", labels, got)
				}
				sum := `sallyport_store_call_duration_seconds_sum{operation="` + op + `",storage="redis"}`
				if got := n.value(t, sum); got != "0.002" {
					t.Errorf("%s = %q", sum, got)
				}
			}
			if s.Close(); inner.closed.Load() != 1 {
				t.Error("Close does not reach the store")
			}
		})
	}
}

func BenchmarkStoreLoad(b *testing.B) {
	for name, measure := range map[string]bool{"bare": false, "measured": true} {
		b.Run(name, func(b *testing.B) {
			var s session.Store = &answering{}
			if measure {
				s = newNode().Measure("memory", &answering{}, nil)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Load(b.Context(), "k"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
