package plugin

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// PeekFields is PeekForm for bodies that are a form or a JSON object: of the
// latter, the members that are texts count as fields. null and whatever else is
// no text is no field, and a body that is no JSON object has none.
func (q *Request) PeekFields() (fields Form, ok bool, err error) {
	if !isJSON(q.HTTP) {
		return q.PeekForm()
	}
	if q.json == nil {
		q.json = &peekedForm{}
		if q.json.data, q.json.err = peekBody(q.HTTP); q.json.err == nil {
			q.json.form, q.json.ok = parseJSON(q.json.data)
		}
	}
	return q.json.form, q.json.ok, q.json.err
}

func isJSON(r *http.Request) bool {
	return r.ContentLength > 0 && r.ContentLength <= MaxForm && hasType(r.Header, "application/json")
}

// parseJSON lists the texts of an object. It refuses what it would guess at: a
// member that is named twice, or more members than a form may have.
func parseJSON(data []byte) (Form, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	var form Form
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, isText := token.(string)
		if err != nil || !isText || seen[name] || len(seen) == MaxFormPairs {
			return nil, false
		}
		seen[name] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, false
		}
		var value *string
		if json.Unmarshal(raw, &value) == nil && value != nil {
			form = append(form, Pair{Name: name, Value: *value})
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, false
	}
	return form, true
}

// DropFields takes the named fields out of the body that the upstream gets, and
// of what later handlers find in it. It does something only after PeekForm or
// PeekFields found fields. The rest of a form stays byte for byte; a JSON
// object is encoded anew.
func (q *Request) DropFields(names ...string) {
	r := q.HTTP
	var from *peekedForm
	var rest []byte
	switch {
	case q.json != nil && q.json.ok:
		from = q.json
		rest = withoutMembers(from.data, names)
	case q.peeked != nil && q.peeked.ok && len(q.peeked.data) > 0:
		from = q.peeked
		rest = withoutPairs(string(from.data), names)
	default:
		return
	}
	from.data = rest
	from.form = slices.DeleteFunc(slices.Clone(from.form), func(p Pair) bool { return slices.Contains(names, p.Name) })
	r.ContentLength = int64(len(rest))
	r.Body = newReplay(rest)
	if len(rest) == 0 {
		r.Body = http.NoBody
	}
}

func withoutPairs(form string, names []string) []byte {
	rest := make([]byte, 0, len(form))
	for pair := range strings.SplitSeq(form, "&") {
		raw, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(raw); err == nil && slices.Contains(names, name) {
			continue
		}
		if len(rest) > 0 {
			rest = append(rest, '&')
		}
		rest = append(rest, pair...)
	}
	return rest
}

func withoutMembers(data []byte, names []string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return data // parsed before
	}
	for _, name := range names {
		delete(members, name)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(members) != nil {
		return data
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
