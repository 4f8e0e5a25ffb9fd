package config

import (
	"net/http"
	"net/url"

	"sallyport/internal/schema"
)

// pairHeader joins two lists by their order; a value that did not resolve sets
// no header.
func pairHeader(names, values []string) http.Header {
	h := make(http.Header, len(names))
	for i, name := range names {
		if i < len(values) && values[i] != "" {
			h.Add(name, values[i])
		}
	}
	return h
}

// pairValues joins two lists by their order.
func pairValues(names, values []string) url.Values {
	q := make(url.Values, len(names))
	for i, name := range names {
		if i < len(values) {
			q.Add(name, values[i])
		}
	}
	return q
}

// checkPair demands lists of one length.
func checkPair(names, values string) schema.Check {
	return schema.Check{Fields: []string{names, values}, Run: func(v map[string]any) []schema.Violation {
		a, _ := v[names].([]any)
		b, _ := v[values].([]any)
		if len(a) == len(b) {
			return nil
		}
		return []schema.Violation{{Field: values, Message: "must have as many elements as " + names}}
	}}
}
