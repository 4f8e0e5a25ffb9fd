package schema

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// entityKey holds the messages about a record as a whole.
const entityKey = "@entity"

// Errors are the findings of Normalize, in the form of Kong's "fields" member:
// a name leads to a text, to nested Errors, or to a list whose members stand
// at the position of the element they are about, with nil before them. The key
// "@entity" leads to the list of messages about the record itself. nil means
// no error.
type Errors map[string]any

// Error is Message.
func (e Errors) Error() string { return e.Message() }

// Message is Kong's message: "schema violation (a.b: reason)", or
// "2 schema violations (…; …)", messages about the whole entity first.
func (e Errors) Message() string {
	all := e.flat("", nil)
	text := "(" + strings.Join(all, "; ") + ")"
	if len(all) == 1 {
		return "schema violation " + text
	}
	return fmt.Sprintf("%d schema violations %s", len(all), text)
}

// Add records a violation. A field that has a finding keeps it.
func (e Errors) Add(v Violation) {
	if v.Field == "" || v.Field == entityKey {
		list, _ := e[entityKey].([]any)
		e[entityKey] = append(list, v.Message)
		return
	}
	name, rest, nested := strings.Cut(v.Field, ".")
	if !nested {
		if _, taken := e[name]; !taken {
			e[name] = v.Message
		}
		return
	}
	if _, taken := e[name]; !taken {
		e[name] = Errors{}
	}
	if inner, ok := e[name].(Errors); ok {
		inner.Add(Violation{Field: rest, Message: v.Message})
	}
}

// flat lists the findings below prefix as "path: reason".
func (e Errors) flat(prefix string, out []string) []string {
	if own, ok := e[entityKey]; ok {
		out = flatten(strings.TrimSuffix(prefix, "."), own, out, true)
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if name != entityKey {
			out = flatten(prefix+name, e[name], out, false)
		}
	}
	return out
}

// flatten lists what stands under path. Positions of a list are a part of the
// path unless the list is one of messages.
func flatten(path string, v any, out []string, messages bool) []string {
	switch v := v.(type) {
	case string:
		if path == "" {
			return append(out, v)
		}
		return append(out, path+": "+v)
	case Errors:
		return v.flat(path+".", out)
	case []any:
		for i, item := range v {
			sub := path
			if !messages {
				sub = path + "." + strconv.Itoa(i+1)
			}
			out = flatten(sub, item, out, false)
		}
	}
	return out
}
