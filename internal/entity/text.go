package entity

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkUTF8 names the first byte, counted from 1, that is not UTF-8.
func checkUTF8(text string) error {
	for i, c := range text {
		if c == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return fmt.Errorf("invalid utf-8 character sequence detected at position %d", i+1)
			}
		}
	}
	return nil
}

// checkName is the rule of the unique names of services, routes and plugin
// instances.
func checkName(v any) error {
	text, _ := v.(string)
	if err := checkUTF8(text); err != nil {
		return err
	}
	for _, c := range text {
		if c < utf8.RuneSelf && !isAlphanumeric(c) && !strings.ContainsRune(".-_~", c) {
			return fmt.Errorf("invalid value '%s': the only accepted ascii characters are alphanumerics or ., -, _, and ~", text)
		}
	}
	return nil
}

// checkTag is the rule of an element of tags. A comma or slash would make the
// filter of a list ambiguous.
func checkTag(v any) error {
	text, _ := v.(string)
	if err := checkUTF8(text); err != nil {
		return err
	}
	for _, c := range text {
		if c < ' ' || c == 0x7f || c == ',' || c == '/' {
			return fmt.Errorf("invalid tag '%s': expected printable ascii (except `,` and `/`) or valid utf-8 sequences", text)
		}
	}
	return nil
}

// checkMethod is the rule of an element of routes.methods.
func checkMethod(v any) error {
	text, _ := v.(string)
	for _, c := range text {
		if c < 'A' || c > 'Z' {
			return fmt.Errorf("invalid value: %s", text)
		}
	}
	return nil
}

func isAlphanumeric(c rune) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
