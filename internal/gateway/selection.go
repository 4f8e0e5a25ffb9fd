package gateway

import (
	"maps"
	"net/http"
	"slices"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
)

// candidates are the instances of one plugin that may run on one route.
type candidates struct {
	// anyone is the most specific instance for whomever, nil without one.
	anyone *entity.Plugin
	// consumers and groups are the most specific instances by consumer and by
	// consumer group.
	consumers, groups map[string]*entity.Plugin
}

// specificity orders the scopes of Kong's list, most specific highest. Of two
// with the same route and service the consumer's is above the group's, and both
// are above everybody's; everybody's with route and service is above either's
// without both.
func specificity(p *entity.Plugin) int {
	who := 0
	switch {
	case p.ConsumerID != "":
		who = 2
	case p.ConsumerGroupID != "":
		who = 1
	}
	return ranks[p.RouteID != ""][p.ServiceID != ""][who]
}

// ranks are by route, by service, and for anyone, a group, a consumer.
var ranks = map[bool]map[bool][3]int{
	true:  {true: {6, 11, 12}, false: {3, 8, 10}},
	false: {true: {2, 7, 9}, false: {1, 4, 5}},
}

// links are the handlers of a route, one for each plugin that applies.
func (c *compiler) links(r *entity.Route) []plugin.Link {
	byName := map[string]*candidates{}
	for _, p := range c.set.Plugins {
		if c.made.instances[p.ID] == nil ||
			p.RouteID != "" && p.RouteID != r.ID || p.ServiceID != "" && p.ServiceID != r.ServiceID {
			continue
		}
		k := byName[p.Name]
		if k == nil {
			k = &candidates{}
			byName[p.Name] = k
		}
		k.add(p)
	}
	links := make([]plugin.Link, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		links = append(links, plugin.Link{
			Name: name, Priority: c.g.definitions[name].Priority, Handler: c.choose(byName[name]),
		})
	}
	return links
}

func (k *candidates) add(p *entity.Plugin) {
	switch {
	case p.ConsumerID != "":
		better(&k.consumers, p.ConsumerID, p)
	case p.ConsumerGroupID != "":
		better(&k.groups, p.ConsumerGroupID, p)
	case k.anyone == nil || specificity(p) > specificity(k.anyone):
		k.anyone = p
	}
}

func better(m *map[string]*entity.Plugin, id string, p *entity.Plugin) {
	if best := (*m)[id]; best != nil && specificity(p) <= specificity(best) {
		return
	}
	if *m == nil {
		*m = map[string]*entity.Plugin{}
	}
	(*m)[id] = p
}

// choose gives the one handler that runs. Where consumers or their groups have
// instances of their own it is chosen when its turn comes, by whom the plugins
// before it have authenticated.
func (c *compiler) choose(k *candidates) plugin.Handler {
	var anyone plugin.Handler
	if k.anyone != nil {
		anyone = c.made.instances[k.anyone.ID].handler
	}
	by := byIdentity{anyone: anyone, consumers: c.ranked(k.consumers, k.anyone), groups: c.ranked(k.groups, k.anyone)}
	if len(by.consumers)+len(by.groups) == 0 {
		return anyone
	}
	return &by
}

// ranked are the handlers of instances that come before anyone's.
func (c *compiler) ranked(from map[string]*entity.Plugin, anyone *entity.Plugin) map[string]ranked {
	out := make(map[string]ranked, len(from))
	for id, p := range from {
		if anyone == nil || specificity(p) > specificity(anyone) {
			out[id] = ranked{c.made.instances[p.ID].handler, specificity(p)}
		}
	}
	return out
}

type ranked struct {
	plugin.Handler
	rank int
}

// byIdentity is a handler that depends on who sent the request.
type byIdentity struct {
	anyone            plugin.Handler
	consumers, groups map[string]ranked
}

// Serve implements plugin.Handler.
func (b *byIdentity) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	h := b.of(q)
	if h == nil {
		return next(w, q)
	}
	return h.Serve(w, q, next)
}

func (b *byIdentity) of(q *plugin.Request) plugin.Handler {
	var best ranked
	if q.Consumer != nil {
		best = b.consumers[q.Consumer.ID]
	}
	if len(b.groups) > 0 {
		for _, g := range q.ConsumerGroups { // by name: of equal ones the first counts
			if own := b.groups[g.ID]; own.rank > best.rank {
				best = own
			}
		}
	}
	if best.Handler == nil {
		return b.anyone
	}
	return best.Handler
}
