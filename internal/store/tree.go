package store

import "fmt"

// Bounds of a declarative document.
const (
	maxDocument = 10 << 20 // bytes
	maxNodes    = 500_000  // values, with aliases expanded
	maxNesting  = 64
)

// node is a value of a document that knows its line. Exactly one of scalar,
// items and members is meaningful, as shape says.
type node struct {
	line  int
	shape shape
	// scalar is nil, a bool, int64, float64 or string.
	scalar  any
	items   []*node
	members []member
}

type shape uint8

const (
	scalarShape shape = iota
	listShape
	objectShape
)

type member struct {
	name  string
	line  int
	value *node
}

// member returns the member of that name.
func (n *node) member(name string) (member, bool) {
	for _, m := range n.members {
		if m.name == name {
			return m, true
		}
	}
	return member{}, false
}

func (n *node) isNull() bool { return n.shape == scalarShape && n.scalar == nil }

// plain returns the value without its lines.
func (n *node) plain() any {
	switch n.shape {
	case listShape:
		out := make([]any, 0, len(n.items))
		for _, item := range n.items {
			out = append(out, item.plain())
		}
		return out
	case objectShape:
		return n.object()
	default:
		return n.scalar
	}
}

// object is plain for objects; names in without are left out.
func (n *node) object(without ...map[string]bool) Object {
	out := make(Object, len(n.members))
	for _, m := range n.members {
		if len(without) == 0 || !without[0][m.name] {
			out[m.name] = m.value.plain()
		}
	}
	return out
}

// syntaxError is text that is not a document.
type syntaxError struct {
	line int // 0 when unknown
	text string
}

func (e *syntaxError) Error() string {
	if e.line == 0 {
		return e.text
	}
	return fmt.Sprintf("line %d: %s", e.line, e.text)
}

// budget bounds the size of a tree while it is built.
type budget struct{ nodes int }

func (b *budget) take(line, depth int) error {
	b.nodes++
	switch {
	case b.nodes > maxNodes:
		return errTooMany(line)
	case depth > maxNesting:
		return &syntaxError{line, fmt.Sprintf("nested more than %d levels deep", maxNesting)}
	}
	return nil
}

func errTooMany(line int) error {
	return &syntaxError{line, fmt.Sprintf("more than %d values", maxNodes)}
}
