package schema

import "maps"

// Describe returns what GET /schemas answers: "fields" is a list of objects
// with exactly one key each, "entity_checks" is never null. The result is
// meant for json.Marshal and shares nothing that may be changed.
func (r *Record) Describe() map[string]any {
	checks := []any{}
	for _, c := range r.Checks {
		if c.Describe != nil {
			checks = append(checks, c.Describe)
		}
	}
	out := r.describe()
	out["entity_checks"] = checks
	return out
}

// describe is the part that nested records have too.
func (r *Record) describe() map[string]any {
	fields := make([]any, 0, len(r.Fields))
	for _, f := range r.Fields {
		fields = append(fields, map[string]any{f.Name: f.Describe()})
	}
	out := map[string]any{"fields": fields}
	if len(r.Shorthands) > 0 {
		list := make([]any, 0, len(r.Shorthands))
		for _, s := range r.Shorthands {
			list = append(list, map[string]any{s.Name: s.describe()})
		}
		out["shorthand_fields"] = list
	}
	return out
}

func (s Shorthand) describe() map[string]any {
	out := map[string]any{"type": string(s.Type)}
	if s.ReplacedWith != nil {
		out["deprecation"] = map[string]any{
			"message":       s.Name + " is deprecated",
			"replaced_with": []any{map[string]any{"path": anyStrings(s.ReplacedWith)}},
		}
	}
	return out
}

// Describe returns the attributes of the field as GET /schemas shows them.
func (f *Field) Describe() map[string]any {
	out := map[string]any{"type": string(f.Type)}
	if f.Record != nil {
		maps.Copy(out, f.Record.describe())
	}
	if f.Reference != "" {
		out["reference"] = f.Reference
	}
	for key, sub := range map[string]*Field{"elements": f.Elements, "keys": f.Keys, "values": f.Values} {
		if sub != nil {
			out[key] = sub.Describe()
		}
	}
	f.Attr.describeRules(out)
	f.Attr.describeNotes(out)
	return out
}

func (a *Attr) describeRules(out map[string]any) {
	if a.Default != nil {
		out["default"] = clone(a.Default)
	}
	if len(a.OneOf) > 0 {
		out["one_of"] = anyStrings(a.OneOf)
	}
	if a.Between != nil {
		out["between"] = []any{canonicalFloat(a.Between[0]), canonicalFloat(a.Between[1])}
	}
	if a.Gt != nil {
		out["gt"] = canonicalFloat(*a.Gt)
	}
	if a.LenMin != nil {
		out["len_min"] = int64(*a.LenMin)
	}
	if a.LenMax != nil {
		out["len_max"] = int64(*a.LenMax)
	}
	for key, set := range map[string]bool{
		"required": a.Required, "auto": a.Auto, "uuid": a.UUID, "timestamp": a.Timestamp, "unique": a.Unique,
		"referenceable": a.Referenceable, "encrypted": a.Encrypted,
	} {
		if set {
			out[key] = true
		}
	}
}

func (a *Attr) describeNotes(out map[string]any) {
	if a.Description != "" {
		out["description"] = a.Description
	}
	if a.Deprecated != "" {
		out["deprecation"] = map[string]any{"message": "use " + a.Deprecated}
	}
	if a.Mark != Supported {
		out["mark"] = a.Mark.String()
		out["mark_reason"] = a.Why
	}
	if len(a.UnsupportedValues) > 0 {
		values := make(map[string]any, len(a.UnsupportedValues))
		for v, why := range a.UnsupportedValues {
			values[v] = why
		}
		out["unsupported_values"] = values
	}
}
