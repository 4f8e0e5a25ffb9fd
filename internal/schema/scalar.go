package schema

import (
	"fmt"
	"time"

	"sallyport/internal/secret"
)

// maxSeconds bounds every time span of a configuration.
const maxSeconds = 1<<31 - 2

// scalar makes a field that is bound through convert. A null binds the
// declared default: a switch that is set to null must not come out weaker than
// one left alone.
func scalar[T any](name string, t Type, p *T, def any, convert func(v any) (T, error)) *Field {
	f := &Field{Name: name, Type: t}
	if p != nil {
		f.target = p
	}
	f.Attr.Default = def
	f.bind = func(v any) error {
		if p == nil {
			return nil
		}
		if v == nil {
			v = f.Attr.Default
		}
		if v == nil {
			var zero T
			*p = zero
			return nil
		}
		got, err := convert(v)
		if err != nil {
			return err
		}
		*p = got
		return nil
	}
	return f
}

// optional makes a field whose null is a nil pointer.
func optional[T any](name string, t Type, p **T, convert func(v any) (T, error)) *Field {
	return scalar(name, t, p, nil, func(v any) (*T, error) {
		got, err := convert(v)
		if err != nil {
			return nil, err
		}
		return &got, nil
	})
}

// String declares a text; without def its default is null. p may be nil.
func String(name string, p *string, def ...string) *Field {
	return scalar(name, TypeString, p, firstText(def), toText[string])
}

// Enum declares a text of a fixed vocabulary; an empty def means null.
func Enum[T ~string](name string, p *T, def T, values ...T) *Field {
	f := scalar(name, TypeString, p, nil, toText[T])
	if def != "" {
		f.Attr.Default = string(def)
	}
	return f.OneOf(texts(values)...)
}

// Text declares a text that parse turns into a T. Normalize refuses what parse
// refuses, with parse's error as the reason. Null and the empty text are the
// zero T, also where def gives a default for an absent value. p may be nil.
func Text[T any](name string, p *T, parse func(string) (T, error), def ...string) *Field {
	f := scalar(name, TypeString, p, nil, parsed(parse)).Check(parses(parse))
	f.Attr.Default = firstText(def)
	bind := f.bind
	f.bind = func(v any) error {
		if v == nil {
			v = ""
		}
		return bind(v)
	}
	return f
}

// Secret declares a confidential text.
func Secret(name string, p *secret.String) *Field {
	return scalar(name, TypeString, p, nil, toSecret).Encrypted()
}

// Bool declares a boolean with a default.
func Bool(name string, p *bool, def bool) *Field {
	return scalar(name, TypeBoolean, p, def, toBool)
}

// OptBool declares a boolean whose default is null.
func OptBool(name string, p **bool) *Field { return optional(name, TypeBoolean, p, toBool) }

// Int declares an integer with a default.
func Int(name string, p *int, def int) *Field {
	return scalar(name, TypeInteger, p, int64(def), toInt)
}

// OptInt declares an integer whose default is null.
func OptInt(name string, p **int) *Field { return optional(name, TypeInteger, p, toInt) }

// Int64 declares an integer without a default, for times in seconds since the
// epoch.
func Int64(name string, p *int64) *Field { return scalar(name, TypeInteger, p, nil, toInt64) }

// Number declares a number with a default.
func Number(name string, p *float64, def float64) *Field {
	return scalar(name, TypeNumber, p, canonicalFloat(def), toFloat)
}

// Seconds declares a time span as a number of seconds.
func Seconds(name string, p *time.Duration, def time.Duration) *Field {
	return scalar(name, TypeNumber, p, span(def, time.Second), toSpan(time.Second)).Between(0, maxSeconds)
}

// OptSeconds declares a time span in seconds whose default is null.
func OptSeconds(name string, p **time.Duration) *Field {
	return optional(name, TypeNumber, p, toSpan(time.Second)).Between(0, maxSeconds)
}

// Millis declares a time span as a number of milliseconds.
func Millis(name string, p *time.Duration, def time.Duration) *Field {
	return scalar(name, TypeNumber, p, span(def, time.Millisecond), toSpan(time.Millisecond)).Between(0, maxSeconds)
}

func firstText(def []string) any {
	if len(def) == 0 {
		return nil
	}
	return def[0]
}

// span is a duration counted in units, in canonical form.
func span(d, unit time.Duration) any { return canonicalFloat(float64(d) / float64(unit)) }

func toText[T ~string](v any) (T, error) {
	s, ok := v.(string)
	if !ok {
		return "", wrongType(TypeString, v)
	}
	return T(s), nil
}

func parsed[T any](parse func(string) (T, error)) func(any) (T, error) {
	return func(v any) (T, error) {
		text, err := toText[string](v)
		if err != nil || text == "" {
			var zero T
			return zero, err
		}
		return parse(text)
	}
}

// parses is the check that parse accepts the text.
func parses[T any](parse func(string) (T, error)) func(any) error {
	return func(v any) error {
		_, err := parsed(parse)(v)
		return err
	}
}

func toSecret(v any) (secret.String, error) {
	s, ok := v.(string)
	if !ok {
		return secret.String{}, wrongType(TypeString, v)
	}
	return secret.New(s), nil
}

func toBool(v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, wrongType(TypeBoolean, v)
	}
	return b, nil
}

func toInt64(v any) (int64, error) {
	n, ok := v.(int64)
	if !ok {
		return 0, wrongType(TypeInteger, v)
	}
	return n, nil
}

func toInt(v any) (int, error) {
	n, err := toInt64(v)
	return int(n), err
}

func toFloat(v any) (float64, error) {
	switch n := v.(type) {
	case int64:
		return float64(n), nil
	case float64:
		return n, nil
	}
	return 0, wrongType(TypeNumber, v)
}

func toSpan(unit time.Duration) func(any) (time.Duration, error) {
	return func(v any) (time.Duration, error) {
		n, err := toFloat(v)
		if err != nil {
			return 0, err
		}
		if n < 0 || n > maxSeconds {
			return 0, fmt.Errorf("value should be between 0 and %d", int64(maxSeconds))
		}
		return time.Duration(n * float64(unit)), nil
	}
}

// wrongType names the type only: the value may be confidential.
func wrongType(want Type, v any) error {
	return fmt.Errorf("expected %s %s, have %T", article(want), want, v)
}

func article(t Type) string {
	if t == TypeInteger || t == TypeArray {
		return "an"
	}
	return "a"
}
