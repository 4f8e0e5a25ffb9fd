package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// Bounds on JSON of the provider, checked before anything is decoded. Real
// documents stay far below: a discovery document has depth 2 and some hundred
// values.
const (
	maxJSONDepth  = 32
	maxJSONValues = 20_000
)

var (
	errJSONDepth     = errors.New("json nested too deeply")
	errJSONValues    = errors.New("json has too many values")
	errJSONUTF8      = errors.New("json is not utf-8")
	errJSONObject    = errors.New("not a json object")
	errJSONSyntax    = errors.New("malformed json")
	errJSONDuplicate = errors.New("json object names a member twice, with different values")
)

// boundJSON counts depth and values in one pass, without allocating. It does
// not check the grammar: the decoder does, on input that is now harmless.
func boundJSON(data []byte) error {
	depth, values, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxJSONDepth {
				return errJSONDepth
			}
			values++
		case c == '}' || c == ']':
			depth--
		case c == ',' || c == ':':
			values++
		}
		if values > maxJSONValues {
			return errJSONValues
		}
	}
	if !utf8.Valid(data) {
		return errJSONUTF8
	}
	return nil
}

// decodeObject decodes one JSON object with nothing after it. Numbers stay
// json.Number. A member that is named twice with different values is refused: two
// readers of one document must not see different ones (RFC 7519 §4, RFC 8259 §4).
// Keycloak names iss twice in signed authorization responses, with one value.
func decodeObject(data []byte) (map[string]any, error) {
	if err := boundJSON(data); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decodeValue(d)
	if err != nil {
		return nil, err
	}
	if d.InputOffset() < int64(len(data)) && len(bytes.TrimSpace(data[d.InputOffset():])) > 0 {
		return nil, errJSONSyntax
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errJSONObject
	}
	return object, nil
}

// decodeValue reads one value; its recursion is as deep as boundJSON allows.
func decodeValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, errJSONSyntax
	}
	switch token {
	case json.Delim('{'):
		return decodeMembers(d)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, closing(d)
	}
	return token, nil
}

func decodeMembers(d *json.Decoder) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, errJSONSyntax
		}
		name, ok := token.(string)
		if !ok {
			return nil, errJSONSyntax
		}
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		if first, twice := object[name]; twice && !reflect.DeepEqual(first, v) {
			return nil, errJSONDuplicate
		}
		object[name] = v
	}
	return object, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errJSONSyntax
	}
	return nil
}

// text is a member that must be a string where it is present and not null.
func textMember(object map[string]any, name string) (string, error) {
	switch v := object[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("member %s is not a string", name)
	}
}

// textsMember is a member that must be a list of strings where it is present
// and not null.
func textsMember(object map[string]any, name string) ([]string, error) {
	switch v := object[name].(type) {
	case nil:
		return nil, nil
	case []any:
		out := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("member %s is not a list of strings", name)
			}
			out[i] = s
		}
		return out, nil
	default:
		return nil, fmt.Errorf("member %s is not a list of strings", name)
	}
}

// flagMember is a member that must be a boolean where it is present and not
// null.
func flagMember(object map[string]any, name string) (bool, error) {
	switch v := object[name].(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	default:
		return false, fmt.Errorf("member %s is not a boolean", name)
	}
}
