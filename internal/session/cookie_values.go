package session

import (
	"slices"
	"strings"
)

const (
	// maxValues is how many different values of one name are tried.
	maxValues = 4
	// maxCookie is the length of a cookie that every user agent accepts. It is
	// applied to the whole Set-Cookie line, the strictest reading.
	maxCookie = 4096
)

// values holds the different values of one cookie name, in the order of the
// header.
type values struct {
	text [maxValues]string
	n    int
}

func (v *values) all() []string { return v.text[:v.n] }

// cookieValues collects the values of name from the lines of the Cookie
// header: one pass, no allocation, so that other cookies cost little however
// many there are. Repeated values count once, and too long ones not at all.
func cookieValues(lines []string, name string) values {
	var found values
	for _, line := range lines {
		for at := 0; ; {
			i := strings.Index(line[at:], name)
			if i < 0 {
				break
			}
			i += at
			at = i + len(name)
			if at == len(line) || line[at] != '=' || !startsPair(line[:i]) {
				continue
			}
			value, _, _ := strings.Cut(line[at+1:], ";")
			at += 1 + len(value)
			value = strings.Trim(value, " \t")
			if len(value) > maxCookie || slices.Contains(found.all(), value) {
				continue
			}
			if found.n == maxValues {
				return found
			}
			found.text[found.n] = value
			found.n++
		}
	}
	return found
}

// startsPair reports whether a cookie pair begins after before.
func startsPair(before string) bool {
	before = strings.TrimRight(before, " \t")
	return before == "" || before[len(before)-1] == ';'
}
