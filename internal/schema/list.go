package schema

import (
	"strconv"

	"sallyport/internal/secret"
)

// list makes an array field; null binds an empty list.
func list[T any](name string, p *[]T, element *Field, def any, convert func(v any) (T, error)) *Field {
	f := &Field{Name: name, Type: TypeArray, Elements: element}
	if p != nil {
		f.target = p
	}
	f.Attr.Default = def
	f.bind = func(v any) error {
		if p == nil {
			return nil
		}
		items, _ := v.([]any)
		got := make([]T, 0, len(items))
		for i, item := range items {
			one, err := convert(item)
			if err != nil {
				return at(strconv.Itoa(i+1), err)
			}
			got = append(got, one)
		}
		*p = got
		return nil
	}
	return f
}

// Strings declares an array of texts; without def its default is null.
func Strings(name string, p *[]string, def ...string) *Field {
	return list(name, p, &Field{Type: TypeString}, anyStrings(def), toText[string])
}

// Set declares a set of texts.
func Set(name string, p *[]string, def ...string) *Field {
	f := Strings(name, p, def...)
	f.Type = TypeSet
	return f
}

// Enums declares an array of texts of a fixed vocabulary.
func Enums[T ~string](name string, p *[]T, values []T, def ...T) *Field {
	f := list(name, p, &Field{Type: TypeString}, anyStrings(def), toText[T])
	return f.OneOf(texts(values)...)
}

// Texts declares an array of texts that parse turns into a T each, as Text does
// for one.
func Texts[T any](name string, p *[]T, parse func(string) (T, error)) *Field {
	return list(name, p, &Field{Type: TypeString}, nil, parsed(parse)).CheckEach(parses(parse))
}

// Secrets declares an array of confidential texts.
func Secrets(name string, p *[]secret.String) *Field {
	return list(name, p, &Field{Type: TypeString}, nil, toSecret).Encrypted()
}

// Paths declares an array of arrays of texts.
func Paths(name string, p *[][]string) *Field {
	element := &Field{Type: TypeArray, Elements: &Field{Type: TypeString}}
	return list(name, p, element, nil, func(v any) ([]string, error) {
		var one []string
		err := Strings("", &one).bind(v)
		return one, err
	})
}

// Records declares an array of records. fields describes one of them, bound to
// its argument.
func Records[T any](name string, p *[]T, fields func(*T) []*Field) *Field {
	element := &Field{Type: TypeRecord, Record: &Record{Fields: fields(new(T))}}
	return list(name, p, element, nil, func(v any) (T, error) {
		var one T
		m, _ := v.(map[string]any)
		r := Record{Fields: fields(&one)}
		err := r.bindValues(m)
		return one, err
	})
}
