package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
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
	// Half of a surrogate pair, written as an escape, becomes U+FFFD. Other
	// octets that are not UTF-8 are refused above.
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	v, err := decodeValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errJSONSyntax
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errJSONObject
	}
	return object, nil
}

// decodeValue reads one value; its recursion is as deep as boundJSON allows.
func decodeValue(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, errJSONSyntax
	}
	switch token.Kind() {
	case '{':
		return decodeMembers(d)
	case '[':
		return decodeList(d)
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	case 'n':
		return nil, nil //nolint:nilnil // null is a value
	default:
		return nil, errJSONSyntax
	}
}

func decodeList(d *jsontext.Decoder) (any, error) {
	list := []any{}
	for d.PeekKind() != ']' {
		v, err := decodeValue(d)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, closing(d)
}

func decodeMembers(d *jsontext.Decoder) (any, error) {
	object := map[string]any{}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return nil, errJSONSyntax
		}
		name := token.String()
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

func closing(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
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
