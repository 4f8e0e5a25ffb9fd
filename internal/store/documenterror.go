package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sallyport/internal/schema"
)

// DocumentError lists everything that is wrong with a declarative document.
type DocumentError struct {
	// Name is the file, empty for a document that came otherwise.
	Name string
	// Problems are in the order of the document.
	Problems []Problem

	fields  schema.Errors
	entries []*entry
}

// Problem is one fault.
type Problem struct {
	// Line is where, counted from 1; 0 when unknown.
	Line int
	// Path leads to the value, for example services.1.routes.2.paths; entries
	// of lists are counted from 1. Empty for the document as a whole.
	Path string
	// Message is Kong's reason.
	Message string
}

// maxShown bounds what Error prints.
const maxShown = 50

// Error returns a line for each problem: file, line, path, reason.
func (e *DocumentError) Error() string {
	lines := make([]string, 0, len(e.Problems))
	for _, p := range e.Problems {
		if len(lines) == maxShown {
			lines = append(lines, fmt.Sprintf("… and %d more", len(e.Problems)-maxShown))
			break
		}
		lines = append(lines, p.text(e.Name))
	}
	return strings.Join(lines, "\n")
}

func (p Problem) text(name string) string {
	var b strings.Builder
	switch {
	case name != "" && p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", name, p.Line)
	case name != "":
		b.WriteString(name + ": ")
	case p.Line > 0:
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Body is the JSON object that answers POST /config. With flatten, the errors
// of entities are listed entity by entity.
func (e *DocumentError) Body(flatten bool) map[string]any {
	all := e.tree(e.entries)
	body := map[string]any{
		"code": CodeDeclarative, "name": "invalid declarative configuration",
		"message": "declarative config is invalid: " + pretty(all),
		"fields":  all,
	}
	if flatten {
		body["fields"] = e.tree(nil)
		flattened := []any{}
		for _, en := range e.entries {
			flattened = append(flattened, en.flatten())
		}
		body["flattened_errors"] = flattened
	}
	return body
}

// tree puts the errors of entries at their places in the document.
func (e *DocumentError) tree(entries []*entry) schema.Errors {
	root := schema.Errors{}
	maps.Copy(root, e.fields)
	for _, en := range entries {
		place(root, en.path, en.errs)
	}
	return root
}

// place merges errs into root below path, which alternates between a kind and
// a position counted from 1.
func place(root schema.Errors, path []step, errs schema.Errors) {
	at := root
	for _, s := range path {
		list, _ := at[s.kind].([]any)
		list = slices.Clone(list)
		for len(list) < s.position {
			list = append(list, nil)
		}
		inner := schema.Errors{}
		if old, ok := list[s.position-1].(schema.Errors); ok {
			maps.Copy(inner, old)
		}
		list[s.position-1] = inner
		at[s.kind] = list
		at = inner
	}
	maps.Copy(at, errs)
}

// step is one entry of a list of entities.
type step struct {
	kind     string
	position int // from 1
}

func pathText(path []step) string {
	parts := make([]string, 0, 2*len(path))
	for _, s := range path {
		parts = append(parts, s.kind, strconv.Itoa(s.position))
	}
	return strings.Join(parts, ".")
}

// locate lists the findings of errs, about the value n at path, with lines.
// What is missing has the line of the value that lacks it.
func locate(n *node, path string, errs schema.Errors) []Problem {
	var out []Problem
	for _, name := range slices.Sorted(maps.Keys(errs)) {
		if name == "@entity" {
			for _, message := range messages(errs[name]) {
				out = append(out, Problem{Line: n.line, Path: path, Message: message})
			}
			continue
		}
		m, ok := n.member(name)
		if !ok {
			m = member{line: n.line, value: &node{line: n.line}}
		}
		out = append(out, locateValue(m.value, join(path, name), m.line, errs[name])...)
	}
	return out
}

// messages are the texts about a record as a whole.
func messages(finding any) []string {
	all, ok := finding.([]any)
	if !ok {
		all = []any{finding}
	}
	var out []string
	for _, message := range all {
		out = append(out, fmt.Sprint(message))
	}
	return out
}

// locateValue lists what a finding says about the value n, whose key stands
// on line.
func locateValue(n *node, path string, line int, finding any) []Problem {
	switch finding := finding.(type) {
	case string:
		return []Problem{{Line: line, Path: path, Message: finding}}
	case schema.Errors:
		return locate(n, path, finding)
	case []any:
		var out []Problem
		for i, item := range finding {
			if item == nil {
				continue
			}
			element := &node{line: line}
			if i < len(n.items) {
				element = n.items[i]
			}
			out = append(out, locateValue(element, join(path, strconv.Itoa(i+1)), element.line, item)...)
		}
		return out
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
