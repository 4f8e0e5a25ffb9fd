package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML builds the tree of a document that consists of one YAML document.
func parseYAML(data []byte) (*node, error) {
	if separators(data) > 2*maxNodes {
		return nil, errTooMany(0)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &syntaxError{text: "the document is empty"}
	case err != nil:
		return nil, yamlError(err)
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, yamlError(err)
		}
		return nil, &syntaxError{second.Line, "a second YAML document begins here; only one is read"}
	}
	y := yamlReader{open: make(map[*yaml.Node]bool)}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &syntaxError{text: "the document is empty"}
	}
	return y.read(doc.Content[0], 0)
}

// separators is an upper limit of half the number of values, known before the
// YAML parser builds anything.
func separators(data []byte) int {
	n := 0
	for i, c := range data {
		switch c {
		case ',', ':', '[', '{', '\n', '\r':
			n++
		case '-', '?':
			if i+1 < len(data) && (data[i+1] == ' ' || data[i+1] == '\t') {
				n++
			}
		}
	}
	return n
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// yamlError splits the line off the parser's message.
func yamlError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	m := yamlLine.FindStringSubmatch(text)
	if m == nil {
		return &syntaxError{text: text}
	}
	line, _ := strconv.Atoi(m[1])
	return &syntaxError{line, strings.TrimPrefix(text, m[0])}
}

type yamlReader struct {
	budget
	// open are the anchors that are being expanded.
	open map[*yaml.Node]bool
}

func (y *yamlReader) read(n *yaml.Node, depth int) (*node, error) {
	if err := y.take(n.Line, depth); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return yamlScalar(n)
	case yaml.SequenceNode:
		out := &node{line: n.Line, shape: listShape, items: make([]*node, 0, len(n.Content))}
		for _, item := range n.Content {
			read, err := y.read(item, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, read)
		}
		return out, nil
	case yaml.MappingNode:
		return y.mapping(n, depth)
	case yaml.AliasNode:
		return y.alias(n, depth)
	default:
		return nil, &syntaxError{n.Line, "unexpected YAML"}
	}
}

// alias expands an alias. Its line is where it is used.
func (y *yamlReader) alias(n *yaml.Node, depth int) (*node, error) {
	if n.Alias == nil || y.open[n.Alias] {
		return nil, &syntaxError{n.Line, "an anchor contains itself"}
	}
	y.open[n.Alias] = true
	defer delete(y.open, n.Alias)
	out, err := y.read(n.Alias, depth+1)
	if err != nil {
		return nil, err
	}
	out.line = n.Line
	return out, nil
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (*node, error) {
	out := &node{line: n.Line, shape: objectShape}
	seen := make(map[string]bool, len(n.Content)/2)
	var merged []*node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, err := y.read(value, depth+1)
		if err != nil {
			return nil, err
		}
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, read)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			return nil, &syntaxError{key.Line, "a key must be a plain text"}
		}
		if seen[key.Value] {
			return nil, &syntaxError{key.Line, fmt.Sprintf("duplicate key %q", clip(key.Value))}
		}
		seen[key.Value] = true
		out.members = append(out.members, member{name: key.Value, line: key.Line, value: read})
	}
	for _, source := range merged {
		if err := merge(out, source, seen); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// merge is YAML's "<<": members of source, or of its items in order, that are
// not there yet.
func merge(into, source *node, seen map[string]bool) error {
	switch source.shape {
	case objectShape:
		for _, m := range source.members {
			if !seen[m.name] {
				seen[m.name] = true
				into.members = append(into.members, m)
			}
		}
		return nil
	case listShape:
		for _, item := range source.items {
			if item.shape != objectShape {
				return &syntaxError{item.line, "only an object can be merged"}
			}
			if err := merge(into, item, seen); err != nil {
				return err
			}
		}
		return nil
	case scalarShape:
	}
	return &syntaxError{source.line, "only an object can be merged"}
}

func yamlScalar(n *yaml.Node) (*node, error) {
	out := &node{line: n.Line}
	switch tag := n.ShortTag(); tag {
	case "!!null":
		return out, nil
	case "!!str", "!!timestamp":
		out.scalar = n.Value
		return out, nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, &syntaxError{n.Line, "the value does not fit its tag " + tag}
		}
		var ok bool
		if out.scalar, ok = yamlNumber(v); !ok {
			return nil, &syntaxError{n.Line, "the value does not fit its tag " + tag}
		}
		return out, nil
	default:
		return nil, &syntaxError{n.Line, fmt.Sprintf("tag %q is not supported", clip(tag))}
	}
}

func yamlNumber(v any) (any, bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case int:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	return nil, false
}

// clip bounds foreign text in a message.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
