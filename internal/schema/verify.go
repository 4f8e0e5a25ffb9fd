package schema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// verify applies the attributes to a value of the right type. References never
// come here before they are resolved.
func (f *Field) verify(v any) error {
	if err := f.verifyLength(v); err != nil {
		return err
	}
	if text, ok := v.(string); ok {
		if len(f.Attr.OneOf) > 0 && !slices.Contains(f.Attr.OneOf, text) {
			return errors.New("expected one of: " + strings.Join(f.Attr.OneOf, ", "))
		}
		if f.Attr.UUID && !isUUID(text) {
			return errors.New("expected a valid UUID")
		}
	}
	if err := f.verifyRange(v); err != nil {
		return err
	}
	for _, rule := range f.checks {
		if err := rule(v); err != nil {
			return err
		}
	}
	return nil
}

func (f *Field) verifyLength(v any) error {
	var n int
	least := f.Attr.LenMin
	switch v := v.(type) {
	case string:
		n = len(v)
		if least == nil {
			one := 1
			least = &one
		}
	case []any:
		n = len(v)
	case map[string]any:
		n = len(v)
	default:
		return nil
	}
	if least != nil && n < *least {
		return fmt.Errorf("length must be at least %d", *least)
	}
	if f.Attr.LenMax != nil && n > *f.Attr.LenMax {
		return fmt.Errorf("length must be at most %d", *f.Attr.LenMax)
	}
	return nil
}

func (f *Field) verifyRange(v any) error {
	if f.Attr.Between == nil && f.Attr.Gt == nil {
		return nil
	}
	n, err := toFloat(v)
	if err != nil {
		return nil // not a number: limits are for numbers
	}
	if b := f.Attr.Between; b != nil && (n < b[0] || n > b[1]) {
		return fmt.Errorf("value should be between %s and %s", decimal(b[0]), decimal(b[1]))
	}
	if g := f.Attr.Gt; g != nil && n <= *g {
		return fmt.Errorf("value must be greater than %s", decimal(*g))
	}
	return nil
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// refusal is a value that is known but not supported here; position is the
// 1-based place of the list element it is about, 0 without one.
type refusal struct {
	position int
	text     string
}

// finding is the refusal in the form that Errors holds.
func (r *refusal) finding() any {
	if r.position == 0 {
		return r.text
	}
	list := make([]any, r.position)
	list[r.position-1] = r.text
	return list
}

// supported applies the marks (C12) to a canonical value.
func (f *Field) supported(v any) *refusal {
	if f.Attr.Mark == Unsupported && !f.harmless(v) {
		return &refusal{text: f.notSupported()}
	}
	list, ok := v.([]any)
	if !ok || f.Elements == nil {
		return f.supportedValue(v)
	}
	if len(f.Elements.Attr.UnsupportedValues) == 0 || sameMembers(v, f.Attr.Default) {
		return nil
	}
	for i, item := range list {
		if r := f.Elements.refuse(item); r != nil {
			r.position = i + 1
			return r
		}
	}
	return nil
}

func (f *Field) notSupported() string { return "not supported: " + f.Attr.Why }

// harmless tells whether an unsupported field may hold v.
func (f *Field) harmless(v any) bool {
	for _, a := range append([]any{f.Attr.Default}, f.Attr.Accepted...) {
		if sameValue(v, a) {
			return true
		}
	}
	return false
}

// supportedValue judges a scalar; elements are judged with their whole list.
func (f *Field) supportedValue(v any) *refusal {
	if f.Name == "" {
		return nil
	}
	return f.refuse(v)
}

func (f *Field) refuse(v any) *refusal {
	text, ok := v.(string)
	if !ok {
		return nil
	}
	if why, bad := f.Attr.UnsupportedValues[text]; bad && text != f.Attr.Default {
		return &refusal{text: fmt.Sprintf("%s is not supported: %s", text, why)}
	}
	return nil
}

func sameValue(a, b any) bool { return fingerprint(a) == fingerprint(b) }

// sameMembers compares lists without regard to order.
func sameMembers(a, b any) bool {
	left, _ := a.([]any)
	right, _ := b.([]any)
	if len(left) != len(right) {
		return false
	}
	keys := func(list []any) []string {
		out := make([]string, 0, len(list))
		for _, item := range list {
			out = append(out, fingerprint(item))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(keys(left), keys(right))
}
