package plugin

import (
	"net/url"
	"slices"
	"strings"
)

// Argument gives the first value of a query argument that is not empty, and how
// many such values there are. What cannot be decoded does not count.
func (q *Request) Argument(name string) (value string, n int) {
	raw := q.Canonical.RawQuery
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		key, text, _ := strings.Cut(pair, "=")
		if text == "" || len(key) < len(name) {
			continue
		}
		if key != name {
			if decoded, err := url.QueryUnescape(key); err != nil || decoded != name {
				continue
			}
		}
		decoded, err := url.QueryUnescape(text)
		if err != nil {
			continue
		}
		if n++; n == 1 {
			value = decoded
		}
	}
	return value, n
}

// DropArguments takes arguments out of the query that the upstream gets and
// later handlers see. Everything else of it stays byte for byte.
func (q *Request) DropArguments(names ...string) {
	raw := q.Canonical.RawQuery
	if raw == "" {
		return
	}
	kept := make([]string, 0, 4)
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err == nil && name != "" && slices.Contains(names, name) {
			continue
		}
		kept = append(kept, pair)
	}
	q.Canonical.RawQuery = strings.Join(kept, "&")
	q.Canonical.ForceQuery = q.Canonical.ForceQuery && q.Canonical.RawQuery != ""
}
