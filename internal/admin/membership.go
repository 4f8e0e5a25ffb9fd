package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
	"sallyport/internal/store"
)

// memberships answer which consumers a group has. Unlike everything else they
// are named by what they connect, as the enterprise edition of Kong has it.
type memberships struct {
	api            *API
	group, members *entity.Kind
}

func (a *API) membershipEndpoints() []*endpoint {
	m := memberships{api: a, group: a.kinds[entity.ConsumerGroups], members: a.kinds[entity.Memberships]}
	const groups, consumers = "/consumer_groups/{consumer_groups}", "/consumers/{consumers}"
	return []*endpoint{
		newEndpoint(groups+"/consumers", methods{"GET": m.consumers, "POST": m.addConsumers, "DELETE": m.removeAll(ofGroup)}),
		newEndpoint(groups+"/consumers/{consumers}", methods{"GET": m.consumer, "DELETE": m.remove(ofGroup)}),
		newEndpoint(consumers+"/consumer_groups", methods{"GET": m.groups, "POST": m.addGroups, "DELETE": m.removeAll(ofConsumer)}),
		newEndpoint(consumers+"/consumer_groups/{consumer_groups}", methods{"GET": m.groupOf, "DELETE": m.remove(ofConsumer)}),
	}
}

// side is one end of a membership: the kind that a path begins with, its field,
// and the other end.
type side struct{ kind, field, otherKind, otherField string }

var (
	ofGroup    = side{entity.ConsumerGroups, "consumer_group", entity.Consumers, "consumer"}
	ofConsumer = side{entity.Consumers, "consumer", entity.ConsumerGroups, "consumer_group"}
)

// byName orders entities by their name.
func byName(list []store.Object) []store.Object {
	slices.SortFunc(list, func(a, b store.Object) int {
		return cmp.Or(strings.Compare(label(a), label(b)), strings.Compare(identifier(a), identifier(b)))
	})
	return list
}

func label(o store.Object) string {
	for _, field := range []string{"name", "username", "custom_id"} {
		if text, ok := o[field].(string); ok {
			return text
		}
	}
	return ""
}

// others are the entities at the other end of the memberships of id.
func (m memberships) others(in finder, s side, id string) []store.Object {
	list := []store.Object{}
	for _, one := range in.ByField(entity.Memberships, s.field, id) {
		if other, exists := in.Find(s.otherKind, foreignID(one, s.otherField)); exists {
			list = append(list, other)
		}
	}
	return byName(list)
}

func (m memberships) anchor(in finder, s side, c *call) (store.Object, error) {
	found, exists := in.Find(s.kind, c.args[0])
	if !exists {
		return nil, notFound()
	}
	return found, nil
}

// show answers GET of a group: wrapped, with its members and plugins.
func (m memberships) show(c *call) (reply, error) {
	view := m.api.store.View()
	group, err := m.anchor(view, ofGroup, c)
	if err != nil {
		return reply{}, err
	}
	body := map[string]any{
		"consumer_group": group,
		"plugins":        objects(view.ByField(entity.Plugins, "consumer_group", identifier(group))),
	}
	if c.r.URL.Query().Get("list_consumers") != "false" {
		body["consumers"] = m.others(view, ofGroup, identifier(group))
	}
	return ok(body)
}

func (m memberships) consumers(c *call) (reply, error) { return m.list(c, ofGroup) }
func (m memberships) groups(c *call) (reply, error)    { return m.list(c, ofConsumer) }
func (m memberships) consumer(c *call) (reply, error)  { return m.one(c, ofGroup) }
func (m memberships) groupOf(c *call) (reply, error)   { return m.one(c, ofConsumer) }

func (m memberships) list(c *call, s side) (reply, error) {
	if _, err := listOptions(c.r); err != nil {
		return reply{}, err
	}
	view := m.api.store.View()
	found, err := m.anchor(view, s, c)
	if err != nil {
		return reply{}, err
	}
	return ok(list{Data: m.others(view, s, identifier(found))})
}

func (m memberships) one(c *call, s side) (reply, error) {
	view := m.api.store.View()
	_, other, err := m.find(view, s, c)
	if err != nil {
		return reply{}, err
	}
	return ok(other)
}

// find is the membership that a path names, with what is at its other end.
func (m memberships) find(in finder, s side, c *call) (membership, other store.Object, err error) {
	found, err := m.anchor(in, s, c)
	if err != nil {
		return nil, nil, err
	}
	if other, exists := in.Find(s.otherKind, c.args[1]); exists {
		for _, one := range in.ByField(entity.Memberships, s.field, identifier(found)) {
			if foreignID(one, s.otherField) == identifier(other) {
				return one, other, nil
			}
		}
	}
	return nil, nil, notFound()
}

func (m memberships) addConsumers(c *call) (reply, error) {
	group, all, err := m.add(c, ofGroup, "consumer")
	if err != nil {
		return reply{}, err
	}
	return created(map[string]any{"consumer_group": group, "consumers": all})
}

func (m memberships) addGroups(c *call) (reply, error) {
	consumer, all, err := m.add(c, ofConsumer, "group")
	if err != nil {
		return reply{}, err
	}
	return created(map[string]any{"consumer": consumer, "consumer_groups": all})
}

// add makes memberships with those whom the member of the body called field
// names: an id or a name, or a list of them. Ones that are there already stay.
func (m memberships) add(c *call, s side, field string) (found store.Object, all []store.Object, err error) {
	if err := m.api.allowWrite("create", m.members, ""); err != nil {
		return nil, nil, err
	}
	b, err := readBody(c, false)
	if err != nil {
		return nil, nil, err
	}
	said, err := b.decode(&schema.Record{Fields: []*schema.Field{schema.Strings(field, nil)}})
	if err != nil {
		return nil, nil, err
	}
	names, err := namesIn(said[field], field)
	if err != nil {
		return nil, nil, err
	}
	_, err = m.api.update(c, func(tx *store.Tx) (store.Object, error) {
		if found, err = m.anchor(tx, s, c); err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := m.connect(tx, s, identifier(found), name); err != nil {
				return nil, err
			}
		}
		all = m.others(tx, s, identifier(found))
		return found, nil
	})
	return found, all, err
}

func (m memberships) connect(tx *store.Tx, s side, id, name string) error {
	other, exists := tx.Find(s.otherKind, name)
	if !exists {
		return failure(http.StatusNotFound, strings.ReplaceAll(strings.TrimSuffix(s.otherKind, "s"), "_", " ")+" '"+name+"' not found")
	}
	for _, one := range tx.ByField(entity.Memberships, s.field, id) {
		if foreignID(one, s.otherField) == identifier(other) {
			return nil
		}
	}
	_, err := tx.Insert(entity.Memberships, map[string]any{
		s.field: map[string]any{"id": id}, s.otherField: map[string]any{"id": identifier(other)},
	})
	return err
}

func namesIn(said any, field string) ([]string, error) {
	list, isList := said.([]any)
	if !isList {
		list = []any{said}
	}
	names := make([]string, 0, len(list))
	for _, item := range list {
		name, isText := item.(string)
		if !isText || name == "" {
			return nil, store.SchemaViolation(schema.Errors{field: "expected an id or a name, or an array of them"})
		}
		names = append(names, name)
	}
	return names, nil
}

func (m memberships) remove(s side) handler {
	return func(c *call) (reply, error) {
		return m.drop(c, func(tx *store.Tx) error {
			one, _, err := m.find(tx, s, c)
			if err != nil {
				return err
			}
			return tx.Delete(entity.Memberships, identifier(one))
		})
	}
}

func (m memberships) removeAll(s side) handler {
	return func(c *call) (reply, error) {
		return m.drop(c, func(tx *store.Tx) error {
			found, err := m.anchor(tx, s, c)
			if err != nil {
				return err
			}
			for _, one := range tx.ByField(entity.Memberships, s.field, identifier(found)) {
				if err := tx.Delete(entity.Memberships, identifier(one)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func (m memberships) drop(c *call, fn func(tx *store.Tx) error) (reply, error) {
	if err := m.api.allowWrite("remove", m.members, ""); err != nil {
		return reply{}, err
	}
	if _, err := m.api.update(c, func(tx *store.Tx) (store.Object, error) { return nil, fn(tx) }); err != nil {
		return reply{}, err
	}
	return noContent()
}
