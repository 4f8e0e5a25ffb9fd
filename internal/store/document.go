package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// Document is a whole configuration that was read from a declarative file and
// found to be valid in itself. It is immutable.
type Document struct {
	name    string
	hash    string
	entries []*entry
}

// Hash identifies the text that the document was read from: 32 hexadecimal
// digits.
func (d *Document) Hash() string { return d.hash }

// Len is the number of entities.
func (d *Document) Len() int { return len(d.entries) }

// HashDocument is the Hash of the document that data would be.
func HashDocument(data []byte) string { return hashOf("document", data) }

// formatVersions are those that are read; files before 3.0 write regular
// expressions in paths without a mark.
var formatVersions = [...]string{"1.1", "2.1", "3.0"}

// keyElsewhere knows keys that have a meaning for others but none here, and
// says why one is refused; the reason is empty where it holds nothing.
func keyElsewhere(m member) (reason string, known bool) {
	switch m.name {
	case "_info", "_workspace", "_konnect", "_plugin_configs":
		return "unknown field (decK reads it and takes it out before it uploads)", true
	case "upstreams", "targets", "vaults", "keys", "key_sets",
		"basicauth_credentials", "jwt_secrets", "hmacauth_credentials",
		"mtls_auth_credentials", "filter_chains", "workspaces", "partials",
		"licenses", "parameters":
		if m.value.isNull() || m.value.shape == listShape && len(m.value.items) == 0 {
			return "", true
		}
		return "entities of this kind are not supported yet", true
	}
	return "", false
}

// ParseDeclarative reads a declarative document, YAML or JSON, of at most 10
// MB. name stands in messages and may be empty. Every fault is an error, of
// type *DocumentError: unknown keys, wrong types and values, references to
// nothing, duplicates. Entities without an id get one that depends only on
// kind and name, so it is the same each time.
func ParseDeclarative(name string, data []byte, kinds []*entity.Kind) (*Document, error) {
	root, err := parseTree(data)
	if err != nil {
		return nil, brokenDocument(name, err)
	}
	p := newParser(kinds)
	p.document(root)
	if err := p.failure(name); err != nil {
		return nil, err
	}
	return &Document{name: name, hash: HashDocument(data), entries: p.entries}, nil
}

func parseTree(data []byte) (*node, error) {
	switch {
	case len(data) > maxDocument:
		return nil, &syntaxError{text: fmt.Sprintf("larger than %d MB", maxDocument>>20)}
	case !utf8.Valid(data):
		return nil, &syntaxError{text: "the text is not UTF-8"}
	case strings.TrimSpace(string(data)) == "":
		return nil, &syntaxError{text: "the document is empty"}
	case looksLikeJSON(data):
		return parseJSON(data)
	}
	return parseYAML(data)
}

// brokenDocument is the error for text that is no document at all.
func brokenDocument(name string, err error) *DocumentError {
	message := "failed parsing declarative configuration: " + err.Error()
	e := &DocumentError{Name: name, fields: schema.Errors{"error": message}}
	problem := Problem{Message: err.Error()}
	if syntax, ok := err.(*syntaxError); ok { //nolint:errorlint // made above
		problem = Problem{Line: syntax.line, Message: syntax.text}
	}
	e.Problems = []Problem{problem}
	return e
}

// parser collects the entities of a document and what is wrong with them.
type parser struct {
	kinds   []*entity.Kind
	byName  map[string]*entity.Kind
	root    *node
	version string
	fields  schema.Errors
	entries []*entry
	// byKey and byID find entries by kind and name or id.
	byKey, byID map[string]map[string]*entry
	// nameless counts entities that have nothing to be told apart by.
	nameless map[string]int
}

func newParser(kinds []*entity.Kind) *parser {
	p := &parser{
		kinds: kinds, byName: make(map[string]*entity.Kind), fields: schema.Errors{},
		byKey: make(map[string]map[string]*entry), byID: make(map[string]map[string]*entry),
		nameless: make(map[string]int),
	}
	for _, k := range kinds {
		p.byName[k.Name] = k
		p.byKey[k.Name] = make(map[string]*entry)
		p.byID[k.Name] = make(map[string]*entry)
	}
	return p
}

// document reads the top level, then everything below it in an order in which
// what is referred to comes first.
func (p *parser) document(root *node) {
	p.root = root
	if root.shape != objectShape {
		p.fields["error"] = "expected an object with _format_version and lists of entities"
		return
	}
	p.meta(root)
	for _, m := range root.members {
		if k, ok := p.byName[m.name]; ok {
			if errs := p.list(k, m.value, nil); errs != "" {
				p.fields[m.name] = errs
			}
		}
	}
	position := make(map[*entity.Kind]int, len(p.kinds))
	for i, k := range p.kinds {
		position[k] = i
	}
	slices.SortStableFunc(p.entries, func(a, b *entry) int {
		return cmp.Compare(position[a.kind], position[b.kind])
	})
	for _, en := range p.entries {
		p.identify(en)
	}
	for _, en := range p.entries {
		p.normalize(en)
	}
	p.relations()
}

// meta reads the keys of the top level that are no lists of entities.
func (p *parser) meta(root *node) {
	version, ok := root.member("_format_version")
	switch text, isText := version.scalarText(); {
	case !ok || version.value.isNull():
		p.fields["_format_version"] = "required field missing"
	case !isText:
		p.fields["_format_version"] = "expected a string"
	case !slices.Contains(formatVersions[:], text):
		p.fields["_format_version"] = "expected one of: " + strings.Join(formatVersions[:], ", ")
	default:
		p.version = text
	}
	for _, m := range root.members {
		if _, known := p.byName[m.name]; known || m.name == "_format_version" {
			continue
		}
		if reason := p.metaKey(m); reason != "" {
			p.fields[m.name] = reason
		}
	}
}

func (p *parser) metaKey(m member) string {
	switch m.name {
	case "_transform":
		if _, ok := m.value.scalar.(bool); !ok && !m.value.isNull() {
			return "expected a boolean"
		}
		return ""
	case "_comment", "_ignore":
		return checkRemark(m)
	}
	reason, known := keyElsewhere(m)
	if !known {
		return "unknown field"
	}
	return reason
}

// checkRemark checks _comment and _ignore, which may be everywhere.
func checkRemark(m member) string {
	_, isText := m.scalarText()
	switch {
	case m.value.isNull():
	case m.name == "_comment" && !isText:
		return "expected a string"
	case m.name == "_ignore" && m.value.shape != listShape:
		return "expected an array"
	}
	return ""
}

func (m member) scalarText() (string, bool) {
	if m.value == nil || m.value.shape != scalarShape {
		return "", false
	}
	text, ok := m.value.scalar.(string)
	return text, ok
}

// failure returns the error if anything was found.
func (p *parser) failure(name string) error {
	var bad []*entry
	problems := locate(p.root, "", p.fields)
	for _, en := range p.entries {
		if len(en.errs) > 0 {
			bad = append(bad, en)
			problems = append(problems, locate(en.node, pathText(en.path), en.errs)...)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &DocumentError{Name: name, Problems: problems, fields: p.fields, entries: bad}
}
