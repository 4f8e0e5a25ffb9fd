package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/entity"
)

// table makes the endpoints: those of every kind, of every foreign key between
// kinds, and the fixed ones. The most exact one comes first.
func (a *API) table() []*endpoint {
	list := []*endpoint{
		newEndpoint("/", methods{"GET": a.root}),
		newEndpoint("/status", methods{"GET": a.status}),
		newEndpoint("/endpoints", methods{"GET": a.listEndpoints}),
		newEndpoint("/timers", methods{"GET": a.timers}),
		newEndpoint("/tags", methods{"GET": a.listTags}),
		newEndpoint("/tags/{tags}", methods{"GET": a.listTags}),
		newEndpoint("/config", methods{"GET": a.exportConfig, "POST": a.loadConfig}),
		newEndpoint("/plugins/enabled", methods{"GET": a.enabledPlugins}),
		newEndpoint("/plugins/schema/{name}", methods{"GET": a.pluginConfigSchema}),
		newEndpoint("/schemas/{name}", methods{"GET": a.entitySchema}),
		newEndpoint("/schemas/{name}/validate", methods{"POST": a.validateEntity}),
		newEndpoint("/schemas/plugins/validate", methods{"POST": a.validatePlugin}),
		newEndpoint("/schemas/plugins/{name}", methods{"GET": a.pluginSchema}),
	}
	for _, k := range a.ordered {
		if !k.Internal {
			list = append(list, a.kindEndpoints(k)...)
		}
	}
	list = append(list, a.membershipEndpoints()...)
	list = append(list, a.absentEndpoints()...)
	if a.metrics != nil {
		list = append(list, newEndpoint("/metrics", methods{"GET": a.showMetrics}))
	}
	sortEndpoints(list)
	return list
}

type methods = map[string]handler

// kindEndpoints are the generated endpoints of one kind: its collection, and
// for each foreign key the collection below the parent and the parent below
// the child.
func (a *API) kindEndpoints(k *entity.Kind) []*endpoint {
	flat := "/" + k.Collection
	key := "/{" + k.Name + "}"
	m := collection{api: a, kind: k}
	if k.Name == entity.Certificates {
		return a.certificateEndpoints(m)
	}
	one := m.get
	if k.Name == entity.ConsumerGroups {
		one = memberships{api: a}.show
	}
	list := []*endpoint{
		newEndpoint(flat, methods{"GET": m.list, "POST": m.create}),
		newEndpoint(flat+key, methods{"GET": one, "PUT": m.put, "PATCH": m.patch, "DELETE": m.delete}),
	}
	for _, f := range k.Foreign {
		parent, exists := a.kinds[f.Kind]
		if !exists {
			continue
		}
		below := "/" + parent.Collection + "/{" + parent.Name + "}/" + cmp.Or(k.Nested, k.Collection)
		n := nested{collection: m, parent: parent, field: f.Field}
		o := owner{collection: collection{api: a, kind: parent}, child: k, field: f.Field}
		list = append(list,
			newEndpoint(below, methods{"GET": n.list, "POST": n.create}),
			newEndpoint(below+key, methods{"GET": n.get, "PUT": n.put, "PATCH": n.patch, "DELETE": n.delete}),
		)
		if f.Kind == entity.Certificates {
			continue // Kong has no such path for snis; that of services would need the virtual snis
		}
		list = append(list, newEndpoint(flat+key+"/"+f.Field, methods{"GET": o.get, "PUT": o.put, "PATCH": o.patch, "DELETE": o.delete}))
	}
	return list
}

// absentCollections are collections that clients insist on reading (a 404
// makes decK stop) and whose entities do not exist here. All other
// collections of Kong that are missing answer 404, which clients take for
// empty.
func absentCollections() []string { return []string{"upstreams"} }

// absentEndpoints answer for the absent collections: they are empty, and a
// write is refused with a text that names what is missing.
func (a *API) absentEndpoints() []*endpoint {
	var list []*endpoint
	for _, name := range absentCollections() {
		if _, exists := a.kinds[name]; exists {
			continue
		}
		refuse := func(verb string) handler {
			return func(*call) (reply, error) {
				return reply{}, unsupported("cannot " + verb + " '" + name + "' entities: sallyport does not support " + name)
			}
		}
		list = append(list,
			newEndpoint("/"+name, methods{"GET": emptyList, "POST": refuse("create")}),
			newEndpoint("/"+name+"/{"+name+"}", methods{
				"GET": missing, "PUT": refuse("create or update"), "PATCH": refuse("update"), "DELETE": deletedAlready,
			}),
		)
	}
	return list
}

// emptyList reads the arguments of a list as strictly as a list with members
// does.
func emptyList(c *call) (reply, error) {
	if _, err := listOptions(c.r); err != nil {
		return reply{}, err
	}
	return ok(list{Data: []any{}})
}

func missing(*call) (reply, error) { return reply{}, notFound() }

// deletedAlready: deleting is idempotent, and there is nothing.
func deletedAlready(*call) (reply, error) { return noContent() }

// compareSegments orders paths segment by segment.
func compareSegments(x, y string) int {
	return slices.Compare(strings.Split(x, "/"), strings.Split(y, "/"))
}

// isUUID tells whether a key is an id: a UUID in lower case.
func isUUID(key string) bool {
	if len(key) != 36 {
		return false
	}
	for i := range len(key) {
		b := key[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if b != '-' {
				return false
			}
		case (b < '0' || b > '9') && (b < 'a' || b > 'f'):
			return false
		}
	}
	return true
}

// allowWrite refuses a change of a read-only configuration (code 12). by is
// the lookup field when the entity is named by it.
func (a *API) allowWrite(verb string, k *entity.Kind, by string) error {
	if !a.readOnly {
		return nil
	}
	text := "cannot " + verb + " '" + k.Name + "' entities"
	if by != "" {
		text += " by '" + by + "'"
	}
	return unsupported(text + " when not using a database")
}

var _ http.Handler = (*API)(nil)
