package store

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// entry is one entity of a document.
type entry struct {
	kind *entity.Kind
	node *node
	path []step
	// parent is the entry that this one is nested in, nil without one.
	parent *entry
	// given is the entity as written, without what is nested in it.
	given Object
	// in is given with references as the Admin API has them, and an id.
	in Object
	id string
	// value is the normalised entity.
	value Object
	errs  schema.Errors
}

func (en *entry) fail(field, reason string) {
	if _, taken := en.errs[field]; !taken {
		en.errs.Add(schema.Violation{Field: field, Message: reason})
	}
}

// list reads a list of entities. It returns what is wrong with the list
// itself, and nothing for null.
func (p *parser) list(k *entity.Kind, n *node, parent *entry) string {
	if n.isNull() {
		return ""
	}
	if n.shape != listShape {
		return "expected an array"
	}
	for i, item := range n.items {
		var path []step
		if parent != nil {
			path = append(path, parent.path...)
		}
		p.entry(k, item, parent, append(path, step{k.Name, i + 1}))
	}
	return ""
}

// entry reads one entity and those nested in it.
func (p *parser) entry(k *entity.Kind, n *node, parent *entry, path []step) {
	en := &entry{kind: k, node: n, path: path, parent: parent, errs: schema.Errors{}, given: Object{}}
	p.entries = append(p.entries, en)
	if n.shape != objectShape {
		en.errs.Add(schema.Violation{Message: "expected a record"})
		return
	}
	aside := map[string]bool{"_comment": true, "_ignore": true}
	for _, m := range n.members {
		if aside[m.name] {
			if reason := checkRemark(m); reason != "" {
				en.fail(m.name, reason)
			}
			continue
		}
		if _, field := k.Record.Lookup(m.name); field {
			continue
		}
		if k.Name == entity.Consumers && m.name == "groups" {
			aside[m.name] = true
			if reason := p.memberships(m.value, en); reason != "" {
				en.fail(m.name, reason)
			}
			continue
		}
		child, known := p.byName[m.name]
		if known && refersTo(child, k) {
			aside[m.name] = true
			if reason := p.list(child, m.value, en); reason != "" {
				en.fail(m.name, reason)
			}
		} else if reason, known := keyElsewhere(m); known {
			aside[m.name] = true
			if reason != "" {
				en.fail(m.name, reason)
			}
		}
	}
	en.given = n.object(aside)
	en.in = maps.Clone(en.given)
}

// memberships reads the groups of a consumer as decK writes them: a list of
// objects with the name of a group each.
func (p *parser) memberships(n *node, consumer *entry) string {
	if n.isNull() {
		return ""
	}
	if n.shape != listShape {
		return "expected an array"
	}
	for i, item := range n.items {
		group, _ := item.member("name")
		name, isText := group.scalarText()
		if !isText {
			return fmt.Sprintf("%d: expected an object with the name of a consumer group", i+1)
		}
		given := Object{"consumer_group": name}
		p.entries = append(p.entries, &entry{
			kind: p.byName[entity.Memberships], node: item, path: append(slices.Clone(consumer.path), step{"groups", i + 1}),
			parent: consumer, errs: schema.Errors{}, given: given, in: maps.Clone(given),
		})
	}
	return ""
}

// refersTo reports whether entities of child may be nested in ones of k.
func refersTo(child, k *entity.Kind) bool {
	for _, f := range child.Foreign {
		if f.Kind == k.Name {
			return true
		}
	}
	return false
}

// identify resolves the references of an entry and gives it an id. Entries of
// the kinds it refers to have theirs already.
func (p *parser) identify(en *entry) {
	if en.in == nil {
		return
	}
	for _, f := range en.kind.Foreign {
		p.reference(en, f)
	}
	if en.parent != nil {
		for _, f := range en.kind.Foreign {
			if f.Kind == en.parent.kind.Name {
				en.in[f.Field] = map[string]any{"id": en.parent.id}
			}
		}
	}
	given, said := en.given["id"]
	if text, _ := given.(string); isUUID(text) {
		en.id = text
	} else {
		en.id = p.stableID(en)
	}
	if !said {
		en.in["id"] = en.id
	}
	key := en.lookup()
	if key != "" && p.byKey[en.kind.Name][key] == nil {
		p.byKey[en.kind.Name][key] = en
	}
	if p.byID[en.kind.Name][en.id] == nil {
		p.byID[en.kind.Name][en.id] = en
	}
}

func (en *entry) lookup() string {
	text, _ := en.given[en.kind.Lookup].(string)
	return text
}

// reference replaces a reference by id or name, which is a plain text here.
func (p *parser) reference(en *entry, f entity.Foreign) {
	v, present := en.given[f.Field]
	if !present || v == nil {
		return
	}
	delete(en.in, f.Field)
	text, ok := v.(string)
	switch {
	case en.parent != nil && f.Kind == en.parent.kind.Name:
		en.fail(f.Field, "value must be null")
		return
	case !ok:
		en.fail(f.Field, "expected a string")
		return
	}
	target := p.byKey[f.Kind][text]
	if target == nil {
		target = p.byID[f.Kind][text]
	}
	if target == nil {
		en.fail(f.Field, fmt.Sprintf("invalid reference '%s: %s' (no such entry in '%s')", f.Field, text, f.Kind))
		return
	}
	en.in[f.Field] = map[string]any{"id": target.id}
}

// normalize checks the entry itself.
func (p *parser) normalize(en *entry) {
	if en.in == nil {
		return
	}
	if p.version != "" && p.version != "3.0" && en.kind.Name == entity.Routes {
		markRegexes(en.in)
	}
	value, errs := en.kind.Normalize(en.in)
	for field, finding := range errs {
		if _, taken := en.errs[field]; !taken {
			en.errs[field] = finding
		}
	}
	en.value = value
}

var plainPath = regexp.MustCompile(`^[0-9A-Za-z._~/%-]*$`)

// markRegexes writes the paths of a route as files from 3.0 on do.
func markRegexes(in Object) {
	paths, ok := in["paths"].([]any)
	if !ok {
		return
	}
	marked := make([]any, 0, len(paths))
	for _, path := range paths {
		if text, ok := path.(string); ok && !plainPath.MatchString(text) {
			path = "~" + text
		}
		marked = append(marked, path)
	}
	in["paths"] = marked
}

// relations checks the entries against each other.
func (p *parser) relations() {
	all := emptyReader(p.kinds)
	for _, en := range p.entries {
		if en.value == nil || len(en.errs) > 0 {
			continue
		}
		t := all.tables[en.kind.Name]
		if reason := duplicate(t, en); reason != "" {
			en.errs.Add(schema.Violation{Message: reason})
			continue
		}
		t.put(en.id, en.value)
	}
	for _, en := range p.entries {
		if en.value == nil || len(en.errs) > 0 || en.kind.Name != entity.Plugins {
			continue
		}
		if err := all.checkScope(en.value); err != nil {
			maps.Copy(en.errs, err.Fields)
		}
	}
}

// duplicate says what another entity of the table has too.
func duplicate(t *table, en *entry) string {
	for i, fields := range en.kind.Unique {
		key, ok := uniqueKey(fields, en.value)
		if !ok {
			continue
		}
		if _, taken := t.unique[i][key]; !taken {
			continue
		}
		if len(fields) > 1 {
			return fmt.Sprintf("uniqueness violation: '%s' entity with %s already declared",
				en.kind.Name, pretty(keyOf(fields, en.value)))
		}
		if f, ok := en.kind.Record.Lookup(fields[0]); ok && f.Attr.Encrypted {
			return fmt.Sprintf("uniqueness violation: '%s' entity with the same %s already declared", en.kind.Name, fields[0])
		}
		return fmt.Sprintf("uniqueness violation: '%s' entity with %s set to '%v' already declared",
			en.kind.Name, fields[0], en.value[fields[0]])
	}
	if _, taken := t.byID[en.id]; taken {
		return fmt.Sprintf("uniqueness violation: '%s' entity with primary key set to '%s' already declared",
			en.kind.Name, en.id)
	}
	return ""
}
