package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// handler answers one method of an endpoint.
type handler func(c *call) (reply, error)

// call is one request on its way through a handler.
type call struct {
	r *http.Request
	// w is only for http.MaxBytesReader, which ends a connection whose body is
	// too large; handlers return a reply.
	w http.ResponseWriter
	// args are the decoded values of the endpoint's placeholders, in order.
	args []string
}

// endpoint is a path and what its methods do. A segment in braces is a
// placeholder for any one segment.
type endpoint struct {
	segments []string
	methods  map[string]handler
}

func newEndpoint(pattern string, methods map[string]handler) *endpoint {
	if get, ok := methods[http.MethodGet]; ok {
		methods[http.MethodHead] = get
	}
	return &endpoint{segments: strings.Split(strings.Trim(pattern, "/"), "/"), methods: methods}
}

func (e *endpoint) pattern() string { return "/" + strings.Join(e.segments, "/") }

// allow lists the methods for Allow and Access-Control-Allow-Methods.
func (e *endpoint) allow() string {
	names := []string{http.MethodOptions}
	for name := range e.methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func placeholder(segment string) bool { return strings.HasPrefix(segment, "{") }

// match tells whether the path fits, and gives the placeholders' values.
func (e *endpoint) match(path []string) (args []string, ok bool) {
	if len(path) != len(e.segments) {
		return nil, false
	}
	for i, want := range e.segments {
		switch {
		case placeholder(want):
			if path[i] == "" {
				return nil, false
			}
			args = append(args, path[i])
		case want != path[i]:
			return nil, false
		}
	}
	return args, true
}

// sortEndpoints puts a word before a placeholder at each segment, so that the
// first endpoint that matches is the most exact one.
func sortEndpoints(list []*endpoint) {
	slices.SortStableFunc(list, func(a, b *endpoint) int {
		return slices.CompareFunc(a.segments, b.segments, func(x, y string) int {
			if p, q := placeholder(x), placeholder(y); p != q {
				if p {
					return 1
				}
				return -1
			}
			return strings.Compare(x, y)
		})
	})
}

// splitPath decodes the path of a request segment by segment, so that an
// encoded slash is part of a key and never a separator. One trailing slash is
// tolerated. It fails on a broken escape.
func splitPath(escaped string) ([]string, bool) {
	escaped = strings.TrimPrefix(escaped, "/")
	escaped = strings.TrimSuffix(escaped, "/")
	parts := strings.Split(escaped, "/")
	for i, p := range parts {
		decoded, err := url.PathUnescape(p)
		if err != nil {
			return nil, false
		}
		parts[i] = decoded
	}
	return parts, true
}

// find gives the endpoint of a path.
func (a *API) find(path []string) (*endpoint, []string, bool) {
	for _, e := range a.endpoints {
		if args, ok := e.match(path); ok {
			return e, args, true
		}
	}
	return nil, nil, false
}
