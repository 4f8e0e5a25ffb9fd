package router

import "strings"

// UpstreamPath is the path that the upstream gets for the canonical path of a
// matched request: the matched beginning taken off where the route strips, and
// what is left joined to the service's path (path handling v0, which v1 is
// treated as outside the traditional flavour).
func UpstreamPath(m Match, canonicalPath string) string {
	base := "/"
	if m.Service != nil && m.Service.Path != "" {
		base = m.Service.Path
	}
	if !m.Route.StripPath {
		return joinWhole(base, canonicalPath)
	}
	rest := canonicalPath[1:]
	if m.Prefix != "" {
		rest = canonicalPath[len(m.Prefix):]
	}
	trimmed := strings.TrimSuffix(base, "/")
	switch {
	case rest == "":
		return joinNothing(base, canonicalPath)
	case rest[0] == '/':
		return trimmed + rest
	}
	return trimmed + "/" + rest
}

// joinNothing is the service's path for a request of which everything was
// stripped: it ends in a slash where the request did, except that a request for
// "/" takes it as it is.
func joinNothing(base, path string) string {
	switch {
	case base == "/" || path == "/":
		return base
	case strings.HasSuffix(path, "/"):
		return strings.TrimSuffix(base, "/") + "/"
	}
	return strings.TrimSuffix(base, "/")
}

// joinWhole appends a path of which nothing is stripped.
func joinWhole(base, path string) string {
	if path == "/" {
		return base
	}
	return strings.TrimSuffix(base, "/") + path
}
