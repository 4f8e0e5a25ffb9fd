package store

import (
	"context"
	"errors"
	"maps"
	"reflect"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// Ref names an entity.
type Ref struct {
	Kind, ID string
	// Name is the value of the lookup field, empty without one.
	Name string
}

// Loaded tells what Load did.
type Loaded struct {
	// Dropped are the entities that were there before and are gone, by kind
	// and id.
	Dropped []Ref
	// Reverted are the entities that were changed or deleted otherwise since
	// the last document of that name was loaded, and are now what the document
	// says.
	Reverted []Ref
}

// Load replaces the whole configuration by that of a document and brings it
// into use before it returns. A refusal is a *DocumentError and changes
// nothing. Entities that were there before under the same id keep what the
// document does not say of their times and generated values.
func (s *Store) Load(ctx context.Context, doc *Document) (Loaded, error) {
	if err := s.lock(ctx); err != nil {
		return Loaded{}, err
	}
	defer s.unlock()
	old := s.View()
	next := newView(s.fill(doc, old), doc.hash)
	if err := s.commit(ctx, next); err != nil {
		return Loaded{}, doc.refusal(err)
	}
	before := s.sources[doc.name]
	s.sources[doc.name] = next
	return Loaded{Dropped: dropped(old, next), Reverted: reverted(before, old, next)}, nil
}

// fill makes the tables of a document.
func (s *Store) fill(doc *Document, old *View) reader {
	now := s.now().Unix()
	r := emptyReader(old.kinds)
	for _, en := range doc.entries {
		v := maps.Clone(en.value)
		before, existed := old.Get(en.kind.Name, en.id)
		generate(en, v, before)
		fillTime(v, "created_at", before, now)
		if _, has := en.kind.Record.Lookup("updated_at"); has && v["updated_at"] == nil {
			if existed && sameBut(v, before, "updated_at") {
				v["updated_at"] = before["updated_at"]
			} else {
				v["updated_at"] = now
			}
		}
		r.tables[en.kind.Name].put(en.id, v)
	}
	return r
}

func fillTime(v Object, field string, before Object, now int64) {
	switch {
	case v[field] != nil:
	case before[field] != nil:
		v[field] = before[field]
	default:
		v[field] = now
	}
}

// generate fills automatic values: the key of a credential, the settings of a
// plugin. They stay as they were, so that reading a file again changes nothing,
// else they are made anew.
func generate(en *entry, v, before Object) {
	en.kind.Prepare(en.in, v)
	for _, f := range en.kind.Record.Fields {
		if _, said := en.in[f.Name]; f.Attr.Auto && !f.Attr.Timestamp && !said && before[f.Name] != nil {
			v[f.Name] = before[f.Name]
		}
	}
	stored, ok := before["config"].(map[string]any)
	if !ok || before["name"] != v["name"] {
		return
	}
	fresh, ok := v["config"].(map[string]any)
	if !ok {
		return
	}
	config := maps.Clone(fresh)
	for _, field := range en.kind.AutoConfig(en.in, v) {
		if stored[field] != nil {
			config[field] = stored[field]
		}
	}
	v["config"] = config
}

func sameBut(a, b Object, field string) bool {
	a, b = maps.Clone(a), maps.Clone(b)
	delete(a, field)
	delete(b, field)
	return reflect.DeepEqual(a, b)
}

func dropped(old, next *View) []Ref {
	return old.refs(func(kind, id string, _ Object) bool {
		_, kept := next.Get(kind, id)
		return !kept
	})
}

// reverted compares the running configuration, old, with the one that a
// document brought before it and the one that it brings now.
func reverted(before, old, next *View) []Ref {
	if before == nil {
		return nil
	}
	return next.refs(func(kind, id string, now Object) bool {
		brought, known := before.Get(kind, id)
		if !known {
			return false
		}
		running, _ := old.Get(kind, id)
		return !sameBut(running, brought, "updated_at") && !sameBut(running, now, "updated_at")
	})
}

// refs lists the entities that which selects.
func (v *View) refs(which func(kind, id string, value Object) bool) []Ref {
	var list []Ref
	for _, k := range v.kinds {
		t := v.tables[k.Name]
		for _, id := range t.ids {
			if which(k.Name, id, t.byID[id]) {
				name, _ := t.byID[id][k.Lookup].(string)
				list = append(list, Ref{Kind: k.Name, ID: id, Name: name})
			}
		}
	}
	return list
}

// refusal turns an error of commit into one about the document.
func (d *Document) refusal(err error) error {
	if invalid, ok := errors.AsType[*entity.Invalid](err); ok {
		for _, en := range d.entries {
			if en.kind.Name == invalid.Kind && en.id == invalid.ID {
				found := *en
				found.errs = invalid.Errors
				return &DocumentError{
					Name: d.name, entries: []*entry{&found},
					Problems: locate(en.node, pathText(en.path), invalid.Errors),
				}
			}
		}
	}
	if refusal, ok := errors.AsType[*refused](err); ok {
		return &DocumentError{
			Name: d.name, Problems: []Problem{{Message: refusal.Error()}},
			fields: schema.Errors{"@entity": []any{refusal.Error()}},
		}
	}
	return err
}
