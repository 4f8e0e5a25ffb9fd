package router

import (
	"fmt"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
)

// headerRule is one name of headers: the request must carry it with one of the
// values.
type headerRule struct {
	name     string // canonical
	values   []string
	patterns []*regexp.Regexp
}

func compileHeaders(headers map[string][]string) ([]headerRule, error) {
	var rules []headerRule
	for name, values := range headers {
		rule := headerRule{name: textproto.CanonicalMIMEHeaderKey(name)}
		for _, value := range values {
			source, isRegex := strings.CutPrefix(value, "~*")
			if !isRegex {
				rule.values = append(rule.values, value)
				continue
			}
			pattern, err := compileHeaderPattern(source)
			if err != nil {
				return nil, fmt.Errorf("header %q: value %q: %w", name, value, err)
			}
			rule.patterns = append(rule.patterns, pattern)
		}
		rules = append(rules, rule)
	}
	slices.SortFunc(rules, func(a, b headerRule) int { return strings.Compare(a.name, b.name) })
	return rules, nil
}

func (r *headerRule) matches(h http.Header) bool {
	for _, got := range h[r.name] {
		for _, want := range r.values {
			if strings.EqualFold(got, want) {
				return true
			}
		}
		for _, p := range r.patterns {
			if p.MatchString(strings.ToLower(got)) {
				return true
			}
		}
	}
	return false
}
