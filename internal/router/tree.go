package router

import "strings"

// node is a radix tree over plain paths. The items of a node belong to the path
// that leads to it.
type node struct {
	// prefix is the text between the parent and this node.
	prefix string
	// labels holds the first byte of each child's prefix.
	labels   []byte
	children []*node
	items    []item
}

func (n *node) insert(path string, it item) {
	for path != "" {
		i := strings.IndexByte(string(n.labels), path[0])
		if i < 0 {
			n.labels = append(n.labels, path[0])
			n.children = append(n.children, &node{prefix: path, items: []item{it}})
			return
		}
		child := n.children[i]
		common := commonPrefix(child.prefix, path)
		if common < len(child.prefix) {
			child.split(common)
		}
		n, path = child, path[common:]
	}
	n.items = append(n.items, it)
}

// split cuts the text before n in two and hangs what n was below.
func (n *node) split(at int) {
	lower := *n
	lower.prefix = n.prefix[at:]
	*n = node{prefix: n.prefix[:at], labels: []byte{lower.prefix[0]}, children: []*node{&lower}}
}

// next is the child on the way along path, whose first depth bytes lead to n,
// and its depth; nil at the end of the way.
func (n *node) next(path string, depth int) (*node, int) {
	if depth == len(path) {
		return nil, 0
	}
	for i, label := range n.labels {
		if label != path[depth] {
			continue
		}
		child := n.children[i]
		if !strings.HasPrefix(path[depth:], child.prefix) {
			return nil, 0
		}
		return child, depth + len(child.prefix)
	}
	return nil, 0
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
