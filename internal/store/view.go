package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
	"sync"

	"sallyport/internal/entity"
)

// Object is one normalised entity. Those that the store returns are shared:
// they must not be changed.
type Object = map[string]any

// View is the configuration at one moment. It never changes and may be used
// concurrently.
type View struct {
	reader
	// source is the hash of the document that this is the content of, and
	// empty once something was changed since.
	source string
	// blank is true before the first change.
	blank bool

	hash func() string
	set  func() *entity.Set
}

func newView(r reader, source string) *View {
	for _, t := range r.tables {
		t.seal()
	}
	v := &View{reader: r, source: source}
	v.hash = sync.OnceValue(v.contentHash)
	v.set = sync.OnceValue(v.reader.Set)
	return v
}

// Set returns the typed form of the whole configuration. It is made once and
// must not be changed.
func (v *View) Set() *entity.Set { return v.set() }

// noHash is the hash of a node that was never configured.
var noHash = strings.Repeat("0", hashDigits)

const hashDigits = 32

// Hash identifies the content: 32 hexadecimal digits, all zero before
// anything was configured, Document.Hash after a document was loaded, and else
// a hash of all entities.
func (v *View) Hash() string {
	switch {
	case v.source != "":
		return v.source
	case v.blank:
		return noHash
	}
	return v.hash()
}

func (v *View) contentHash() string {
	text, err := json.Marshal(v.Entities())
	if err != nil {
		// Normalised entities hold nothing that JSON cannot express.
		panic("store: " + err.Error())
	}
	return hashOf("entities", text)
}

// hashOf keeps hashes of content and of documents apart.
func hashOf(what string, data []byte) string {
	h := sha256.New()
	h.Write([]byte(what + "\n"))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))[:hashDigits]
}

// reader is what a View and a transaction have in common.
type reader struct {
	kinds  []*entity.Kind
	tables map[string]*table
}

// Get returns the entity of that id.
func (r *reader) Get(kind, id string) (Object, bool) {
	t, ok := r.tables[kind]
	if !ok {
		return nil, false
	}
	v, ok := t.byID[id]
	return v, ok
}

// Lookup returns the entity whose lookup field (name, username,
// instance_name) is value.
func (r *reader) Lookup(kind, value string) (Object, bool) {
	t, ok := r.tables[kind]
	if !ok {
		return nil, false
	}
	found := r.byUnique(t, t.kind.Lookup, value)
	if found == nil {
		return nil, false
	}
	return found, true
}

// Find returns the entity that key names in a URL: by id if it looks like
// one, by the lookup field otherwise.
func (r *reader) Find(kind, key string) (Object, bool) {
	if isUUID(key) {
		return r.Get(kind, key)
	}
	return r.Lookup(kind, key)
}

// ByField returns the entities whose field has that value, ascending by id.
// The value of a reference is the id it holds.
func (r *reader) ByField(kind, field string, value any) []Object {
	t, ok := r.tables[kind]
	if !ok {
		return nil
	}
	var found []Object
	if _, foreign := t.kind.ForeignField(field); foreign {
		id, _ := value.(string)
		for _, child := range t.childrenOf(field, id) {
			found = append(found, t.byID[child])
		}
		return found
	}
	for _, id := range t.sortedIDs() {
		if got := t.byID[id][field]; isScalar(got) && got == value {
			found = append(found, t.byID[id])
		}
	}
	return found
}

// isScalar keeps lists and maps away from ==.
func isScalar(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

func (r *reader) byUnique(t *table, field string, value any) Object {
	for i, fields := range t.kind.Unique {
		if len(fields) != 1 || fields[0] != field {
			continue
		}
		if key, ok := uniqueKey(fields, Object{field: value}); ok {
			return t.byID[t.unique[i][key]]
		}
	}
	return nil
}

// Entities returns everything by kind and id.
func (r *reader) Entities() map[string]map[string]Object {
	all := make(map[string]map[string]Object, len(r.tables))
	for kind, t := range r.tables {
		if len(t.byID) == 0 {
			continue
		}
		all[kind] = make(map[string]Object, len(t.byID))
		maps.Copy(all[kind], t.byID)
	}
	return all
}

// Set decodes the whole configuration.
func (r *reader) Set() *entity.Set {
	set := &entity.Set{}
	for _, k := range r.kinds {
		t := r.tables[k.Name]
		for _, id := range t.sortedIDs() {
			set.Add(k.Name, t.byID[id])
		}
	}
	return set
}
