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
	// anyone is the most specific instance without a consumer, nil without one.
	anyone *entity.Plugin
	// consumers are the most specific instances by consumer, where they come
	// before anyone.
	consumers map[string]*entity.Plugin
}

// specificity orders the scopes of Kong's OSS list, most specific highest:
// consumer with route and service, with route, with service; route with
// service; consumer; route; service; global.
func specificity(p *entity.Plugin) int {
	consumer, route, service := p.ConsumerID != "", p.RouteID != "", p.ServiceID != ""
	switch {
	case consumer && route && service:
		return 7
	case consumer && route:
		return 6
	case consumer && service:
		return 5
	case route && service:
		return 4
	case consumer:
		return 3
	case route:
		return 2
	case service:
		return 1
	}
	return 0
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
	if p.ConsumerID == "" {
		if k.anyone == nil || specificity(p) > specificity(k.anyone) {
			k.anyone = p
		}
		return
	}
	if best := k.consumers[p.ConsumerID]; best == nil || specificity(p) > specificity(best) {
		if k.consumers == nil {
			k.consumers = map[string]*entity.Plugin{}
		}
		k.consumers[p.ConsumerID] = p
	}
}

// choose gives the one handler that runs. Where consumers have instances of
// their own it is chosen when its turn comes, by whom the plugins before it
// have authenticated.
func (c *compiler) choose(k *candidates) plugin.Handler {
	var anyone plugin.Handler
	if k.anyone != nil {
		anyone = c.made.instances[k.anyone.ID].handler
	}
	byConsumer := byConsumer{anyone: anyone, consumers: map[string]plugin.Handler{}}
	for id, p := range k.consumers {
		if k.anyone == nil || specificity(p) > specificity(k.anyone) {
			byConsumer.consumers[id] = c.made.instances[p.ID].handler
		}
	}
	if len(byConsumer.consumers) == 0 {
		return anyone
	}
	return &byConsumer
}

// byConsumer is a handler that depends on the consumer.
type byConsumer struct {
	anyone    plugin.Handler
	consumers map[string]plugin.Handler
}

// Serve implements plugin.Handler.
func (b *byConsumer) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	h := b.anyone
	if q.Consumer != nil {
		if own := b.consumers[q.Consumer.ID]; own != nil {
			h = own
		}
	}
	if h == nil {
		return next(w, q)
	}
	return h.Serve(w, q, next)
}
