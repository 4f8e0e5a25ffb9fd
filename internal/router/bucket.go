package router

import (
	"net/http"

	"sallyport/internal/message"
)

// item is an entry's place in a bucket.
type item struct {
	rank  int // position in the order of all entries
	entry *entry
	// host is why the entry is here; its zero value in the bucket of entries
	// without hosts.
	host hostPattern
}

// bucket holds entries whose hosts were looked up in the same way. Entries must
// be inserted in ascending rank.
type bucket struct {
	tree node
	// rest are entries without paths or with regular expressions.
	rest []item
}

func (b *bucket) insert(it item) {
	if len(it.entry.prefixes) == 0 {
		b.rest = append(b.rest, it)
		return
	}
	for _, prefix := range it.entry.prefixes {
		b.tree.insert(prefix, it)
	}
}

// search is the state of one look-up: what is asked for and the best entry so
// far.
type search struct {
	request *message.Request
	header  http.Header

	best    *entry
	rank    int
	length  int // of the matched beginning of the path
	pattern *pathPattern

	decoded string
}

// better reports whether the item, if it matched, would win.
func (s *search) better(it *item) bool { return s.best == nil || it.rank < s.rank }

func (s *search) take(it *item, length int, pattern *pathPattern) {
	s.best, s.rank, s.length, s.pattern = it.entry, it.rank, length, pattern
}

// admits checks everything but the path.
func (s *search) admits(it *item) bool {
	if it.host.port != 0 && it.host.port != s.request.ListenPort {
		return false
	}
	if it.host.kind != exactName && !it.host.matches(s.request.Host) {
		return false
	}
	return it.entry.admits(s.request, s.header)
}

// strippable reports whether the path without its first length bytes is as
// harmless as the whole: "/a" taken off "/a../b" would leave a way out of the
// service's path. Such a request does not match the route.
func (s *search) strippable(e *entry, length int) bool {
	if !e.route.StripPath {
		return true
	}
	rest := s.request.Path[length:]
	return rest == "" || rest[0] != '.' || !message.HiddenDotSegment(rest)
}

func (s *search) decodedPath() string {
	if s.decoded == "" {
		s.decoded = message.DecodePath(s.request.Path)
	}
	return s.decoded
}

// find improves on the best entry so far.
func (b *bucket) find(s *search) {
	path := s.request.Path
	for n, depth := &b.tree, 0; n != nil; n, depth = n.next(path, depth) {
		for i := range n.items {
			it := &n.items[i]
			if !s.better(it) {
				break
			}
			if s.admits(it) && s.strippable(it.entry, depth) {
				s.take(it, depth, nil)
				break
			}
		}
	}
	for i := range b.rest {
		it := &b.rest[i]
		if !s.better(it) {
			return
		}
		if !s.admits(it) {
			continue
		}
		if len(it.entry.patterns) == 0 {
			s.take(it, 0, nil)
			return
		}
		if length, pattern := s.matchPatterns(it.entry); pattern != nil {
			s.take(it, length, pattern)
			return
		}
	}
}

// matchPatterns tries the regular expressions of an entry in their order.
func (s *search) matchPatterns(e *entry) (int, *pathPattern) {
	path := s.decodedPath()
	for _, p := range e.patterns {
		decoded, ok := p.match(path)
		if !ok {
			continue
		}
		if length := message.EncodedLength(s.request.Path, decoded); s.strippable(e, length) {
			return length, p
		}
	}
	return 0, nil
}
