package router

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// compilePattern compiles a path's regular expression, anchored at the start.
// Kong's syntax is that of Rust; Go's is the same family, and takes Rust's
// (?<name>…) as well. What Rust has and Go would silently read as something
// else, the set operations inside a character class, is refused.
func compilePattern(source string) (*pathPattern, error) {
	// On its own first: a stray ")" must not close the group put around it.
	if err := checkPattern(source); err != nil {
		return nil, err
	}
	floating, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	anchored, err := regexp.Compile("^(?:" + source + ")")
	if err != nil {
		return nil, err
	}
	literal, _ := floating.LiteralPrefix()
	return &pathPattern{literal: literal, regexp: anchored}, nil
}

// pathPattern is the regular expression of a path.
type pathPattern struct {
	// literal is what every matching path begins with; comparing it spares
	// running most expressions of a long list.
	literal string
	regexp  *regexp.Regexp
}

// match is the length of the beginning of the decoded path that p matches.
func (p *pathPattern) match(path string) (int, bool) {
	if !strings.HasPrefix(path, p.literal) {
		return 0, false
	}
	at := p.regexp.FindStringIndex(path)
	if at == nil {
		return 0, false
	}
	return at[1], true
}

// compileHeaderPattern compiles the regular expression of a header value, which
// may match anywhere. Pattern and value are both lower-cased, as Kong does it.
func compileHeaderPattern(source string) (*regexp.Regexp, error) {
	source = strings.ToLower(source)
	if err := checkPattern(source); err != nil {
		return nil, err
	}
	return regexp.Compile(source)
}

var errClassOperation = errors.New("set operations inside a character class are not supported")

func checkPattern(source string) error {
	if _, err := syntax.Parse(source, syntax.Perl); err != nil {
		return err
	}
	if hasClassOperation(source) {
		return errClassOperation
	}
	return nil
}

// hasClassOperation finds &&, --, ~~ or a nested class inside brackets.
func hasClassOperation(source string) bool {
	for i := 0; i < len(source); i++ {
		switch source[i] {
		case '\\':
			i++
		case '[':
			length, operation := scanClass(source[i:])
			if operation {
				return true
			}
			i += length - 1
		}
	}
	return false
}

// scanClass reads the character class that s begins with, to its closing
// bracket or to an operation.
func scanClass(s string) (length int, operation bool) {
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	if strings.HasPrefix(s[i:], "]") { // a literal, as the first member
		i++
	}
	for ; i < len(s); i++ {
		switch rest := s[i:]; {
		case rest[0] == ']':
			return i + 1, false
		case rest[0] == '\\':
			i++
		case rest[0] == '[':
			end := strings.Index(rest, ":]")
			if !strings.HasPrefix(rest, "[:") || end < 0 {
				return i, true
			}
			i += end + 1
		case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "~~"):
			return i, true
		}
	}
	return len(s), false
}

// Captures are the groups of the regular expression that matched a path. The
// zero value has none.
type Captures struct {
	names  []string
	values []string
}

// capture runs pattern, which is known to match, once more for its groups.
func capture(pattern *pathPattern, path string) Captures {
	if pattern.regexp.NumSubexp() == 0 {
		return Captures{}
	}
	return Captures{names: pattern.regexp.SubexpNames(), values: pattern.regexp.FindStringSubmatch(path)}
}

// Len is the number of groups.
func (c Captures) Len() int { return max(0, len(c.values)-1) }

// Group is the text of the numbered group, from 1 to Len; empty for one that
// took no part.
func (c Captures) Group(n int) string {
	if n < 1 || n >= len(c.values) {
		return ""
	}
	return c.values[n]
}

// Named is the text of the group of that name, and whether there is one.
func (c Captures) Named(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	for i, n := range c.names {
		if n == name {
			return c.values[i], true
		}
	}
	return "", false
}
