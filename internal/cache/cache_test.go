package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func key(n int) Key {
	var k Key
	binary.LittleEndian.PutUint32(k[:], uint32(n))
	return k
}

func TestValuesCountWhileTheyAreFresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New[string](Options{Entries: 100, Bytes: 1 << 20})
		c.Put(key(1), Value[string]{V: "a", Fresh: time.Now().Add(time.Minute)})
		c.Put(key(2), Value[string]{V: "never"})
		time.Sleep(time.Minute - time.Nanosecond)
		if v, ok := c.Get(key(1)); !ok || v != "a" {
			t.Errorf("got %q %v", v, ok)
		}
		time.Sleep(time.Nanosecond)
		if v, ok := c.Get(key(1)); ok || v != "" {
			t.Errorf("counts beyond its time: %q", v)
		}
		if _, ok := c.Get(key(2)); ok || c.Len() != 1 {
			t.Error("a value without a time is kept")
		}
		c.Delete(key(1))
		if c.Len() != 0 {
			t.Error("deleted and there")
		}
	})
}

func TestBoundsHold(t *testing.T) {
	t.Parallel()
	later := time.Now().Add(time.Hour)
	entries := New[int](Options{Entries: 32 * shards, Bytes: 1 << 30})
	bytes := New[int](Options{Entries: 1 << 30, Bytes: 64 << 10})
	for i := range 10_000 {
		entries.Put(key(i), Value[int]{V: i, Fresh: later})
		bytes.Put(key(i), Value[int]{V: i, Size: 1000, Fresh: later})
	}
	if n := entries.Len(); n > 32*shards || n == 0 {
		t.Errorf("%d entries", n)
	}
	if n := bytes.Len(); n > 64 || n == 0 {
		t.Errorf("%d entries of 1200 bytes in 64 KiB", n)
	}
	bytes.Put(key(1), Value[int]{V: 1, Size: 1 << 20, Fresh: later})
	if _, ok := bytes.Get(key(1)); ok {
		t.Error("a value larger than its shard is kept")
	}
	// Whoever is asked for stays.
	used := New[int](Options{Entries: 4 * shards, Bytes: 1 << 30})
	used.Put(key(0), Value[int]{V: 7, Fresh: later})
	for i := 1; i < 1000; i++ {
		used.Put(key(i), Value[int]{Fresh: later})
		if v, ok := used.Get(key(0)); !ok || v != 7 {
			t.Fatalf("lost after %d", i)
		}
	}
	if _, ok := used.Get(key(16)); ok {
		t.Error("one that nobody asked for stays")
	}
}

func TestConcurrentCallersShareOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{Entries: 100, Bytes: 1 << 20})
		var fetched atomic.Int32
		fetch := func(ctx context.Context) (Value[int], error) {
			fetched.Add(1)
			time.Sleep(time.Second)
			return Value[int]{V: 5, Fresh: time.Now().Add(time.Minute)}, ctx.Err()
		}
		leaver, leave := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for i := range 20 {
			ctx := t.Context()
			if i == 0 {
				ctx = leaver
			}
			wait.Go(func() {
				if v, err := c.Do(ctx, key(1), fetch, nil); (err != nil || v != 5) && !errors.Is(err, context.Canceled) {
					t.Errorf("got %d, %v", v, err)
				}
			})
		}
		time.Sleep(time.Millisecond)
		leave() // whoever leaves takes nothing from the others
		wait.Wait()
		if v, err := c.Do(t.Context(), key(1), fetch, nil); err != nil || v != 5 || fetched.Load() != 1 {
			t.Errorf("got %d, %v after %d fetches", v, err, fetched.Load())
		}
		if v, err := c.Do(t.Context(), key(2), fetch, nil); err != nil || v != 5 || fetched.Load() != 2 {
			t.Errorf("another key: %d, %v after %d fetches", v, err, fetched.Load())
		}
	})
}

func TestStaleValuesStandInForSoftFailuresAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New[string](Options{Entries: 100, Bytes: 1 << 20})
		down, refused := errors.New("down"), errors.New("refused")
		soft := func(err error) bool { return errors.Is(err, down) }
		fail := func(err error) func(context.Context) (Value[string], error) {
			return func(context.Context) (Value[string], error) { return Value[string]{}, err }
		}
		c.Put(key(1), Value[string]{V: "old", Fresh: time.Now().Add(time.Minute), Stale: time.Now().Add(2 * time.Minute)})
		time.Sleep(90 * time.Second)
		if v, err := c.Do(t.Context(), key(1), fail(down), soft); err != nil || v != "old" {
			t.Errorf("got %q, %v", v, err)
		}
		if v, err := c.Do(t.Context(), key(1), fail(refused), soft); !errors.Is(err, refused) || v != "" {
			t.Errorf("a refusal: %q, %v", v, err)
		}
		if _, err := c.Do(t.Context(), key(1), fail(down), nil); !errors.Is(err, down) {
			t.Errorf("where nothing is soft: %v", err)
		}
		time.Sleep(30 * time.Second)
		if _, err := c.Do(t.Context(), key(1), fail(down), soft); !errors.Is(err, down) {
			t.Errorf("too stale: %v", err)
		}
	})
}

func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New[int](Options{Entries: 100, Bytes: 1 << 20, Calls: 3})
		var wait sync.WaitGroup
		var busy atomic.Int32
		for i := range 5 {
			wait.Go(func() {
				_, err := c.Do(t.Context(), key(i), func(context.Context) (Value[int], error) {
					time.Sleep(time.Second)
					return Value[int]{}, nil
				}, nil)
				if errors.Is(err, ErrBusy) {
					busy.Add(1)
				}
			})
		}
		wait.Wait()
		if busy.Load() != 2 {
			t.Errorf("%d refused, want 2", busy.Load())
		}
		if _, err := c.Do(t.Context(), key(9), func(context.Context) (Value[int], error) { return Value[int]{}, nil }, nil); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestPanicEndsTheCallForAll(t *testing.T) {
	t.Parallel()
	c := New[int](Options{Entries: 10, Bytes: 1 << 20})
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Do(t.Context(), key(1), func(context.Context) (Value[int], error) { panic("fetch") }, nil)
	}()
	if v, err := c.Do(t.Context(), key(1), func(context.Context) (Value[int], error) { return Value[int]{V: 3}, nil }, nil); err != nil || v != 3 {
		t.Errorf("got %d, %v", v, err)
	}
}

func BenchmarkGet(b *testing.B) {
	c := New[*int](Options{Entries: 10_000, Bytes: 1 << 24})
	for i := range 1000 {
		c.Put(key(i), Value[*int]{V: &i, Fresh: time.Now().Add(time.Hour)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := c.Get(key(i % 1000)); !ok {
			b.Fatal(fmt.Sprint(i))
		}
	}
}
