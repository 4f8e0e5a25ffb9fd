package admin

import (
	"maps"
	"net/http"

	"sallyport/internal/entity"
	"sallyport/internal/store"
)

// collection answers /{collection} and /{collection}/{key} of one kind.
type collection struct {
	api  *API
	kind *entity.Kind
}

func (m collection) list(c *call) (reply, error) {
	opt, err := listOptions(c.r)
	if err != nil {
		return reply{}, err
	}
	if m.kind.Name == entity.Consumers && c.r.URL.Query().Has("custom_id") {
		return m.byCustomID(c.r.URL.Query().Get("custom_id"))
	}
	data, offset, err := m.api.store.View().List(m.kind.Name, opt)
	if err != nil {
		return reply{}, err
	}
	return ok(page(c.r, objects(data), offset, "/"+m.kind.Collection, "tags", "size"))
}

// objects is never nil: an empty list is [] on the wire.
func objects(data []store.Object) []store.Object { return append([]store.Object{}, data...) }

func (m collection) byCustomID(value string) (reply, error) {
	if value == "" {
		return reply{}, failure(http.StatusBadRequest, "custom_id must be an unempty string")
	}
	return ok(list{Data: objects(m.api.store.View().ByField(m.kind.Name, "custom_id", value))})
}

func (m collection) get(c *call) (reply, error) {
	found, exists := m.api.store.View().Find(m.kind.Name, c.args[0])
	if !exists {
		return reply{}, notFound()
	}
	return ok(found)
}

func (m collection) create(c *call) (reply, error) {
	if err := m.api.allowWrite("create", m.kind, ""); err != nil {
		return reply{}, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return reply{}, err
	}
	made, err := m.api.update(c, func(tx *store.Tx) (store.Object, error) { return m.insert(tx, b, nil) })
	if err != nil {
		return reply{}, err
	}
	return created(made)
}

func (m collection) put(c *call) (reply, error) {
	if err := m.api.allowWrite("create or update", m.kind, m.byLookup(c.args[0])); err != nil {
		return reply{}, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return reply{}, err
	}
	made, err := m.api.update(c, func(tx *store.Tx) (store.Object, error) { return m.replace(tx, b, c.args[0], nil) })
	if err != nil {
		return reply{}, err
	}
	return ok(made)
}

func (m collection) patch(c *call) (reply, error) {
	if err := m.api.allowWrite("update", m.kind, m.byLookup(c.args[0])); err != nil {
		return reply{}, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return reply{}, err
	}
	changed, err := m.api.update(c, func(tx *store.Tx) (store.Object, error) {
		old, exists := tx.Find(m.kind.Name, c.args[0])
		if !exists {
			return nil, notFound()
		}
		return m.change(tx, b, old, nil)
	})
	if err != nil {
		return reply{}, err
	}
	return ok(changed)
}

// delete is idempotent: what is not there is deleted.
func (m collection) delete(c *call) (reply, error) {
	if err := m.api.allowWrite("remove", m.kind, m.byLookup(c.args[0])); err != nil {
		return reply{}, err
	}
	_, err := m.api.update(c, func(tx *store.Tx) (store.Object, error) {
		return nil, tx.Delete(m.kind.Name, c.args[0])
	})
	if err != nil {
		return reply{}, err
	}
	return noContent()
}

// byLookup is the lookup field's name when key is not an id.
func (m collection) byLookup(key string) string {
	if isUUID(key) {
		return ""
	}
	return m.kind.Lookup
}

// fixed are members that the path decides: they replace those of the body.
type fixed map[string]any

func (f fixed) over(object map[string]any) map[string]any {
	if len(f) == 0 {
		return object
	}
	out := maps.Clone(object)
	maps.Copy(out, f)
	return out
}

// insert creates an entity from the body.
func (m collection) insert(tx *store.Tx, b body, f fixed) (store.Object, error) {
	object, err := m.decode(b, nil)
	if err != nil {
		return nil, err
	}
	return tx.Insert(m.kind.Name, f.over(object))
}

// replace is PUT: the entity of that key becomes what the body says, or is
// created under that key.
func (m collection) replace(tx *store.Tx, b body, key string, f fixed) (store.Object, error) {
	object, err := m.decode(b, nil)
	if err != nil {
		return nil, err
	}
	return tx.Upsert(m.kind.Name, key, f.over(object))
}

// change is PATCH of an entity that exists.
func (m collection) change(tx *store.Tx, b body, old store.Object, f fixed) (store.Object, error) {
	object, err := m.decode(b, old)
	if err != nil {
		return nil, err
	}
	return tx.Patch(m.kind.Name, identifier(old), f.over(object))
}

// decode gives the entity of the body. The types of a plugin's form fields
// depend on which plugin it is: the body says so, or the stored entity.
func (m collection) decode(b body, old store.Object) (map[string]any, error) {
	about := map[string]any{}
	if name, given := b.get("name"); given {
		about["name"] = name
	} else if old != nil {
		about["name"] = old["name"]
	}
	return b.decode(m.kind.RecordFor(about))
}

func identifier(object store.Object) string {
	id, _ := object["id"].(string)
	return id
}

// update runs fn in a transaction and gives its result once the change is in
// force.
func (a *API) update(c *call, fn func(tx *store.Tx) (store.Object, error)) (out store.Object, err error) {
	err = a.store.Update(c.r.Context(), func(tx *store.Tx) error {
		out, err = fn(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
