package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sallyport/internal/entity"
)

// Tx changes a private copy of the configuration inside Store.Update. What it
// reads includes its own changes. An operation that fails changes nothing. A
// Tx is used by one goroutine, and not after the function it was given to
// returned.
type Tx struct {
	reader
	owned   map[string]bool
	now     func() time.Time
	newID   func() string
	changed bool
	done    bool
}

var errDone = errors.New("store: transaction is over")

func newTx(r reader, now func() time.Time, newID func() string) *Tx {
	return &Tx{
		reader: reader{kinds: r.kinds, tables: maps.Clone(r.tables)},
		owned:  make(map[string]bool), now: now, newID: newID,
	}
}

// Insert creates an entity from a raw object, as POST does: id and times are
// generated where absent, references may name what they refer to. It returns
// what was stored.
func (tx *Tx) Insert(kind string, in Object) (Object, error) {
	t, err := tx.table(kind)
	if err != nil {
		return nil, err
	}
	in = tx.withTimes(t.kind, in)
	if _, given := in["id"]; !given {
		in["id"] = tx.newID()
	}
	v, err := tx.normalize(t.kind, in)
	if err != nil {
		return nil, err
	}
	id, _ := v["id"].(string)
	if _, taken := t.byID[id]; taken {
		return nil, primaryKeyViolation(id)
	}
	t.kind.Prepare(in, v)
	return v, tx.save(t.kind, id, v)
}

// Upsert creates or wholly replaces the entity that key, an id or a value of
// the lookup field, names, as PUT does: what in leaves out goes back to its
// default, created_at to now. An existing entity keeps its id.
func (tx *Tx) Upsert(kind, key string, in Object) (Object, error) {
	t, err := tx.table(kind)
	if err != nil {
		return nil, err
	}
	in = tx.withTimes(t.kind, in)
	switch {
	case isUUID(key):
		in["id"] = key
	case t.kind.Lookup == "":
		return nil, invalidPrimaryKey(key)
	default:
		old, ok := tx.Lookup(kind, key)
		if !ok {
			in[t.kind.Lookup] = key
			return tx.Insert(kind, in)
		}
		in[t.kind.Lookup], in["id"] = key, old["id"]
	}
	v, err := tx.normalize(t.kind, in)
	if err != nil {
		return nil, err
	}
	t.kind.Prepare(in, v)
	id, _ := v["id"].(string)
	return v, tx.save(t.kind, id, v)
}

// Patch changes an existing entity, as PATCH does: nested records are merged,
// everything else is replaced, null clears.
func (tx *Tx) Patch(kind, key string, in Object) (Object, error) {
	t, err := tx.table(kind)
	if err != nil {
		return nil, err
	}
	old, ok := tx.Find(kind, key)
	if !ok {
		return nil, NotFound(key)
	}
	merged := tx.withTimes(t.kind, t.kind.Merge(old, in))
	merged["id"] = old["id"]
	v, err := tx.normalize(t.kind, merged)
	if err != nil {
		return nil, err
	}
	t.kind.Prepare(merged, v)
	id, _ := v["id"].(string)
	return v, tx.save(t.kind, id, v)
}

// Delete removes an entity and those that cannot be without it. It is no error
// if there is none. Entities that restrict the deletion make it fail.
func (tx *Tx) Delete(kind, key string) error {
	if _, err := tx.table(kind); err != nil {
		return err
	}
	v, ok := tx.Find(kind, key)
	if !ok {
		return nil
	}
	id, _ := v["id"].(string)
	doomed := []Ref{{Kind: kind, ID: id}}
	for i := 0; i < len(doomed); i++ {
		next, err := tx.dependents(doomed[i])
		if err != nil {
			return err
		}
		for _, ref := range next {
			if !slices.Contains(doomed, ref) {
				doomed = append(doomed, ref)
			}
		}
	}
	for _, ref := range doomed {
		if err := tx.listed(ref); err != nil {
			return err
		}
	}
	for _, ref := range doomed {
		tx.own(ref.Kind).remove(ref.ID)
	}
	return nil
}

// dependents are the entities that the deletion of ref takes with it.
func (tx *Tx) dependents(ref Ref) ([]Ref, error) {
	var found []Ref
	for _, k := range tx.kinds {
		for _, f := range k.Foreign {
			if f.Kind != ref.Kind {
				continue
			}
			ids := tx.tables[k.Name].childrenOf(f.Field, ref.ID)
			if len(ids) > 0 && f.OnDelete == entity.Restrict {
				return nil, referencedBy(k.Name, ref.Kind)
			}
			for _, id := range ids {
				found = append(found, Ref{Kind: k.Name, ID: id})
			}
		}
	}
	return found, nil
}

// listed refuses the deletion of an entity whose id others hold in a list.
func (tx *Tx) listed(ref Ref) error {
	for _, k := range tx.kinds {
		for _, f := range k.Lists {
			if f.Kind != ref.Kind {
				continue
			}
			t := tx.tables[k.Name]
			for _, id := range t.sortedIDs() {
				if ids, _ := t.byID[id][f.Field].([]any); slices.Contains(ids, any(ref.ID)) {
					return stillReferenced(tx.tables[ref.Kind].kind, ref.ID, k.Name, id)
				}
			}
		}
	}
	return nil
}

// withTimes returns a copy of in with created_at filled and updated_at set; some
// kinds have no updated_at.
func (tx *Tx) withTimes(k *entity.Kind, in Object) Object {
	now := tx.now().Unix()
	in = maps.Clone(in)
	if in == nil {
		in = make(Object)
	}
	if in["created_at"] == nil {
		in["created_at"] = now
	}
	if _, has := k.Record.Lookup("updated_at"); has {
		in["updated_at"] = now
	}
	return in
}

func (tx *Tx) normalize(k *entity.Kind, in Object) (Object, error) {
	in, err := tx.resolve(k, in)
	if err != nil {
		return nil, err
	}
	v, errs := k.Normalize(in)
	if errs != nil {
		return nil, SchemaViolation(errs)
	}
	return v, nil
}

// save checks v against the other entities and keeps it.
func (tx *Tx) save(k *entity.Kind, id string, v Object) error {
	if err := tx.check(k, id, v); err != nil {
		return err
	}
	tx.own(k.Name).put(id, v)
	return nil
}

// table returns the table for reading and refuses a finished transaction.
func (tx *Tx) table(kind string) (*table, error) {
	if tx.done {
		return nil, errDone
	}
	t, ok := tx.tables[kind]
	if !ok {
		return nil, fmt.Errorf("store: no kind %q", kind)
	}
	return t, nil
}

// own returns the table for writing.
func (tx *Tx) own(kind string) *table {
	if !tx.owned[kind] {
		tx.tables[kind] = tx.tables[kind].clone()
		tx.owned[kind] = true
	}
	tx.changed = true
	return tx.tables[kind]
}
