package schema

import "slices"

// Required makes null an error.
func (f *Field) Required() *Field { f.Attr.Required = true; return f }

// Default sets the value of an absent field; v must be in canonical form.
func (f *Field) Default(v any) *Field { f.Attr.Default = v; return f }

// OneOf restricts a text, or the elements of a list, to values.
func (f *Field) OneOf(values ...string) *Field {
	f.leaf().Attr.OneOf = values
	return f
}

// Between sets inclusive limits.
func (f *Field) Between(low, high float64) *Field {
	f.leaf().Attr.Between = &[2]float64{low, high}
	return f
}

// Gt sets an exclusive lower limit.
func (f *Field) Gt(limit float64) *Field { f.leaf().Attr.Gt = &limit; return f }

// LenMin sets the least length of the text, list or map.
func (f *Field) LenMin(n int) *Field { f.Attr.LenMin = &n; return f }

// LenMax sets the greatest length of the text, list or map.
func (f *Field) LenMax(n int) *Field { f.Attr.LenMax = &n; return f }

// Auto marks a generated value.
func (f *Field) Auto() *Field { f.Attr.Auto = true; return f }

// UUID demands a UUID in lower case.
func (f *Field) UUID() *Field { f.leaf().Attr.UUID = true; return f }

// Timestamp marks a time in seconds since the epoch.
func (f *Field) Timestamp() *Field { f.Attr.Timestamp = true; return f }

// Unique marks a value that no two entities share.
func (f *Field) Unique() *Field { f.Attr.Unique = true; return f }

// Referenceable allows {vault://…} references, for a list in its elements.
func (f *Field) Referenceable() *Field { f.leaf().Attr.Referenceable = true; return f }

// Encrypted marks a confidential value.
func (f *Field) Encrypted() *Field { f.Attr.Encrypted = true; return f }

// Integer turns a number into an integer field.
func (f *Field) Integer() *Field { f.Type = TypeInteger; return f }

// Doc sets the description.
func (f *Field) Doc(text string) *Field { f.Attr.Description = text; return f }

// Inert marks the field as accepted without effect.
func (f *Field) Inert(why string) *Field {
	f.Attr.Mark, f.Attr.Why = Inert, why
	return f
}

// Unsupported marks the field as refused unless null or at its default.
func (f *Field) Unsupported(why string) *Field {
	f.Attr.Mark, f.Attr.Why = Unsupported, why
	return f
}

// Accepts names values of an unsupported field that ask for nothing, such as
// false for a feature that is missing. They are in canonical form.
func (f *Field) Accepts(values ...any) *Field {
	f.Attr.Accepted = append(f.Attr.Accepted, values...)
	return f
}

// UnsupportedValues marks members of the enumeration as refused; an unchanged
// default list may hold them.
func (f *Field) UnsupportedValues(why string, values ...string) *Field {
	l := f.leaf()
	if l.Attr.UnsupportedValues == nil {
		l.Attr.UnsupportedValues = make(map[string]string)
	}
	for _, v := range values {
		l.Attr.UnsupportedValues[v] = why
	}
	return f
}

// Deprecated names what to use instead.
func (f *Field) Deprecated(use string) *Field { f.Attr.Deprecated = use; return f }

// Check adds a rule for a non-null value in canonical form. The error's text
// is shown as Kong's reason. References are not checked before they are
// resolved.
func (f *Field) Check(rule func(v any) error) *Field {
	f.checks = append(f.checks, rule)
	return f
}

// CheckEach adds a rule for each element of a list.
func (f *Field) CheckEach(rule func(v any) error) *Field {
	f.leaf().checks = append(f.leaf().checks, rule)
	return f
}

// leaf is the element field of a list, and the field itself otherwise.
func (f *Field) leaf() *Field {
	if f.Elements != nil {
		return f.Elements
	}
	return f
}

// Foreign declares a reference to an entity of the given kind. Its value is
// {"id": "…"}; an object that names the entity otherwise is left for the store
// to resolve.
func Foreign(name, kind string) *Field {
	return &Field{Name: name, Type: TypeForeign, Reference: kind}
}

// Any declares an unbound field that takes every value.
func Any(name string) *Field { return &Field{Name: name, Type: TypeAny} }

// Array declares an unbound array of element.
func Array(name string, element *Field) *Field {
	return &Field{Name: name, Type: TypeArray, Elements: element}
}

// SetOf declares an unbound set of element.
func SetOf(name string, element *Field) *Field {
	return &Field{Name: name, Type: TypeSet, Elements: element}
}

// Map declares an unbound map.
func Map(name string, keys, values *Field) *Field {
	return &Field{Name: name, Type: TypeMap, Keys: keys, Values: values}
}

// RecordOf declares a record of fields, each bound by itself. When it is null
// its fields are bound to their defaults.
func RecordOf(name string, fields ...*Field) *Field {
	return RecordField(name, &Record{Fields: fields})
}

// RecordField declares a record described by r, checks and shorthands
// included.
func RecordField(name string, r *Record) *Field {
	f := &Field{Name: name, Type: TypeRecord, Record: r}
	f.bind = func(v any) error {
		m, _ := v.(map[string]any)
		return r.bindValues(m)
	}
	return f
}

// anyStrings turns texts into canonical list form, nil for none.
func anyStrings[T ~string](values []T) any {
	if len(values) == 0 {
		return nil
	}
	list := make([]any, 0, len(values))
	for _, v := range values {
		list = append(list, string(v))
	}
	return list
}

func texts[T ~string](values []T) []string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		list = append(list, string(v))
	}
	return slices.Clip(list)
}
