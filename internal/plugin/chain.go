package plugin

import (
	"cmp"
	"net/http"
	"slices"
)

// Link is a handler with what orders it among those of one request.
type Link struct {
	// Name and Priority are those of its Definition.
	Name     string
	Priority int
	Handler  Handler
}

// Compose builds the chain that runs links by descending priority, those of
// equal priority by descending name, and then last. All is composed
// here: serving looks nothing up. The result may be used by many requests at
// once.
func Compose(links []Link, last Next) Next {
	ordered := slices.Clone(links)
	slices.SortStableFunc(ordered, func(a, b Link) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(b.Name, a.Name))
	})
	next := last
	for _, link := range slices.Backward(ordered) {
		handler, rest := link.Handler, next
		next = func(w http.ResponseWriter, q *Request) error { return handler.Serve(w, q, rest) }
	}
	return next
}
