package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

func asJSON(t *testing.T, v map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v["fields"])
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	v["fields"] = fields
	return v
}

func TestRefusedCompileChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err     error
		message string
	}{
		"a fault of a field": {
			&entity.Invalid{Kind: entity.Plugins, ID: id(1), Errors: schema.Errors{"config": schema.Errors{"key": "is no key"}}},
			"schema violation (config.key: is no key)",
		},
		"a fault of the whole": {errors.New("two plugins want one path"), "schema violation (two plugins want one path)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.must(t, insert(entity.Services, service("a")))
			before, hash := b.View(), b.View().Hash()
			b.refuse = c.err
			_, err := b.try(t, insert(entity.Services, service("b")))
			wantError(t, err, 2, 400, c.message)
			if b.View() != before || b.View().Hash() != hash || b.installed != 1 {
				t.Error("something was changed")
			}
			if _, found := b.View().Lookup(entity.Services, "b"); found {
				t.Error("the entity is there")
			}
			b.refuse = nil
			b.must(t, insert(entity.Services, service("b")))
		})
	}
}

func TestErrorOfTheFunctionChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine := errors.New("mine")
	err := b.Update(t.Context(), func(tx *Tx) error {
		if _, err := tx.Insert(entity.Services, service("a")); err != nil {
			return err
		}
		return mine
	})
	if !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	if len(b.accepted) != 0 || len(b.View().Set().Services) != 0 {
		t.Error("the change was made")
	}
}

func TestChangeIsInForceBeforeUpdateReturns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, service("a")))
	if b.installed != 1 || len(b.accepted[0].Services) != 1 {
		t.Errorf("installed %d", b.installed)
	}
	if b.accepted[0] != b.View().Set() {
		t.Error("what was compiled is not what is shown")
	}
}

func TestTransactionEndsWithItsFunction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var kept *Tx
	if err := b.Update(t.Context(), func(tx *Tx) error { kept = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Insert(entity.Services, service("a")); err == nil {
		t.Error("a finished transaction took a change")
	}
}

func TestCancelledChangeChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := b.Update(ctx, func(tx *Tx) error {
		cancel()
		_, err := tx.Insert(entity.Services, service("a"))
		return err
	})
	if !errors.Is(err, context.Canceled) || len(b.View().Set().Services) != 0 {
		t.Errorf("got %v", err)
	}
	err = b.Update(t.Context(), func(*Tx) error {
		waiting, stop := context.WithCancel(t.Context())
		stop()
		return b.Update(waiting, func(*Tx) error { return nil })
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("who waits for a turn is not released: %v", err)
	}
}

func TestViewsNeverChange(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, name := range []string{"a", "b", "c"} {
		b.must(t, insert(entity.Services, service(name)))
		b.must(t, insert(entity.Routes, route("r"+name, "a")))
	}
	old := b.View()
	want, err := old.Export()
	if err != nil {
		t.Fatal(err)
	}
	b.must(t, insert(entity.Routes, route("more", "a")))
	b.must(t, patch(entity.Services, "a", Object{"host": "other.test"}))
	b.must(t, remove(entity.Routes, "rb"))
	got, err := old.Export()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
	if n := len(old.ByField(entity.Routes, "service", id(1))); n != 3 {
		t.Errorf("%d children in the old view", n)
	}
	if diff := cmp.Diff([]string{id(2), id(6), id(7)}, ids(b.View().ByField(entity.Routes, "service", id(1)))); diff != "" {
		t.Errorf("children in the new view: %s", diff)
	}
	b.must(t, patch(entity.Routes, "rc", Object{"service": map[string]any{"name": "b"}}))
	for parent, want := range map[string][]string{id(1): {id(2), id(7)}, id(3): {id(6)}} {
		if diff := cmp.Diff(want, ids(b.View().ByField(entity.Routes, "service", parent))); diff != "" {
			t.Errorf("children of %s after a move: %s", parent, diff)
		}
	}
}

func TestConcurrentChangesAreSerialised(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.must(t, insert(entity.Services, Object{"host": "a.test", "name": "n", "retries": 0}))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := b.Update(t.Context(), func(tx *Tx) error {
				v, _ := tx.Lookup(entity.Services, "n")
				_, err := tx.Patch(entity.Services, "n", Object{"retries": v["retries"].(int64) + 1})
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { b.View().Hash() })
	}
	wg.Wait()
	if got := b.View().Set().Services[0].Retries; got != 20 {
		t.Errorf("%d of 20 changes were kept", got)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if got := b.View().Hash(); got != "00000000000000000000000000000000" {
		t.Errorf("before anything: %s", got)
	}
	b.must(t, insert(entity.Services, service("a")))
	first := b.View().Hash()
	b.must(t, patch(entity.Services, "a", Object{"retries": 1}))
	second := b.View().Hash()
	if len(first) != 32 || first == second {
		t.Errorf("hashes %s and %s", first, second)
	}
}

func TestNewRefusesKindsOutOfOrder(t *testing.T) {
	t.Parallel()
	kinds := testKinds()
	if _, err := New(Options{Kinds: kinds}); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(kinds)
	if _, err := New(Options{Kinds: kinds}); err == nil {
		t.Error("routes before services were accepted")
	}
	if _, err := New(Options{Kinds: append(testKinds(), testKinds()[0])}); err == nil {
		t.Error("services twice were accepted")
	}
	if _, err := New(Options{}); err == nil {
		t.Error("no kinds were accepted")
	}
}
