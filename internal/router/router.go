package router

import (
	"fmt"
	"net/http"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// Router matches requests. It is immutable and safe for concurrent use.
type Router struct {
	exact    map[string]*bucket
	wildcard bucket
	hostless bucket
}

// Match is the route of a request.
type Match struct {
	// Route is never nil, Service is nil for a route without one.
	Route   *entity.Route
	Service *entity.Service
	// Prefix is the beginning of the canonical path that the route's path
	// matched: the plain path, or the text of the regular expression. It is
	// empty for a route without paths.
	Prefix string
	// Captures are the groups of the regular expression that matched.
	Captures Captures
	// UpgradeRequired tells that the route is for https alone and the request
	// came over http: it is answered with the route's
	// https_redirect_status_code.
	UpgradeRequired bool
}

// New builds a router. Services are by id; a route of a disabled service, and
// one for streams, is left out. An error names the route and what is wrong with
// it.
func New(routes []*entity.Route, services map[string]*entity.Service) (*Router, error) {
	var entries []*entry
	for _, route := range routes {
		var service *entity.Service
		if route.ServiceID != "" {
			var ok bool
			if service, ok = services[route.ServiceID]; !ok {
				return nil, fmt.Errorf("route %s: service %s does not exist", label(route), route.ServiceID)
			}
			if !service.Enabled {
				continue
			}
		}
		compiled, err := compile(route, service)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", label(route), err)
		}
		entries = append(entries, compiled...)
	}
	sortEntries(entries)
	r := &Router{exact: make(map[string]*bucket)}
	for rank, e := range entries {
		r.insert(rank, e)
	}
	return r, nil
}

// label names a route for an operator.
func label(route *entity.Route) string {
	if route.Name != "" {
		return route.Name
	}
	return route.ID
}

func (r *Router) insert(rank int, e *entry) {
	if len(e.hosts) == 0 {
		r.hostless.insert(item{rank: rank, entry: e})
		return
	}
	for _, h := range e.hosts {
		it := item{rank: rank, entry: e, host: h}
		if h.kind != exactName {
			r.wildcard.insert(it)
			continue
		}
		b := r.exact[h.name]
		if b == nil {
			b = new(bucket)
			r.exact[h.name] = b
		}
		b.insert(it)
	}
}

// Match finds the best route of a request. Only regular expressions allocate:
// one that matches, and one that is tried on a path with escapes.
func (r *Router) Match(m *message.Request, header http.Header) (Match, bool) {
	s := search{request: m, header: header}
	if b := r.exact[m.Host]; b != nil {
		b.find(&s)
	}
	r.wildcard.find(&s)
	r.hostless.find(&s)
	if s.best == nil {
		return Match{}, false
	}
	match := Match{
		Route: s.best.route, Service: s.best.service, Prefix: m.Path[:s.length],
		UpgradeRequired: s.best.secureOnly && m.Scheme != "https",
	}
	if s.pattern != nil {
		match.Captures = capture(s.pattern, s.decodedPath())
	}
	return match, true
}
