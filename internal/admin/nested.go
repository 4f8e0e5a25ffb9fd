package admin

import (
	"cmp"
	"net/http"
	"net/url"

	"sallyport/internal/entity"
	"sallyport/internal/store"
)

// nested answers /{parent}/{key}/{collection} and what is below: the entities
// of a kind whose foreign key field is that parent.
type nested struct {
	collection
	parent *entity.Kind
	field  string
}

// finder is what View and Tx have in common here.
type finder interface {
	Find(kind, key string) (store.Object, bool)
	ByField(kind, field string, value any) []store.Object
}

// parentID is the id of the parent that the path names.
func (n nested) parentID(in finder, c *call) (string, error) {
	parent, exists := findEntity(in, n.parent, c.args[0])
	if !exists {
		return "", notFound()
	}
	return identifier(parent), nil
}

// child is the entity that the path names, if it belongs to the parent.
func (n nested) child(in finder, c *call) (store.Object, string, error) {
	parent, err := n.parentID(in, c)
	if err != nil {
		return nil, "", err
	}
	child, exists := n.named(in, parent, c.args[1])
	if !exists || foreignID(child, n.field) != parent {
		return nil, parent, notFound()
	}
	return child, parent, nil
}

// named is the entity of that key, which may be the value of a field that is
// unique below the parent.
func (n nested) named(in finder, parent, key string) (store.Object, bool) {
	if n.kind.NestedLookup == "" || isUUID(key) {
		return in.Find(n.kind.Name, key)
	}
	for _, child := range in.ByField(n.kind.Name, n.field, parent) {
		if child[n.kind.NestedLookup] == key {
			return child, true
		}
	}
	return nil, false
}

// foreignID is the id that a foreign key holds, empty for null.
func foreignID(object store.Object, field string) string {
	reference, _ := object[field].(map[string]any)
	id, _ := reference["id"].(string)
	return id
}

func (n nested) fixed(parent string) fixed {
	return fixed{n.field: map[string]any{"id": parent}}
}

func (n nested) list(c *call) (reply, error) {
	opt, err := listOptions(c.r)
	if err != nil {
		return reply{}, err
	}
	view := n.api.store.View()
	if opt.ID, err = n.parentID(view, c); err != nil {
		return reply{}, err
	}
	opt.Field = n.field
	data, offset, err := view.List(n.kind.Name, opt)
	if err != nil {
		return reply{}, err
	}
	path := "/" + n.parent.Collection + "/" + url.PathEscape(c.args[0]) + "/" + cmp.Or(n.kind.Nested, n.kind.Collection)
	return ok(page(c.r, objects(data), offset, path))
}

func (n nested) get(c *call) (reply, error) {
	child, _, err := n.child(n.api.store.View(), c)
	if err != nil {
		return reply{}, err
	}
	return ok(child)
}

func (n nested) create(c *call) (reply, error) {
	made, err := n.write(c, "create", func(tx *store.Tx, b body) (store.Object, error) {
		parent, err := n.parentID(tx, c)
		if err != nil {
			return nil, err
		}
		return n.insert(tx, b, n.fixed(parent))
	})
	if err != nil {
		return reply{}, err
	}
	return created(made)
}

// put creates or replaces a child; one that belongs to another parent is not
// found.
func (n nested) put(c *call) (reply, error) {
	made, err := n.write(c, "create or update", func(tx *store.Tx, b body) (store.Object, error) {
		child, parent, err := n.child(tx, c)
		if _, exists := n.named(tx, parent, c.args[1]); parent == "" || (exists && err != nil) {
			return nil, err
		}
		if n.kind.NestedLookup == "" || isUUID(c.args[1]) {
			return n.replace(tx, b, c.args[1], n.fixed(parent))
		}
		named := n.fixed(parent)
		named[n.kind.NestedLookup] = c.args[1]
		if child == nil {
			return n.insert(tx, b, named)
		}
		return n.replace(tx, b, identifier(child), named)
	})
	if err != nil {
		return reply{}, err
	}
	return ok(made)
}

func (n nested) patch(c *call) (reply, error) {
	changed, err := n.write(c, "update", func(tx *store.Tx, b body) (store.Object, error) {
		child, parent, err := n.child(tx, c)
		if err != nil {
			return nil, err
		}
		return n.change(tx, b, child, n.fixed(parent))
	})
	if err != nil {
		return reply{}, err
	}
	return ok(changed)
}

func (n nested) write(c *call, verb string, fn func(tx *store.Tx, b body) (store.Object, error)) (store.Object, error) {
	if err := n.api.allowWrite(verb, n.kind, ""); err != nil {
		return nil, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return nil, err
	}
	return n.api.update(c, func(tx *store.Tx) (store.Object, error) { return fn(tx, b) })
}

// delete, unlike that of a flat path, wants parent and child to exist and to
// be related.
func (n nested) delete(c *call) (reply, error) {
	if err := n.api.allowWrite("remove", n.kind, ""); err != nil {
		return reply{}, err
	}
	_, err := n.api.update(c, func(tx *store.Tx) (store.Object, error) {
		child, _, err := n.child(tx, c)
		if err != nil {
			return nil, err
		}
		return nil, tx.Delete(n.kind.Name, identifier(child))
	})
	if err != nil {
		return reply{}, err
	}
	return noContent()
}

// owner answers /{collection}/{key}/{field}: the one parent of an entity. Its
// collection is that of the parent's kind.
type owner struct {
	collection
	child *entity.Kind
	field string
}

func (o owner) find(in finder, c *call) (store.Object, error) {
	child, exists := in.Find(o.child.Name, c.args[0])
	if !exists {
		return nil, notFound()
	}
	parent, exists := in.Find(o.kind.Name, foreignID(child, o.field))
	if !exists {
		return nil, notFound()
	}
	return parent, nil
}

func (o owner) get(c *call) (reply, error) {
	parent, err := o.find(o.api.store.View(), c)
	if err != nil {
		return reply{}, err
	}
	return ok(parent)
}

func (o owner) put(c *call) (reply, error) {
	return o.write(c, "create or update", func(tx *store.Tx, b body, old store.Object) (store.Object, error) {
		return o.replace(tx, b, identifier(old), nil)
	})
}

func (o owner) patch(c *call) (reply, error) {
	return o.write(c, "update", func(tx *store.Tx, b body, old store.Object) (store.Object, error) {
		return o.change(tx, b, old, nil)
	})
}

func (o owner) write(c *call, verb string, fn func(tx *store.Tx, b body, old store.Object) (store.Object, error)) (reply, error) {
	if err := o.api.allowWrite(verb, o.kind, ""); err != nil {
		return reply{}, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return reply{}, err
	}
	out, err := o.api.update(c, func(tx *store.Tx) (store.Object, error) {
		parent, err := o.find(tx, c)
		if err != nil {
			return nil, err
		}
		return fn(tx, b, parent)
	})
	if err != nil {
		return reply{}, err
	}
	return ok(out)
}

// delete is refused, since it would take the child's parent away; without one
// there is nothing to refuse.
func (o owner) delete(c *call) (reply, error) {
	if _, err := o.find(o.api.store.View(), c); err != nil {
		return reply{}, err
	}
	return reply{}, failure(http.StatusMethodNotAllowed, "Method not allowed")
}
