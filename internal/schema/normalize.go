package schema

import (
	"errors"
	"maps"

	"sallyport/internal/secret"
)

// maxDepth bounds the nesting of every value that is walked.
const maxDepth = 32

const (
	errRequired = "required field missing"
	errUnknown  = "unknown field"
	errDepth    = "nested too deeply"
)

// Normalize checks a whole object and returns it in canonical form: every
// declared field is present (nil when unset), defaults are filled in for absent
// fields only, duplicates of sets are removed, numbers are int64 or float64.
// Unknown fields are refused. in is not changed and shares nothing with the
// result. Numbers of in may be json.Number or any Go number.
//
// On error the values are nil and the Errors hold every finding.
func (r *Record) Normalize(in map[string]any) (map[string]any, Errors) {
	return r.normalize(in, 0)
}

func (r *Record) normalize(in map[string]any, depth int) (map[string]any, Errors) {
	errs := Errors{}
	in = r.expand(in, errs)
	out := make(map[string]any, len(r.Fields))
	for _, f := range r.Fields {
		v, present := in[f.Name]
		got, err := f.normalizeMember(v, present, depth)
		if err != nil {
			if _, taken := errs[f.Name]; !taken {
				errs[f.Name] = err
			}
			continue
		}
		out[f.Name] = got
	}
	for name := range in {
		if _, known := r.Lookup(name); !known {
			errs[name] = errUnknown
		}
	}
	r.check(out, errs)
	if len(errs) > 0 {
		return nil, errs
	}
	return out, nil
}

// expand replaces shorthands by the fields they stand for.
func (r *Record) expand(in map[string]any, errs Errors) map[string]any {
	out, copied := in, false
	for _, s := range r.Shorthands {
		v, present := in[s.Name]
		if !present {
			continue
		}
		if !copied {
			out, copied = maps.Clone(in), true
		}
		delete(out, s.Name)
		fields, finding := s.fields(v)
		if finding != nil {
			errs[s.Name] = finding
			continue
		}
		out = r.Merge(out, fields)
	}
	return out
}

// fields checks the type of a shorthand's value and expands it.
func (s Shorthand) fields(v any) (map[string]any, any) {
	if v != nil {
		got, finding := s.field().normalize(v, 0)
		if finding != nil {
			return nil, finding
		}
		v = got
	}
	out, err := s.Expand(v)
	if err != nil {
		return nil, err.Error()
	}
	return out, nil
}

// field describes the shorthand's own value.
func (s Shorthand) field() *Field {
	f := &Field{Name: s.Name, Type: s.Type}
	f.Attr.Referenceable = true
	if s.Type == TypeArray || s.Type == TypeSet {
		f.Elements = &Field{Type: TypeAny}
	}
	return f
}

// check runs the record's rules that no earlier finding makes pointless.
func (r *Record) check(values map[string]any, errs Errors) {
	failed := maps.Clone(errs)
	for _, c := range r.Checks {
		skip := false
		for _, name := range c.Fields {
			_, bad := failed[name]
			skip = skip || bad
		}
		if skip {
			continue
		}
		for _, v := range c.Run(values) {
			errs.Add(v)
		}
	}
}

// normalizeMember handles absence and null, then the value.
func (f *Field) normalizeMember(v any, present bool, depth int) (any, any) {
	if !present {
		switch {
		case f.Attr.Default != nil:
			return clone(f.Attr.Default), nil
		case f.Type == TypeRecord && f.Attr.Required:
			return f.normalize(map[string]any{}, depth)
		case f.Attr.Required && !f.Attr.Auto:
			return nil, errRequired
		}
		return nil, nil
	}
	if v == nil {
		if f.Attr.Required {
			return nil, errRequired
		}
		return nil, nil
	}
	return f.normalize(v, depth)
}

// normalize returns the canonical form of v, or a finding: a text, Errors, or
// a list.
func (f *Field) normalize(v any, depth int) (any, any) {
	if depth >= maxDepth {
		return nil, errDepth
	}
	if f.isReference(v) {
		if f.Attr.Mark == Unsupported {
			return nil, f.notSupported()
		}
		return v, nil
	}
	got, finding := f.convert(v, depth)
	if finding != nil {
		return nil, finding
	}
	if err := f.verify(got); err != nil {
		return nil, err.Error()
	}
	if err := f.supported(got); err != nil {
		return nil, err.finding()
	}
	return got, nil
}

func (f *Field) isReference(v any) bool {
	text, ok := v.(string)
	return ok && f.Attr.Referenceable && secret.IsReference(text)
}

// convert brings v to the field's type.
func (f *Field) convert(v any, depth int) (any, any) {
	switch f.Type {
	case TypeArray, TypeSet:
		if list, ok := v.([]any); ok {
			return f.convertList(list, depth)
		}
	case TypeMap:
		if m, ok := v.(map[string]any); ok {
			return f.convertMap(m, depth)
		}
	case TypeRecord:
		if m, ok := v.(map[string]any); ok {
			return f.convertRecord(m, depth)
		}
	case TypeForeign:
		return convertForeign(v)
	case TypeAny:
		return convertAny(v, depth)
	case TypeString, TypeBoolean, TypeInteger, TypeNumber:
		return f.convertScalar(v)
	}
	return nil, f.expected()
}

func (f *Field) expected() string { return "expected " + article(f.Type) + " " + string(f.Type) }

func (f *Field) convertScalar(v any) (any, any) {
	switch v := v.(type) {
	case string:
		if f.Type == TypeString {
			if err := checkUTF8(v); err != nil {
				return nil, err.Error()
			}
			return v, nil
		}
	case bool:
		if f.Type == TypeBoolean {
			return v, nil
		}
	default:
		n, isNumber := canonicalNumber(v)
		_, whole := n.(int64)
		if isNumber && (f.Type == TypeNumber || f.Type == TypeInteger && whole) {
			return n, nil
		}
	}
	return nil, f.expected()
}

// convertRecord turns Errors into a finding only when there are any.
func (f *Field) convertRecord(m map[string]any, depth int) (any, any) {
	got, errs := f.Record.normalize(m, depth+1)
	if errs != nil {
		return nil, errs
	}
	return got, nil
}

func (f *Field) convertList(list []any, depth int) (any, any) {
	out := make([]any, 0, len(list))
	var findings []any
	var seen map[string]bool
	if f.Type == TypeSet {
		seen = make(map[string]bool, len(list))
	}
	for i, item := range list {
		got, finding := f.Elements.normalizeElement(item, depth+1)
		if finding != nil {
			for len(findings) < i {
				findings = append(findings, nil)
			}
			findings = append(findings, finding)
			continue
		}
		if seen != nil {
			key := fingerprint(got)
			if seen[key] {
				continue
			}
			seen[key] = true
		}
		out = append(out, got)
	}
	if findings != nil {
		return nil, findings
	}
	return out, nil
}

// normalizeElement refuses null, which has no meaning inside a list or map.
func (f *Field) normalizeElement(v any, depth int) (any, any) {
	if v == nil {
		return nil, f.expected()
	}
	return f.normalize(v, depth)
}

func (f *Field) convertMap(m map[string]any, depth int) (any, any) {
	out := make(map[string]any, len(m))
	errs := Errors{}
	for key, item := range m {
		if err := checkUTF8(key); err != nil {
			errs["@key"] = err.Error()
			continue
		}
		if f.Keys != nil {
			if _, finding := f.Keys.normalize(key, depth+1); finding != nil {
				errs[key] = finding
				continue
			}
		}
		got, finding := f.Values.normalizeElement(item, depth+1)
		if finding != nil {
			errs[key] = finding
			continue
		}
		out[key] = got
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return out, nil
}

// convertForeign reduces a reference to its id. Without one, the object must
// name the entity by another field, which the store resolves.
func convertForeign(v any) (any, any) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, "expected a record"
	}
	id, present := m["id"]
	if present && id != nil {
		text, ok := id.(string)
		if !ok {
			return nil, Errors{"id": "expected a string"}
		}
		if !isUUID(text) {
			return nil, Errors{"id": "expected a valid UUID"}
		}
		return map[string]any{"id": text}, nil
	}
	out := make(map[string]any)
	for name, value := range m {
		if text, ok := value.(string); ok && text != "" && checkUTF8(text) == nil {
			out[name] = text
		}
	}
	if len(out) == 0 {
		return nil, Errors{"id": "missing primary key"}
	}
	return out, nil
}

var errTooDeep = errors.New(errDepth)

func convertAny(v any, depth int) (any, any) {
	got, err := canonical(v, depth)
	if err != nil {
		return nil, err.Error()
	}
	return got, nil
}
