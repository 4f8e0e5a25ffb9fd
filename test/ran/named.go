package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// name is a test as a document names it.
type name struct{ document, folder, test string }

func (n name) String() string { return n.folder + "." + n.test }

// is tells whether a test of a package is meant.
func (n name) is(folder, test string) bool {
	return test == n.test && (folder == n.folder || strings.HasSuffix(folder, "/"+n.folder))
}

var codeSpan = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Z]\\w*(?:/[^`]+)?)`")

// namedTests lists the tests that documents name, each once. A document that
// names none is an error: its form must have changed.
func namedTests(documents []string) ([]name, error) {
	var all []name
	for _, document := range documents {
		text, err := os.ReadFile(document) //nolint:gosec // the documents are the arguments of whoever calls
		if err != nil {
			return nil, err
		}
		found := codeSpan.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			return nil, fmt.Errorf("%s names no test", document)
		}
		for _, m := range found {
			known := slices.ContainsFunc(all, func(n name) bool { return n.folder == m[1] && n.test == m[2] })
			if !known {
				all = append(all, name{document, m[1], m[2]})
			}
		}
	}
	return all, nil
}
