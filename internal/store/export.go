package store

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// Export writes everything as a declarative document in YAML, from which
// ParseDeclarative makes the same entities again. It holds secrets as they are
// stored.
func (r *reader) Export() ([]byte, error) {
	doc := &yaml.Node{Kind: yaml.MappingNode}
	put := func(name string, v any) error {
		key, value := &yaml.Node{}, &yaml.Node{}
		if err := key.Encode(name); err != nil {
			return fmt.Errorf("store: export: %w", err)
		}
		if err := value.Encode(v); err != nil {
			return fmt.Errorf("store: export %s: %w", name, err)
		}
		doc.Content = append(doc.Content, key, value)
		return nil
	}
	if err := put("_format_version", "3.0"); err != nil {
		return nil, err
	}
	if err := put("_transform", false); err != nil {
		return nil, err
	}
	for _, k := range r.kinds {
		t := r.tables[k.Name]
		list := make([]any, 0, len(t.byID))
		for _, id := range t.sortedIDs() {
			list = append(list, exported(k, t.byID[id]))
		}
		if len(list) == 0 {
			continue
		}
		if err := put(k.Name, list); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("store: export: %w", err)
	}
	return out.Bytes(), nil
}

// exported is an entity as documents have it: references are texts, and nulls
// that absence means as well are left out.
func exported(k *entity.Kind, v Object) Object {
	out := make(Object, len(v))
	for name, value := range v {
		if _, foreign := k.ForeignField(name); foreign {
			if id := entity.ForeignID(v, name); id != "" {
				out[name] = id
			}
			continue
		}
		if value == nil && nullByDefault(k.RecordFor(v), name) {
			continue
		}
		out[name] = value
	}
	return out
}

func nullByDefault(r *schema.Record, name string) bool {
	f, ok := r.Lookup(name)
	return !ok || f.Attr.Default == nil
}
