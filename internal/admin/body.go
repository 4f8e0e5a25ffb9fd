package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"sallyport/internal/httperror"
	"sallyport/internal/schema"
)

// Bounds of what a request may hold.
const (
	maxBody      = 10 << 20 // bytes
	maxArguments = 1000     // form or query arguments
	maxKey       = 512      // bytes of a form key
	maxDepth     = 100      // levels of JSON
)

// body is what a request carries: a JSON object, whose values are never
// converted, or the pairs of a form, whose types the schema says.
type body struct {
	object map[string]any
	form   bool
	pairs  [][2]string
	// parts are the multipart parts of type application/json.
	parts []jsonPart
	// text is the body as received; empty for forms.
	text string
}

type jsonPart struct {
	name, text string
	value      any
}

func brokenJSON() *refusal { return failure(http.StatusBadRequest, "Cannot parse JSON body") }

// mediaType is the type of the body in lower case, without parameters; empty
// without a Content-Type.
func mediaType(r *http.Request) (string, error) {
	values := r.Header["Content-Type"]
	if len(values) > 1 {
		return "", failure(http.StatusBadRequest, "more than one Content-Type header")
	}
	if len(values) == 0 {
		return "", nil
	}
	media, _, _ := strings.Cut(values[0], ";")
	return strings.ToLower(strings.TrimSpace(media)), nil
}

// readBody reads and parses the body. yaml admits YAML types too.
func readBody(c *call, yaml bool) (body, error) {
	media, err := mediaType(c.r)
	if err != nil {
		return body{}, err
	}
	if !knownMedia(media, yaml) || !identity(c.r.Header["Content-Encoding"]) {
		return body{}, unsupportedMedia()
	}
	data, err := readAll(c)
	if err != nil {
		return body{}, err
	}
	switch media {
	case "":
		if len(data) > 0 {
			return body{}, unsupportedMedia()
		}
		return body{object: map[string]any{}}, nil
	case "application/json":
		object, err := parseJSONObject(data)
		return body{object: object, text: string(data)}, err
	case "application/x-www-form-urlencoded":
		pairs, err := parseForm(string(data))
		return body{form: true, pairs: pairs}, err
	case "multipart/form-data":
		return parseMultipart(c.r.Header.Get("Content-Type"), data)
	}
	return body{text: string(data)}, nil
}

func knownMedia(media string, yaml bool) bool {
	switch media {
	case "", "application/json", "application/x-www-form-urlencoded", "multipart/form-data":
		return true
	case "application/yaml", "text/yaml":
		return yaml
	}
	return false
}

func identity(encodings []string) bool {
	for _, e := range encodings {
		if e != "" && !strings.EqualFold(e, "identity") {
			return false
		}
	}
	return true
}

func unsupportedMedia() *refusal {
	return failure(http.StatusUnsupportedMediaType,
		"send application/json, application/x-www-form-urlencoded or multipart/form-data")
}

func tooLarge() *refusal {
	return failure(http.StatusRequestEntityTooLarge, httperror.StatusMessage(http.StatusRequestEntityTooLarge))
}

func readAll(c *call) ([]byte, error) {
	if c.r.ContentLength > maxBody {
		return nil, tooLarge()
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, failure(http.StatusBadRequest, "the request body was not received completely")
	}
	return data, nil
}

// parseJSONObject decodes an object of bounded depth; numbers stay as they
// are written.
func parseJSONObject(data []byte) (map[string]any, error) {
	value, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	object, isObject := value.(map[string]any)
	if !isObject {
		return nil, brokenJSON()
	}
	return object, nil
}

func parseJSON(data []byte) (any, error) {
	if !utf8.Valid(data) || jsonDepth(data) > maxDepth {
		return nil, brokenJSON()
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, brokenJSON()
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, brokenJSON()
	}
	return value, nil
}

// jsonDepth is how deep brackets nest, without decoding anything.
func jsonDepth(data []byte) int {
	depth, deepest := 0, 0
	text, escaped := false, false
	for _, b := range data {
		switch {
		case escaped:
			escaped = false
		case text:
			escaped = b == '\\'
			text = b != '"'
		case b == '"':
			text = true
		case b == '{' || b == '[':
			depth++
			deepest = max(deepest, depth)
		case b == '}' || b == ']':
			depth--
		}
	}
	return deepest
}

// get is the text of a top-level member, for what must be known before the
// schema is.
func (b *body) get(name string) (string, bool) {
	if b.form {
		for _, p := range b.pairs {
			if p[0] == name {
				return p[1], true
			}
		}
		for _, p := range b.parts {
			if p.name == name {
				return p.text, true
			}
		}
		return "", false
	}
	text, isText := b.object[name].(string)
	return text, isText
}

// decode gives the entity that the body describes, by the schema that a form
// needs.
func (b *body) decode(record *schema.Record) (map[string]any, error) {
	if !b.form {
		return b.object, nil
	}
	object, err := record.FromForm(b.pairs)
	if err != nil {
		return nil, brokenForm(err.Error())
	}
	for _, p := range b.parts {
		if !place(object, strings.Split(p.name, "."), p.value) {
			return nil, failure(http.StatusBadRequest, "a part of the form is given twice")
		}
	}
	return object, nil
}

// place puts a value into nested objects; it replaces nothing.
func place(object map[string]any, path []string, value any) bool {
	for len(path) > 1 {
		next, exists := object[path[0]]
		if !exists {
			next = map[string]any{}
			object[path[0]] = next
		}
		inner, isObject := next.(map[string]any)
		if !isObject {
			return false
		}
		object, path = inner, path[1:]
	}
	if _, taken := object[path[0]]; taken {
		return false
	}
	object[path[0]] = value
	return true
}
