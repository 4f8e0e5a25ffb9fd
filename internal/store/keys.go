package store

import (
	"maps"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// resolve returns in with references by name replaced by the id. What is no
// such reference stays as it is.
func (r *reader) resolve(k *entity.Kind, in Object) (Object, error) {
	out, copied := in, false
	for _, f := range k.Foreign {
		ref, ok := in[f.Field].(map[string]any)
		if !ok || ref["id"] != nil {
			continue
		}
		parent, known := r.tables[f.Kind]
		if !known {
			continue
		}
		field, name := namedBy(parent.kind, ref)
		if field == "" {
			continue
		}
		found := r.byUnique(parent, field, name)
		if found == nil {
			return nil, foreignUnresolved(f, field, name)
		}
		if !copied {
			out, copied = maps.Clone(in), true
		}
		out[f.Field] = map[string]any{"id": found["id"]}
	}
	return out, nil
}

// namedBy returns the unique field by which ref names an entity of a kind, and
// its value; the field is empty if there is none.
func namedBy(k *entity.Kind, ref map[string]any) (field, value string) {
	for _, fields := range k.Unique {
		if len(fields) != 1 {
			continue
		}
		if text, ok := ref[fields[0]].(string); ok {
			return fields[0], text
		}
	}
	return "", ""
}

// check holds a normalised entity against all others.
func (r *reader) check(k *entity.Kind, id string, v Object) error {
	for _, f := range k.Foreign {
		if v[f.Field] == nil {
			continue
		}
		parent := entity.ForeignID(v, f.Field)
		if parent == "" {
			return SchemaViolation(schema.Errors{f.Field: schema.Errors{"id": "missing primary key"}})
		}
		if _, ok := r.Get(f.Kind, parent); !ok {
			return foreignMissing(f, parent)
		}
	}
	if k.Name == entity.Plugins {
		if err := r.checkScope(v); err != nil {
			return err
		}
	}
	t := r.tables[k.Name]
	for i, fields := range k.Unique {
		key, ok := uniqueKey(fields, v)
		if !ok {
			continue
		}
		if other, taken := t.unique[i][key]; taken && other != id {
			return uniqueViolation(keyOf(fields, v))
		}
	}
	return nil
}

// checkScope refuses a plugin whose protocols its scope does not have.
func (r *reader) checkScope(v Object) *Error {
	var route Object
	var routes []Object
	if id := entity.ForeignID(v, "route"); id != "" {
		route, _ = r.Get(entity.Routes, id)
	} else if id := entity.ForeignID(v, "service"); id != "" {
		routes = r.ByField(entity.Routes, "service", id)
	}
	if errs := entity.CheckPluginProtocols(v, route, routes); errs != nil {
		return SchemaViolation(errs)
	}
	return nil
}

func keyOf(fields []string, v Object) Object {
	key := make(Object, len(fields))
	for _, field := range fields {
		key[field] = v[field]
	}
	return key
}
