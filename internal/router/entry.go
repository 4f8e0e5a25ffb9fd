package router

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// entry is a route with those of its paths that share a rank.
type entry struct {
	route   *entity.Route
	service *entity.Service

	methods  []string
	hosts    []hostPattern
	snis     []hostPattern
	headers  []headerRule
	prefixes []string // in canonical form
	patterns []*pathPattern

	// secureOnly marks a route that must not be used over plain http.
	secureOnly bool

	classes    int
	plainHosts bool
	length     int // of the plain paths, as configured
}

// maxHeaderNames is where the number of header names stops to count.
const maxHeaderNames = 255

// compile splits a route into its entries.
func compile(route *entity.Route, service *entity.Service) ([]*entry, error) {
	base, ok, err := compileClasses(route, service)
	if !ok || err != nil {
		return nil, err
	}
	if len(route.Paths) == 0 {
		return []*entry{&base}, nil
	}
	base.classes++
	var entries []*entry
	group := func(regex bool, length int) *entry {
		for _, e := range entries {
			if regex == (len(e.patterns) > 0) && e.length == length {
				return e
			}
		}
		e := base
		e.length = length
		entries = append(entries, &e)
		return &e
	}
	for _, path := range route.Paths {
		if source, isRegex := strings.CutPrefix(path, "~"); isRegex {
			pattern, err := compilePattern(source)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", path, err)
			}
			e := group(true, 0)
			e.patterns = append(e.patterns, pattern)
			continue
		}
		prefix, err := message.NormalizePath(path)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", path, err)
		}
		e := group(false, len(message.DecodePath(prefix)))
		e.prefixes = append(e.prefixes, prefix)
	}
	return entries, nil
}

// compileClasses does everything but the paths. ok is false for a route that no
// HTTP request can match.
func compileClasses(route *entity.Route, service *entity.Service) (e entry, ok bool, err error) {
	e = entry{route: route, service: service, methods: route.Methods}
	if e.secureOnly, ok = protocols(route.Protocols); !ok {
		return e, false, nil
	}
	if e.hosts, err = compileHosts(route.Hosts); err != nil {
		return e, false, err
	}
	if e.snis, err = compileHosts(route.SNIs); err != nil {
		return e, false, err
	}
	if e.headers, err = compileHeaders(route.Headers); err != nil {
		return e, false, err
	}
	for _, used := range []bool{len(e.methods) > 0, len(e.hosts) > 0, len(e.headers) > 0, len(e.snis) > 0} {
		if used {
			e.classes++
		}
	}
	e.plainHosts = len(e.hosts) > 0 && !slices.ContainsFunc(e.hosts, func(h hostPattern) bool { return h.kind != exactName })
	return e, true, nil
}

// protocols tells whether a route serves HTTP at all, and if so, whether only
// over TLS.
func protocols(names []string) (secureOnly, ok bool) {
	if len(names) == 0 {
		return false, true
	}
	secureOnly = true
	for _, name := range names {
		switch name {
		case "http", "grpc":
			secureOnly, ok = false, true
		case "https", "grpcs":
			ok = true
		}
	}
	return secureOnly, ok
}

// sortEntries puts the best entry first.
func sortEntries(entries []*entry) {
	slices.SortStableFunc(entries, func(a, b *entry) int {
		return cmp.Or(
			-cmp.Compare(a.classes, b.classes),
			-compareBool(a.plainHosts, b.plainHosts),
			-cmp.Compare(min(len(a.headers), maxHeaderNames), min(len(b.headers), maxHeaderNames)),
			-compareBool(len(a.patterns) > 0, len(b.patterns) > 0),
			-cmp.Compare(a.regexPriority(), b.regexPriority()),
			-cmp.Compare(a.length, b.length),
			cmp.Compare(a.route.CreatedAt, b.route.CreatedAt),
			cmp.Compare(a.route.ID, b.route.ID),
		)
	})
}

func (e *entry) regexPriority() int {
	if len(e.patterns) == 0 {
		return 0
	}
	return e.route.RegexPriority
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// admits checks the classes that no index covers.
func (e *entry) admits(m *message.Request, header http.Header) bool {
	if len(e.methods) > 0 && !slices.Contains(e.methods, m.Method) {
		return false
	}
	if len(e.snis) > 0 && m.TLS && !slices.ContainsFunc(e.snis, func(p hostPattern) bool { return p.matches(m.SNI) }) {
		return false
	}
	for i := range e.headers {
		if !e.headers[i].matches(header) {
			return false
		}
	}
	return true
}
