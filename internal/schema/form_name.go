package schema

import (
	"strconv"
	"strings"
)

// formStep is one part of a form name.
type formStep struct {
	name string
	// index is the number of "[n]", -1 for a name and -2 for "[]".
	index int
}

const (
	stepName   = -1
	stepAppend = -2
)

// parseFormName splits "config.list[1].field" into its steps. A bracket that
// is not closed is a part of the name.
func parseFormName(name string) ([]formStep, error) {
	var steps []formStep
	rest := name
	for {
		part := rest
		end := strings.IndexAny(rest, ".[")
		if end >= 0 && rest[end] == '[' && !strings.Contains(rest[end:], "]") {
			end = dotAfter(rest, end)
		}
		if end >= 0 {
			part = rest[:end]
		}
		steps = append(steps, formStep{name: part, index: stepName})
		if end < 0 {
			break
		}
		rest = rest[end:]
		for strings.HasPrefix(rest, "[") {
			inside, after, closed := strings.Cut(rest[1:], "]")
			if !closed {
				break
			}
			steps = append(steps, bracketStep(inside))
			rest = after
		}
		if rest == "" {
			break
		}
		rest = strings.TrimPrefix(rest, ".")
		if len(steps) > maxDepth {
			return nil, ErrFormDepth
		}
	}
	if len(steps) > maxDepth {
		return nil, ErrFormDepth
	}
	return steps, nil
}

// dotAfter finds the next dot behind position i.
func dotAfter(s string, i int) int {
	if j := strings.IndexByte(s[i:], '.'); j >= 0 {
		return i + j
	}
	return -1
}

// bracketStep reads what stands in brackets; up to six digits are a position.
func bracketStep(inside string) formStep {
	if inside == "" {
		return formStep{index: stepAppend}
	}
	if len(inside) <= 6 && strings.Trim(inside, "0123456789") == "" {
		if n, err := strconv.Atoi(inside); err == nil {
			return formStep{name: inside, index: n}
		}
	}
	return formStep{name: inside, index: stepName}
}
