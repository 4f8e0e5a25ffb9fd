package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile(`\bTest[A-Z]\w*…?`)
	namedFile = regexp.MustCompile("`([a-z/]+/[a-z_]+\\.go)`")
	testFunc  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// TestArchitectureNamesTestsAndFilesThatExist keeps docs/architecture.md true:
// whoever follows its table must arrive somewhere.
func TestArchitectureNamesTestsAndFilesThatExist(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, files := inventory(t, root)
	named := namedTest.FindAllString(string(text), -1)
	if len(named) < 15 {
		t.Fatalf("only %d tests are named: has the table moved?", len(named))
	}
	for _, name := range named {
		prefix, open := strings.CutSuffix(name, "…")
		found := tests[name]
		for test := range tests {
			found = found || open && strings.HasPrefix(test, prefix)
		}
		if !found {
			t.Errorf("there is no test %s", name)
		}
	}
	for _, m := range namedFile.FindAllStringSubmatch(string(text), -1) {
		if !hasSuffix(files, strings.Replace(m[1], "plugin/", "/", 1)) && !hasSuffix(files, "/"+m[1]) {
			t.Errorf("there is no file %s", m[1])
		}
	}
}

func hasSuffix(files []string, suffix string) bool {
	for _, f := range files {
		if strings.HasSuffix(f, suffix) {
			return true
		}
	}
	return false
}

// inventory lists the names of all tests and the paths of all Go files.
func inventory(t *testing.T, root string) (tests map[string]bool, files []string) {
	t.Helper()
	tests = map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		files = append(files, filepath.ToSlash(path))
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			tests[m[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, files
}
