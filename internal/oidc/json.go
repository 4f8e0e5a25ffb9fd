package oidc

import (
	"errors"
	"fmt"
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
func boundJSON(data string) error {
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
	if !utf8.ValidString(data) {
		return errJSONUTF8
	}
	return nil
}

// decodeObject decodes one JSON object with nothing after it. Numbers stay
// json.Number. A member that is named twice with different values is refused: two
// readers of one document must not see different ones (RFC 7519 §4, RFC 8259 §4).
// Keycloak names iss twice in signed authorization responses, with one value.
// Texts of the result share memory with data.
func decodeObject(data string) (map[string]any, error) {
	if err := boundJSON(data); err != nil {
		return nil, err
	}
	r := jsonReader{rest: data}
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	if r.next() != 0 || r.rest != "" {
		return nil, errJSONSyntax
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errJSONObject
	}
	return object, nil
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
