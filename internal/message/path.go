package message

import (
	"bytes"
	"strings"
)

// NormalizePath brings a path, as received or as configured in a route, into
// the one form on which routes are matched and which the upstream gets:
//   - an escape of an unreserved byte is decoded, every other one is kept with
//     upper-case digits; a raw byte that a URL may not hold is escaped
//   - dot segments are removed (RFC 3986 §5.2.4), however they were written
//   - runs of slashes become one
//
// So it is plain ASCII, and two paths that differ only in spelling become
// equal. It refuses an escape that is none, NUL, and a path in which a server
// that decodes %2F or %5C, or that cuts ;parameters off, would find a dot
// segment. A path of plain segments is returned as it is, without allocation.
func NormalizePath(raw string) (string, error) {
	if raw == "" || raw[0] != '/' {
		return "", malformed("path does not begin with a slash")
	}
	if isNormal(raw) {
		return raw, nil
	}
	spelled, err := respell(raw)
	if err != nil {
		return "", err
	}
	path := removeDotSegments(spelled)
	if HiddenDotSegment(path) {
		return "", malformed("path hides a dot segment")
	}
	return path, nil
}

// isNormal recognises the common paths that need no work: bytes that stand for
// themselves, no '.' at the beginning of a segment, no empty segment, and
// nothing that HiddenDotSegment looks for.
func isNormal(p string) bool {
	previous := byte(0)
	for i := range len(p) {
		c := p[i]
		if previous == '/' && (c == '/' || c == '.') {
			return false
		}
		if c == '%' || !literal(c) {
			return false
		}
		previous = c
	}
	return true
}

// respell decodes and encodes each byte to its one spelling.
func respell(raw string) (string, error) {
	var b strings.Builder
	b.Grow(len(raw) + 16)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c != '%' {
			if c == 0 {
				return "", malformed("path holds NUL")
			}
			if literal(c) {
				b.WriteByte(c)
			} else {
				writeEscape(&b, c)
			}
			continue
		}
		if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
			return "", malformed("path holds a broken escape")
		}
		c = unhex(raw[i+1])<<4 | unhex(raw[i+2])
		i += 2
		switch {
		case c == 0:
			return "", malformed("path holds NUL")
		case unreserved(c):
			b.WriteByte(c)
		default:
			writeEscape(&b, c)
		}
	}
	return b.String(), nil
}

// removeDotSegments drops "." and empty segments and lets ".." take its
// predecessor away. A path that ended in a slash or a dot segment ends in a
// slash.
func removeDotSegments(p string) string {
	if !strings.Contains(p, "/.") && !strings.Contains(p, "//") {
		return p
	}
	out := make([]byte, 0, len(p))
	for rest := p[1:]; ; {
		segment, tail, more := strings.Cut(rest, "/")
		switch segment {
		case "", ".":
		case "..":
			out = out[:max(0, bytes.LastIndexByte(out, '/'))]
		default:
			out = append(append(out, '/'), segment...)
		}
		if !more {
			if segment == "" || segment == "." || segment == ".." {
				out = append(out, '/')
			}
			return string(out)
		}
		rest = tail
	}
}

// HiddenDotSegment reports whether a normal path, or what is left of one once
// its beginning was stripped, holds a segment that some server takes for "."
// or "..": segments end at '/', %2F and %5C, and ";…" behind the dots does not
// count.
func HiddenDotSegment(p string) bool {
	start := true
	for i := 0; i < len(p); {
		if start && p[i] == '.' {
			n := i + 1
			if n < len(p) && p[n] == '.' {
				n++
			}
			if n == len(p) || p[n] == ';' || separator(p[n:]) > 0 {
				return true
			}
		}
		if n := separator(p[i:]); n > 0 {
			start = true
			i += n
			continue
		}
		start = false
		i++
	}
	return false
}

// separator is the length of the segment separator that s begins with, 0 if
// there is none.
func separator(s string) int {
	switch {
	case s[0] == '/' || s[0] == '\\':
		return 1
	case strings.HasPrefix(s, "%2F") || strings.HasPrefix(s, "%5C"):
		return 3
	}
	return 0
}

// DecodePath undoes the escapes of a normal path except those of reserved
// characters: the form that a regular expression of a route is matched
// against.
func DecodePath(p string) string {
	i := strings.IndexByte(p, '%')
	if i < 0 {
		return p
	}
	out := append(make([]byte, 0, len(p)), p[:i]...)
	for i < len(p) {
		n := decodedWidth(p[i:])
		if n == 3 {
			out = append(out, unhex(p[i+1])<<4|unhex(p[i+2]))
		} else {
			out = append(out, p[i])
		}
		i += n
	}
	return string(out)
}

// EncodedLength is the length of the beginning of the normal path p that
// DecodePath turns into n bytes.
func EncodedLength(p string, n int) int {
	i := 0
	for ; n > 0 && i < len(p); n-- {
		i += decodedWidth(p[i:])
	}
	return i
}

// decodedWidth is how much of the beginning of s makes one decoded byte.
func decodedWidth(s string) int {
	if len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2]) && !reserved(unhex(s[1])<<4|unhex(s[2])) {
		return 3
	}
	return 1
}

// unreserved are the characters of RFC 3986 §2.3.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// reserved are the characters whose escapes mean something else than they do,
// '%' included.
func reserved(c byte) bool { return strings.IndexByte("!*'();:@&=+$,/?%#[]", c) >= 0 }

// The bytes that may stand in a path as they are, as sets of the codes 0 to 63
// and 64 to 127: unreserved, sub-delimiters, ":", "@", "/", and the brackets
// that Kong lets pass.
const (
	literalLow = 1<<'!' | 1<<'$' | 1<<'&' | 1<<'\'' | 1<<'(' | 1<<')' | 1<<'*' | 1<<'+' | 1<<',' |
		1<<'-' | 1<<'.' | 1<<'/' | 0x3ff<<'0' | 1<<':' | 1<<';' | 1<<'='
	literalHigh = 1<<('@'-64) | 0x3ffffff<<('A'-64) | 1<<('['-64) | 1<<(']'-64) | 1<<('_'-64) |
		0x3ffffff<<('a'-64) | 1<<('~'-64)
)

func literal(c byte) bool {
	if c < 64 {
		return uint64(literalLow)>>c&1 == 1
	}
	return c < 128 && uint64(literalHigh)>>(c-64)&1 == 1
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

const upperHex = "0123456789ABCDEF"

func writeEscape(b *strings.Builder, c byte) {
	b.WriteByte('%')
	b.WriteByte(upperHex[c>>4])
	b.WriteByte(upperHex[c&15])
}
