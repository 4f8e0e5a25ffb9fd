package message

import "strings"

// OwnCookie names a cookie that only the gateway sets.
type OwnCookie struct {
	// Name is the cookie's name; a trailing '*' stands for the numbers of
	// chunks (name, name2 … name99).
	Name string
	// Setting is the field that renames it, for the log, for example
	// "config.session_cookie_name".
	Setting string
}

// MatchCookie reports whether a cookie's name is meant by pattern, which is a
// name or a name with a trailing '*' for the numbers of chunks.
func MatchCookie(pattern, name string) bool {
	prefix, chunks := strings.CutSuffix(pattern, "*")
	if !chunks {
		return pattern == name
	}
	number, ok := strings.CutPrefix(name, prefix)
	if !ok || len(number) > 2 {
		return false
	}
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return false
		}
	}
	return true
}
