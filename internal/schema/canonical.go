package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxExact is the largest integer below which every integer is a float64.
const maxExact = 1 << 53

// canonicalNumber turns any number into int64 (when integral and at most 2^53
// in size) or float64.
func canonicalNumber(v any) (any, bool) {
	switch n := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(n.String(), 64)
		if err != nil {
			return nil, false
		}
		return canonicalFloat(f), isFinite(f)
	case float64:
		return canonicalFloat(n), isFinite(n)
	case float32:
		return canonicalFloat(float64(n)), isFinite(float64(n))
	case int:
		return canonicalInt(int64(n))
	case int32:
		return canonicalInt(int64(n))
	case int64:
		return canonicalInt(n)
	case uint64:
		if n > maxExact {
			return float64(n), true
		}
		return int64(n), true
	}
	return nil, false
}

func canonicalInt(n int64) (any, bool) {
	if n > maxExact || n < -maxExact {
		return float64(n), true
	}
	return n, true
}

func canonicalFloat(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) <= maxExact {
		return int64(f)
	}
	return f
}

func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// canonical copies a value of unknown shape.
func canonical(v any, depth int) (any, error) {
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			if err := checkUTF8(name); err != nil {
				return nil, err
			}
			got, err := canonical(item, depth+1)
			if err != nil {
				return nil, err
			}
			out[name] = got
		}
		return out, nil
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			got, err := canonical(item, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, got)
		}
		return out, nil
	case string:
		return v, checkUTF8(v)
	}
	if n, ok := canonicalNumber(v); ok {
		return n, nil
	}
	return v, nil
}

// clone copies a value in canonical form. Values nested beyond maxDepth cannot
// be in canonical form.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = clone(item)
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			out = append(out, clone(item))
		}
		return out
	}
	return v
}

// fingerprint tells canonical values apart.
func fingerprint(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}

// checkUTF8 refuses texts that JSON could not carry unchanged; a form can
// bring them. The position counts bytes from 1.
func checkUTF8(text string) error {
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
			return fmt.Errorf("invalid utf-8 character sequence detected at position %d", i+1)
		}
	}
	return nil
}

// isUUID accepts 8-4-4-4-12 hexadecimal digits in lower case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !strings.ContainsRune("0123456789abcdef", rune(c)):
			return false
		}
	}
	return true
}
