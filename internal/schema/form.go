package schema

import "errors"

// ErrTooManyArguments is returned by FromForm for more than MaxArguments pairs;
// the Admin API answers it with 400 "Too many arguments".
var ErrTooManyArguments = errors.New("Too many arguments") //nolint:staticcheck // Kong's text

// ErrFormDepth is returned by FromForm for a name with too many parts.
var ErrFormDepth = errors.New("argument name is nested too deeply")

// MaxArguments bounds the name/value pairs of a form.
const MaxArguments = 1000

// FromForm builds an object from name/value pairs, already percent-decoded, in
// the order of the body. Dots nest; "a", "a[]" and "a[1]" fill lists; "m[key]"
// or "m.key" fill maps; types come from the schema; an empty value is null.
// What cannot be converted stays a text, and what does not fit keeps its shape,
// so that Normalize names it.
func (r *Record) FromForm(values [][2]string) (map[string]any, error) {
	if len(values) > MaxArguments {
		return nil, ErrTooManyArguments
	}
	root := newFormNode()
	for _, pair := range values {
		path, err := parseFormName(pair[0])
		if err != nil {
			return nil, err
		}
		root.add(path, pair[1])
	}
	return root.object(r), nil
}
