package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// testKinds are the real kinds with one plugin, "door".
func testKinds() []*entity.Kind {
	door := entity.PluginType{
		Config: &schema.Record{Fields: []*schema.Field{
			schema.String("key", nil).Required().Referenceable(),
			schema.Strings("words", nil, "a", "b"),
			schema.String("salt", nil).Auto(),
			schema.Number("ratio", nil, 0.5),
			schema.RecordOf("place", schema.String("host", nil, "localhost"), schema.Int("port", nil, 6379)),
		}},
		Prepare: func(c map[string]any) {
			if _, said := c["salt"]; !said {
				c["salt"] = "generated"
			}
		},
	}
	return entity.Kinds(func(name string) (entity.PluginType, bool) {
		t := door
		t.NoConsumer = name == "gate"
		return t, name == "door" || name == "gate"
	})
}

// bench is a store with a clock and ids that can be foreseen.
type bench struct {
	*Store
	now time.Time
	ids int
	// accepted are the sets that were compiled, installed how many of them
	// were brought into use; refuse makes Accept fail.
	accepted  []*entity.Set
	installed int
	refuse    error
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{now: time.Unix(1000, 0)}
	s, err := New(Options{
		Kinds: testKinds(),
		Now:   func() time.Time { return b.now },
		NewID: func() string { b.ids++; return id(b.ids) },
		Accept: func(set *entity.Set) (func(), error) {
			if b.refuse != nil {
				return nil, b.refuse
			}
			b.accepted = append(b.accepted, set)
			return func() { b.installed++ }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Store = s
	return b
}

func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func ref(id string) map[string]any { return map[string]any{"id": id} }

// must runs one operation that has to succeed.
func (b *bench) must(t *testing.T, op func(tx *Tx) (Object, error)) Object {
	t.Helper()
	v, err := b.try(t, op)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (b *bench) try(t *testing.T, op func(tx *Tx) (Object, error)) (v Object, err error) {
	t.Helper()
	err = b.Update(t.Context(), func(tx *Tx) error {
		v, err = op(tx)
		return err
	})
	return v, err
}

func insert(kind string, in Object) func(*Tx) (Object, error) {
	return func(tx *Tx) (Object, error) { return tx.Insert(kind, in) }
}

func upsert(kind, key string, in Object) func(*Tx) (Object, error) {
	return func(tx *Tx) (Object, error) { return tx.Upsert(kind, key, in) }
}

func patch(kind, key string, in Object) func(*Tx) (Object, error) {
	return func(tx *Tx) (Object, error) { return tx.Patch(kind, key, in) }
}

func remove(kind, key string) func(*Tx) (Object, error) {
	return func(tx *Tx) (Object, error) { return nil, tx.Delete(kind, key) }
}

// wantError checks code, status and message of a refusal.
func wantError(t *testing.T, err error, code, status int, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error: %s", err, message)
	}
	if e.Code != code || e.Status != status || e.Message != message {
		t.Fatalf("got  %d %d %s\nwant %d %d %s", e.Code, e.Status, e.Message, code, status, message)
	}
}

func service(name string) Object { return Object{"name": name, "host": name + ".test"} }

func route(name, service string) Object {
	return Object{"name": name, "paths": []any{"/" + name}, "service": map[string]any{"name": service}}
}

func door(pairs ...any) Object {
	in := Object{"name": "door", "config": map[string]any{"key": "k"}}
	for i := 0; i < len(pairs); i += 2 {
		in[pairs[i].(string)] = pairs[i+1]
	}
	return in
}
