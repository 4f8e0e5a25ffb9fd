package oidc

import (
	"encoding/json"
	"reflect"
	"strings"
)

// jsonReader reads JSON (RFC 8259) that is known to be UTF-8 and of bounded
// depth. It is there because the reader of encoding/json that tells members
// apart which are named twice takes ten times as long, five times in a login;
// what it accepts, and what it makes of it, is held against that one by a fuzz
// test.
type jsonReader struct{ rest string }

// next skips white space and gives the byte after it, 0 at the end.
func (r *jsonReader) next() byte {
	for r.rest != "" {
		switch c := r.rest[0]; c {
		case ' ', '\t', '\r', '\n':
			r.rest = r.rest[1:]
		default:
			return c
		}
	}
	return 0
}

// take skips c, which must be next.
func (r *jsonReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// value reads one value: string, bool, json.Number, map[string]any, []any or
// nil. Its recursion is as deep as the input is nested.
func (r *jsonReader) value() (any, error) {
	switch c := r.next(); {
	case c == '{':
		return r.object()
	case c == '[':
		return r.list()
	case c == '"':
		return r.text()
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for _, w := range [...]struct {
		word  string
		value any
	}{{"true", true}, {"false", false}, {"null", nil}} {
		if rest, ok := strings.CutPrefix(r.rest, w.word); ok {
			r.rest = rest
			return w.value, nil
		}
	}
	return nil, errJSONSyntax
}

func (r *jsonReader) object() (any, error) {
	object := map[string]any{}
	r.take('{')
	if r.take('}') {
		return object, nil
	}
	for {
		if r.next() != '"' {
			return nil, errJSONSyntax
		}
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if !r.take(':') {
			return nil, errJSONSyntax
		}
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		if first, twice := object[name]; twice && !reflect.DeepEqual(first, v) {
			return nil, errJSONDuplicate
		}
		object[name] = v
		if r.take('}') {
			return object, nil
		}
		if !r.take(',') {
			return nil, errJSONSyntax
		}
	}
}

func (r *jsonReader) list() (any, error) {
	list := []any{}
	r.take('[')
	if r.take(']') {
		return list, nil
	}
	for {
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if r.take(']') {
			return list, nil
		}
		if !r.take(',') {
			return nil, errJSONSyntax
		}
	}
}

// text reads a string, which begins here. One with escapes, which are rare, is
// left to encoding/json.
func (r *jsonReader) text() (string, error) {
	escaped := false
	for i := 1; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c < ' ':
			return "", errJSONSyntax
		case c == '\\':
			escaped = true
			i++
		case c == '"':
			text := r.rest[1:i]
			if escaped {
				if json.Unmarshal([]byte(r.rest[:i+1]), &text) != nil {
					return "", errJSONSyntax
				}
			}
			r.rest = r.rest[i+1:]
			return text, nil
		}
	}
	return "", errJSONSyntax
}

// number reads a number (RFC 8259 §6) and leaves it as it is written.
func (r *jsonReader) number() (any, error) {
	s := strings.TrimPrefix(r.rest, "-")
	if strings.HasPrefix(s, "0") {
		s = s[1:]
	} else if !digits(&s) {
		return nil, errJSONSyntax
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; !digits(&s) {
			return nil, errJSONSyntax
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits(&s) {
			return nil, errJSONSyntax
		}
	}
	number := json.Number(r.rest[:len(r.rest)-len(s)])
	r.rest = s
	return number, nil
}

// digits skips digits, of which there must be one.
func digits(s *string) bool {
	rest := strings.TrimLeft(*s, "0123456789")
	had := len(rest) < len(*s)
	*s = rest
	return had
}
