package schema

import (
	"fmt"
	"maps"
	"strconv"

	"sallyport/internal/secret"
)

// Resolve returns a copy of normalised values in which every {vault://…}
// reference of a referenceable field is replaced by what resolve returns for
// it. A reference that cannot be resolved counts as null (inside a list as the
// empty text, so that parallel lists keep their order) and is reported in
// unresolved, each a *FieldError. A resolved value that the field would not
// have accepted is an error, which names the field and never the value.
func (r *Record) Resolve(values map[string]any, resolve func(reference string) (string, error)) (resolved map[string]any, unresolved []error, err error) {
	w := resolver{lookup: resolve}
	got, err := w.record(r, values)
	return got, w.unresolved, err
}

type resolver struct {
	lookup     func(string) (string, error)
	unresolved []error
}

func (w *resolver) record(r *Record, values map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(values))
	maps.Copy(out, values)
	for _, f := range r.Fields {
		v, present := values[f.Name]
		if !present || v == nil {
			continue
		}
		mark := len(w.unresolved)
		got, err := w.value(f, v, nil)
		if err != nil {
			return nil, at(f.Name, err)
		}
		for i := mark; i < len(w.unresolved); i++ {
			w.unresolved[i] = at(f.Name, w.unresolved[i])
		}
		out[f.Name] = got
	}
	return out, nil
}

// value resolves one value; missing is what an unresolvable reference becomes.
func (w *resolver) value(f *Field, v, missing any) (any, error) {
	switch v := v.(type) {
	case string:
		if !f.isReference(v) {
			return v, nil
		}
		return w.reference(f, v, missing)
	case []any:
		return w.list(f, v)
	case map[string]any:
		if f.Record != nil {
			return w.record(f.Record, v)
		}
	}
	return v, nil
}

func (w *resolver) list(f *Field, items []any) (any, error) {
	if f.Elements == nil {
		return items, nil
	}
	out := make([]any, 0, len(items))
	for i, item := range items {
		mark := len(w.unresolved)
		position := strconv.Itoa(i + 1)
		got, err := w.value(f.Elements, item, "")
		if err != nil {
			return nil, at(position, err)
		}
		for j := mark; j < len(w.unresolved); j++ {
			w.unresolved[j] = at(position, w.unresolved[j])
		}
		out = append(out, got)
	}
	return out, nil
}

func (w *resolver) reference(f *Field, text string, missing any) (any, error) {
	found, err := w.lookup(text)
	if err == nil && found == "" {
		err = fmt.Errorf("reference %q is empty", text)
	}
	if err != nil {
		w.unresolved = append(w.unresolved, err)
		return missing, nil
	}
	var v any = found
	if secret.IsReference(found) {
		return nil, fmt.Errorf("reference %q leads to another reference", text)
	}
	if f.Type != TypeString {
		v = fromText(f, found)
	}
	got, finding := f.normalize(v, 0)
	if finding != nil {
		return nil, fmt.Errorf("value of reference %q: %v", text, finding)
	}
	return got, nil
}
