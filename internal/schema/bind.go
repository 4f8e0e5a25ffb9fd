package schema

import "errors"

// Bind writes normalised values into the variables that the fields are bound
// to. A null scalar binds its default, a null list the empty list. The values
// must come from Normalize (and perhaps Resolve): an error means that they did
// not, and names the field. Bind must not run twice at once on one Record.
func (r *Record) Bind(normalized map[string]any) error { return r.bindValues(normalized) }

func (r *Record) bindValues(values map[string]any) error {
	for _, f := range r.Fields {
		if f.bind == nil {
			continue
		}
		v, present := values[f.Name]
		if !present {
			v = f.Attr.Default
		}
		if err := f.bind(v); err != nil {
			return at(f.Name, err)
		}
	}
	return nil
}

// FieldError is an error about one field.
type FieldError struct {
	// Path is the name of the field, with dots for nested ones and 1-based
	// positions.
	Path string
	Err  error
}

// Error is "path: reason".
func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// at puts name in front of the path of err.
func at(name string, err error) error {
	var inner *FieldError
	if errors.As(err, &inner) && inner.Path != "" {
		return &FieldError{Path: name + "." + inner.Path, Err: inner.Err}
	}
	return &FieldError{Path: name, Err: err}
}
