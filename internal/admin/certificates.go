package admin

import (
	"maps"
	"net/http"
	"slices"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
	"sallyport/internal/store"
)

// certificates answers /certificates and /certificates/{key}. Beside the fields
// that are stored, a certificate has the names of its snis entities; written,
// they create and delete them. The key is an id or one of those names.
type certificates struct{ collection }

func (a *API) certificateEndpoints(m collection) []*endpoint {
	c := certificates{m}
	return []*endpoint{
		newEndpoint("/certificates", methods{"GET": c.list, "POST": c.create}),
		newEndpoint("/certificates/{certificates}", methods{"GET": c.get, "PUT": c.put, "PATCH": c.patch, "DELETE": c.delete}),
	}
}

// snisField is the virtual field.
const snisField = "snis"

// related is what View and Tx have in common here.
type related interface {
	finder
	ByField(kind, field string, value any) []store.Object
}

// findEntity is the entity that a key in a path names: for a certificate also by
// one of its server names.
func findEntity(in finder, k *entity.Kind, key string) (store.Object, bool) {
	if k.Name != entity.Certificates || isUUID(key) {
		return in.Find(k.Name, key)
	}
	sni, exists := in.Find(entity.SNIs, key)
	if !exists {
		return nil, false
	}
	return in.Find(entity.Certificates, foreignID(sni, "certificate"))
}

// noCertificate is the answer where findEntity finds none.
func noCertificate(key string) error {
	if isUUID(key) {
		return notFound()
	}
	return failure(http.StatusNotFound, "SNI not found")
}

// withNames is a certificate as it is shown.
func withNames(in related, cert store.Object) store.Object {
	names := []string{}
	for _, sni := range in.ByField(entity.SNIs, "certificate", identifier(cert)) {
		if name, isText := sni["name"].(string); isText {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := maps.Clone(cert)
	out[snisField] = names
	return out
}

func (m certificates) list(c *call) (reply, error) {
	opt, err := listOptions(c.r)
	if err != nil {
		return reply{}, err
	}
	view := m.api.store.View()
	data, offset, err := view.List(m.kind.Name, opt)
	if err != nil {
		return reply{}, err
	}
	shown := make([]store.Object, 0, len(data))
	for _, cert := range data {
		shown = append(shown, withNames(view, cert))
	}
	return ok(page(c.r, shown, offset, "/"+m.kind.Collection, "tags", "size"))
}

func (m certificates) get(c *call) (reply, error) {
	view := m.api.store.View()
	cert, exists := findEntity(view, m.kind, c.args[0])
	if !exists {
		return reply{}, noCertificate(c.args[0])
	}
	return ok(withNames(view, cert))
}

func (m certificates) create(c *call) (reply, error) {
	made, err := m.write(c, "create", "", func(tx *store.Tx, object map[string]any) (store.Object, error) {
		return tx.Insert(m.kind.Name, object)
	})
	if err != nil {
		return reply{}, err
	}
	return created(made)
}

// put replaces or creates. Under a name that nobody has it creates a certificate
// and gives it that name.
func (m certificates) put(c *call) (reply, error) {
	key := c.args[0]
	made, err := m.write(c, "create or update", m.byLookup(key), func(tx *store.Tx, object map[string]any) (store.Object, error) {
		if isUUID(key) {
			return tx.Upsert(m.kind.Name, key, object)
		}
		if old, exists := findEntity(tx, m.kind, key); exists {
			return tx.Upsert(m.kind.Name, identifier(old), object)
		}
		names, _ := object[snisField].([]any)
		if !slices.Contains(names, any(key)) {
			object[snisField] = append(slices.Clone(names), any(key))
		}
		return tx.Insert(m.kind.Name, object)
	})
	if err != nil {
		return reply{}, err
	}
	return ok(made)
}

func (m certificates) patch(c *call) (reply, error) {
	changed, err := m.write(c, "update", m.byLookup(c.args[0]), func(tx *store.Tx, object map[string]any) (store.Object, error) {
		old, exists := findEntity(tx, m.kind, c.args[0])
		if !exists {
			return nil, noCertificate(c.args[0])
		}
		return tx.Patch(m.kind.Name, identifier(old), object)
	})
	if err != nil {
		return reply{}, err
	}
	return ok(changed)
}

// delete is idempotent for an id, as everywhere; a name must be known.
func (m certificates) delete(c *call) (reply, error) {
	key := c.args[0]
	if err := m.api.allowWrite("remove", m.kind, m.byLookup(key)); err != nil {
		return reply{}, err
	}
	_, err := m.api.update(c, func(tx *store.Tx) (store.Object, error) {
		old, exists := findEntity(tx, m.kind, key)
		switch {
		case exists:
			return nil, tx.Delete(m.kind.Name, identifier(old))
		case isUUID(key):
			return nil, nil
		}
		return nil, noCertificate(key)
	})
	if err != nil {
		return reply{}, err
	}
	return noContent()
}

// byLookup is the word for a certificate that is named by a server name.
func (m certificates) byLookup(key string) string {
	if isUUID(key) {
		return ""
	}
	return snisField
}

// write stores what the body describes by save, and then the names that it says.
// A body without snis leaves them alone, null and an empty list remove them.
func (m certificates) write(c *call, verb, by string, save func(tx *store.Tx, object map[string]any) (store.Object, error)) (store.Object, error) {
	if err := m.api.allowWrite(verb, m.kind, by); err != nil {
		return nil, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return nil, err
	}
	return m.api.update(c, func(tx *store.Tx) (store.Object, error) {
		object, err := m.decode(b, nil)
		if err != nil {
			return nil, err
		}
		object = maps.Clone(object)
		cert, err := save(tx, object)
		if err != nil {
			return nil, err
		}
		if said, given := object[snisField]; given {
			if err := setNames(tx, identifier(cert), said); err != nil {
				return nil, err
			}
		}
		return withNames(tx, cert), nil
	})
}

// setNames makes the snis of a certificate those of a list.
func setNames(tx *store.Tx, certificate string, said any) error {
	names, err := entity.SNINames(said)
	if err != nil {
		return store.SchemaViolation(schema.Errors{snisField: err.Error()})
	}
	for _, sni := range tx.ByField(entity.SNIs, "certificate", certificate) {
		if name, _ := sni["name"].(string); !slices.Contains(names, name) {
			if err := tx.Delete(entity.SNIs, identifier(sni)); err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		if sni, taken := tx.Lookup(entity.SNIs, name); taken {
			if owner := foreignID(sni, "certificate"); owner != certificate {
				return store.SchemaViolation(schema.Errors{
					snisField: name + " already associated with existing certificate '" + owner + "'",
				})
			}
			continue
		}
		sni := map[string]any{"name": name, "certificate": map[string]any{"id": certificate}}
		if _, err := tx.Insert(entity.SNIs, sni); err != nil {
			return err
		}
	}
	return nil
}
