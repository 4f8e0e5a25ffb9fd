package store

import (
	"encoding/json"
	"maps"
	"slices"

	"sallyport/internal/entity"
)

// table holds the entities of one kind with its indexes. One that belongs to a
// View is never changed: a transaction clones it first.
type table struct {
	kind *entity.Kind
	byID map[string]Object
	// unique leads from a key, by the position of its field set in
	// kind.Unique, to the id that has it.
	unique []map[string]string
	// children leads from a reference's field and the id referred to, to the
	// ids that refer to it, in no order.
	children map[string]map[string][]string
	// ids are all ids, ascending; nil while a transaction changes the table.
	ids []string
}

func newTable(k *entity.Kind) *table {
	t := &table{
		kind: k, byID: make(map[string]Object), ids: []string{},
		unique:   make([]map[string]string, len(k.Unique)),
		children: make(map[string]map[string][]string, len(k.Foreign)),
	}
	for i := range t.unique {
		t.unique[i] = make(map[string]string)
	}
	for _, f := range k.Foreign {
		t.children[f.Field] = make(map[string][]string)
	}
	return t
}

func (t *table) clone() *table {
	c := &table{
		kind: t.kind, byID: maps.Clone(t.byID),
		unique:   make([]map[string]string, len(t.unique)),
		children: make(map[string]map[string][]string, len(t.children)),
	}
	for i, keys := range t.unique {
		c.unique[i] = maps.Clone(keys)
	}
	for field, ids := range t.children {
		c.children[field] = maps.Clone(ids)
	}
	return c
}

// put adds v, or replaces the entity of its id.
func (t *table) put(id string, v Object) {
	t.remove(id)
	t.byID[id] = v
	for i, fields := range t.kind.Unique {
		if key, ok := uniqueKey(fields, v); ok {
			t.unique[i][key] = id
		}
	}
	for _, f := range t.kind.Foreign {
		if parent := entity.ForeignID(v, f.Field); parent != "" {
			// Appending leaves what older views see of the list as it is.
			t.children[f.Field][parent] = append(t.children[f.Field][parent], id)
		}
	}
	t.ids = nil
}

func (t *table) remove(id string) {
	v, ok := t.byID[id]
	if !ok {
		return
	}
	delete(t.byID, id)
	for i, fields := range t.kind.Unique {
		if key, ok := uniqueKey(fields, v); ok {
			delete(t.unique[i], key)
		}
	}
	for _, f := range t.kind.Foreign {
		parent := entity.ForeignID(v, f.Field)
		if parent == "" {
			continue
		}
		var rest []string
		for _, other := range t.children[f.Field][parent] {
			if other != id {
				rest = append(rest, other)
			}
		}
		if t.children[f.Field][parent] = rest; rest == nil {
			delete(t.children[f.Field], parent)
		}
	}
	t.ids = nil
}

// seal makes the table fit for a View.
func (t *table) seal() {
	if t.ids == nil {
		t.ids = t.sortedIDs()
	}
}

func (t *table) sortedIDs() []string {
	if t.ids != nil {
		return t.ids
	}
	ids := make([]string, 0, len(t.byID))
	for id := range t.byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// childrenOf are the ids whose field refers to parent, ascending.
func (t *table) childrenOf(field, parent string) []string {
	return slices.Sorted(slices.Values(t.children[field][parent]))
}

// uniqueKey is the value of a set of fields that may occur only once. It
// reports false where nothing has to be unique: for a single field that is
// null.
func uniqueKey(fields []string, v Object) (string, bool) {
	if len(fields) == 1 && v[fields[0]] == nil {
		return "", false
	}
	values := make([]any, 0, len(fields))
	for _, field := range fields {
		values = append(values, v[field])
	}
	key, err := json.Marshal(values)
	return string(key), err == nil
}

// isUUID tells ids from names: 8-4-4-4-12 hexadecimal digits in lower case.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
