package entity

import (
	"fmt"
	"regexp"
	"strings"
)

// badEscape finds a percent sign that two hexadecimal digits do not follow,
// with up to two characters after it.
var badEscape = regexp.MustCompile(`(?s)%(?:[0-9A-Fa-f]{2}|(.?.?))`)

// checkEscapes refuses broken percent-encoding and names it.
func checkEscapes(path string) error {
	for _, m := range badEscape.FindAllStringSubmatchIndex(path, -1) {
		if m[2] >= 0 {
			return fmt.Errorf("invalid url-encoded value: '%s'", path[m[0]:m[1]])
		}
	}
	return nil
}

// checkServicePath is the rule of services.path, RFC 3986 section 3.3.
func checkServicePath(v any) error {
	text, _ := v.(string)
	if !strings.HasPrefix(text, "/") {
		return constError("should start with: /")
	}
	if strings.Contains(text, "//") {
		return constError("must not have empty segments")
	}
	for _, c := range text {
		if !isAlphanumeric(c) && !strings.ContainsRune("-._~/%:@!$&'()*+,;=", c) {
			return errPathCharacters(text)
		}
	}
	return checkEscapes(text)
}

func errPathCharacters(path string) error {
	return fmt.Errorf("invalid path: '%s' (characters outside of the reserved list of RFC 3986 found)", path)
}

// checkRoutePath is the rule of an element of routes.paths.
func checkRoutePath(v any) error {
	text, _ := v.(string)
	pattern, isRegex := strings.CutPrefix(text, "~")
	if !strings.HasPrefix(pattern, "/") {
		return constError("should start with: / (fixed path) or ~/ (regex path)")
	}
	if strings.Contains(text, "//") {
		return constError("must not have empty segments")
	}
	if err := checkEscapes(text); err != nil {
		return err
	}
	if isRegex {
		if _, err := regexp.Compile(pattern); err != nil {
			return fmt.Errorf("invalid regex: '%s' (%s)", pattern, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return nil
	}
	// A control character could not be matched without putting it into a
	// header of the upstream request.
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return errPathCharacters(text)
	}
	if normal := normalizePath(text); normal != text {
		return fmt.Errorf("non-normalized path, consider use '%s' instead", normal)
	}
	return nil
}

// normalizePath brings a path into Kong's normal form: escapes decoded except
// those of reserved characters, which are written in upper case; dot segments
// removed (RFC 3986 section 5.2.4, escaped dots included); runs of slashes
// merged. path must begin with a slash.
func normalizePath(path string) string {
	var kept []string
	segments := strings.Split(decodeUnreserved(path)[1:], "/")
	for i, segment := range segments {
		switch segment {
		case "", ".", "..":
			if segment == ".." && len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if i == len(segments)-1 {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// reserved characters keep their escapes: RFC 3986 section 2.2, and the
// percent sign itself.
const reserved = "!*'();:@&=+$,/?%#[]"

func decodeUnreserved(path string) string {
	if !strings.Contains(path, "%") {
		return path
	}
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
			b.WriteByte(path[i])
			continue
		}
		c := unhex(path[i+1])<<4 | unhex(path[i+2])
		if strings.IndexByte(reserved, c) >= 0 {
			b.WriteString(strings.ToUpper(path[i : i+3]))
		} else {
			b.WriteByte(c)
		}
		i += 2
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
