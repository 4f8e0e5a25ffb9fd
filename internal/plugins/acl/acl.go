package acl

import (
	"net/http"
	"slices"

	"sallyport/internal/httperror"
	"sallyport/internal/plugin"
	"sallyport/internal/schema"
)

// priority is Kong's.
const priority = 950

// Definition introduces the plugin.
func Definition(version string) plugin.Definition {
	return plugin.Definition{
		Name: "acl", Priority: priority, Version: version, NoConsumer: true,
		Config: func() *schema.Record { return new(settings).record() },
		New: func(i plugin.Instance) (plugin.Handler, error) {
			s := &settings{}
			if err := s.record().Bind(i.Config); err != nil {
				return nil, err
			}
			return &handler{s}, nil
		},
	}
}

// settings are the config record.
type settings struct {
	allow, deny                               []string
	hide, consumerGroups, authenticatedGroups bool
}

func (s *settings) record() *schema.Record {
	return &schema.Record{
		Fields: []*schema.Field{
			schema.Strings("allow", &s.allow).
				Doc("Groups that may pass: one of them suffices, and nobody else may."),
			schema.Strings("deny", &s.deny).
				Doc("Groups that may not pass: one of them suffices, and everybody else may."),
			schema.Bool("hide_groups_header", &s.hide, false).Required().
				Doc("Whether the groups are kept from the upstream, in place of being sent in X-Consumer-Groups or X-Authenticated-Groups."),
			schema.Bool("include_consumer_groups", &s.consumerGroups, false).Required().
				Doc("Whether the names of the consumer groups count beside the acls entities of a consumer."),
			schema.Bool("always_use_authenticated_groups", &s.authenticatedGroups, false).Required().
				Doc("Whether groups that an authentication plugin vouches for count in place of a consumer's own, also for a consumer with a credential."),
		},
		Checks: []schema.Check{{
			Fields:   []string{"allow", "deny"},
			Describe: map[string]any{"only_one_of": []any{"allow", "deny"}},
			Run: func(v map[string]any) []schema.Violation {
				allow, _ := v["allow"].([]any)
				deny, _ := v["deny"].([]any)
				if (len(allow) > 0) == (len(deny) > 0) {
					return []schema.Violation{{Message: "exactly one of these fields must be non-empty: 'allow', 'deny'"}}
				}
				return nil
			},
		}},
	}
}

type handler struct{ *settings }

// groupHeaders are removed before one of them is set.
var groupHeaders = []string{plugin.HeaderConsumerGroups, plugin.HeaderAuthenticatedGroups}

// Serve implements plugin.Handler.
func (h *handler) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	groups, header := h.groups(q)
	q.Upstream.RemoveSpellings(groupHeaders...)
	if header == "" || len(groups) == 0 && len(h.allow) > 0 && !q.Authenticated {
		// Nobody authenticated, or only a stand-in that has no group.
		return refuse(q)
	}
	if !h.pass(groups) {
		return httperror.New(http.StatusForbidden, "You cannot consume this service")
	}
	if value := plugin.JoinGroups(groups); !h.hide && value != "" {
		q.Upstream.Set(header, value)
	}
	return next(w, q)
}

// groups are those by which is decided, and the header that tells the upstream;
// no header where there is nobody to have groups.
func (h *handler) groups(q *plugin.Request) (groups []string, header string) {
	if q.Groups != nil && (q.Consumer == nil || q.Credential == "" || h.authenticatedGroups) {
		return q.Groups, plugin.HeaderAuthenticatedGroups
	}
	if q.Consumer == nil {
		return nil, ""
	}
	groups = q.Consumers.ACLGroups(q.Consumer.ID)
	if h.consumerGroups && len(q.ConsumerGroups) > 0 {
		groups = slices.Clip(groups) // shared
		for _, g := range q.ConsumerGroups {
			if !slices.Contains(groups, g.Name) {
				groups = append(groups, g.Name)
			}
		}
	}
	return groups, plugin.HeaderConsumerGroups
}

func (h *handler) pass(groups []string) bool {
	among := func(list []string) bool {
		return slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(list, g) })
	}
	if len(h.allow) > 0 {
		return among(h.allow)
	}
	return !among(h.deny)
}

// refuse answers a request of somebody who has no groups: 401 where that may
// change by authenticating.
func refuse(q *plugin.Request) error {
	if q.Authenticated {
		return httperror.New(http.StatusForbidden, "You cannot consume this service")
	}
	return httperror.New(http.StatusUnauthorized, "Unauthorized")
}
