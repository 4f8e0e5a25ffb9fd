package schema

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// formNode gathers what a form says under one name.
type formNode struct {
	// plain are the values of the name itself and of "name[]", in order.
	plain []string
	// listed tells that "name[]" or "name[1]" was used.
	listed bool
	// named are nested names, indexed those in brackets with digits.
	named   map[string]*formNode
	indexed map[int]*formNode
}

func newFormNode() *formNode {
	return &formNode{named: make(map[string]*formNode), indexed: make(map[int]*formNode)}
}

func (n *formNode) add(path []formStep, value string) {
	for i, step := range path {
		switch {
		case step.index == stepAppend && i == len(path)-1:
			n.listed = true
		case step.index == stepAppend:
			n.listed = true
			n = n.element(len(n.indexed) + 1)
		case step.index >= 0:
			n.listed = true
			n = n.element(step.index)
		default:
			n = n.member(step.name)
		}
	}
	n.plain = append(n.plain, value)
}

func (n *formNode) element(i int) *formNode {
	if n.indexed[i] == nil {
		n.indexed[i] = newFormNode()
	}
	return n.indexed[i]
}

func (n *formNode) member(name string) *formNode {
	if n.named[name] == nil {
		n.named[name] = newFormNode()
	}
	return n.named[name]
}

// object converts the members of n by the fields of r, which may be nil.
func (n *formNode) object(r *Record) map[string]any {
	out := make(map[string]any, len(n.named))
	for name, sub := range n.named {
		out[name] = sub.value(r.formField(name))
	}
	for i, sub := range n.indexed {
		name := strconv.Itoa(i)
		out[name] = sub.value(r.formField(name))
	}
	return out
}

// formField finds the type of a name: a field, a shorthand, or unknown.
func (r *Record) formField(name string) *Field {
	if r == nil {
		return &Field{Type: TypeAny}
	}
	if f, ok := r.Lookup(name); ok {
		return f
	}
	for _, s := range r.Shorthands {
		if s.Name == name {
			return s.field()
		}
	}
	return &Field{Type: TypeAny}
}

// value converts n to the type of f. A shape that does not fit is kept, so
// that validation names it.
func (n *formNode) value(f *Field) any {
	switch f.Type {
	case TypeArray, TypeSet:
		if len(n.named) == 0 {
			return n.list(f.Elements)
		}
	case TypeMap:
		if len(n.plain) == 0 && len(n.named)+len(n.indexed) > 0 {
			return n.mapping(f.Values)
		}
	case TypeRecord:
		if len(n.plain) == 0 && len(n.named) > 0 && len(n.indexed) == 0 {
			return n.object(f.Record)
		}
	default:
	}
	return n.unfit(f)
}

// unfit converts by what was sent: members, several values, or one.
func (n *formNode) unfit(f *Field) any {
	switch {
	case len(n.named) > 0:
		return n.object(nil)
	case len(n.indexed) > 0, len(n.plain) > 1, n.listed:
		return n.list(&Field{Type: TypeAny})
	}
	return fromText(f, n.plain[0])
}

// list puts plain values first, then the numbered ones in their order. One
// empty plain value is null.
func (n *formNode) list(element *Field) any {
	if !n.listed && len(n.plain) == 1 && n.plain[0] == "" {
		return nil
	}
	out := make([]any, 0, len(n.plain)+len(n.indexed))
	for _, text := range n.plain {
		one := &formNode{plain: []string{text}}
		out = append(out, one.value(element))
	}
	for _, i := range slices.Sorted(maps.Keys(n.indexed)) {
		out = append(out, n.indexed[i].value(element))
	}
	return out
}

func (n *formNode) mapping(values *Field) map[string]any {
	out := make(map[string]any, len(n.named)+len(n.indexed))
	for name, sub := range n.named {
		out[name] = sub.value(values)
	}
	for i, sub := range n.indexed {
		out[strconv.Itoa(i)] = sub.value(values)
	}
	return out
}

// fromText converts one text to the type of f; what does not fit stays a text.
func fromText(f *Field, text string) any {
	if text == "" {
		return nil
	}
	switch f.Type {
	case TypeInteger, TypeNumber:
		if n, ok := numeral(text); ok {
			return n
		}
	case TypeBoolean:
		switch text {
		case "true":
			return true
		case "false":
			return false
		}
	default:
	}
	return text
}

// numeral reads a decimal number; hexadecimal, underscores and the words that
// ParseFloat knows are none.
func numeral(text string) (any, bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return nil, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !isFinite(n) {
		return nil, false
	}
	return canonicalFloat(n), true
}
