package openidconnect_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/schema"
)

var update = flag.Bool("update", false, "write the reference page")

const (
	referencePage = "../../../docs/reference/openid-connect.md"
	// fieldTests names the test of a field that has no row in a table.
	fieldTests = "testdata/field_tests.txt"
	root       = "../../.."
)

// setting is a field with its path, as a reader writes it.
type setting struct {
	path  string
	field *schema.Field
	// within is the nearest record above that cannot be set at all, if any.
	within *schema.Field
}

// mark is what a setting does. A record does what its members do.
func (s setting) mark() (schema.Mark, string) {
	if s.within != nil {
		return s.within.Attr.Mark, s.within.Attr.Why
	}
	if r := s.field.Record; r != nil {
		for _, member := range settings("", r.Fields, nil) {
			if member.observable() {
				return schema.Supported, ""
			}
		}
		return setting{field: r.Fields[0]}.mark()
	}
	return s.field.Attr.Mark, s.field.Attr.Why
}

// observable tells settings that need a test: those that do something
// themselves. What a record does its members do.
func (s setting) observable() bool {
	mark, _ := s.mark()
	return mark == schema.Supported && s.field.Record == nil
}

// settings lists fields and what is below them, in the order of declaration.
func settings(prefix string, fields []*schema.Field, within *schema.Field) []setting {
	var all []setting
	for _, f := range fields {
		s := setting{prefix + f.Name, f, within}
		all = append(all, s)
		below := within
		if f.Attr.Mark != schema.Supported && below == nil {
			below = f
		}
		switch {
		case f.Record != nil:
			all = append(all, settings(s.path+".", f.Record.Fields, below)...)
		case f.Elements != nil && f.Elements.Record != nil:
			all = append(all, settings(s.path+"[].", f.Elements.Record.Fields, below)...)
		}
	}
	return all
}

func allSettings() []setting {
	return settings("", config.Record().Fields, nil)
}

// table is a test whose subtests are named for fields.
type table struct {
	test string
	rows []string
}

// rowTables are the tables of rows, each of which observes one field or several.
func rowTables(t *testing.T) []table {
	t.Helper()
	names := func(tables ...[]clientField) []string {
		var all []string
		for _, rows := range tables {
			for _, row := range rows {
				all = append(all, row.field)
			}
		}
		return all
	}
	return []table{
		{"TestLoginFields", names(loginRows(t))},
		{"TestSessionFields", names(sessionRows())},
		{"TestFlowFields", names(flowRows())},
		{"TestFieldsOfAPIClients", fieldNames(apiRows())},
		{"TestFieldsOfRules", fieldNames(rulesRows())},
		{"TestFieldsOfPossession", fieldNames(possessionRows(nil))},
		{"TestFieldsOfTheCertificateHeader", certificateRowNames()},
		{"TestClientFields", names(clientRows(t), requestRows(t), endpointRows(), callRows(t), revocationRows())},
	}
}

func fieldNames(rows []fieldRow) []string {
	var all []string
	for _, row := range rows {
		all = append(all, row.field)
	}
	return all
}

// observers tells for each field the test that observes it. Those with rows are
// found in the tables; the file names the others. Whatever names a field or a
// test that does not exist, or a field twice, is an error.
func observers(t *testing.T) map[string]string {
	t.Helper()
	known := make(map[string]setting)
	for _, s := range allSettings() {
		known[s.path] = s
	}
	found := make(map[string]string)
	for _, table := range rowTables(t) {
		for _, row := range table.rows {
			for name := range strings.SplitSeq(row, ", ") {
				name, _, _ = strings.Cut(name, " ")
				if s, ok := known[name]; ok && s.observable() && found[name] == "" {
					found[name] = "openidconnect." + table.test + "/" + strings.ReplaceAll(row, " ", "_")
				}
			}
		}
	}
	text, err := os.ReadFile(fieldTests)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, test, ok := strings.Cut(line, " ")
		s, exists := known[name]
		switch {
		case !ok, !exists:
			t.Errorf("%s: %q names no field and a test", fieldTests, line)
		case !s.observable():
			t.Errorf("%s: %s does nothing, so no test observes it", fieldTests, name)
		case found[name] != "":
			t.Errorf("%s: %s has the test %s already", fieldTests, name, found[name])
		}
		found[name] = strings.TrimSpace(test)
	}
	for name, test := range found {
		if !testExists(t, test) {
			t.Errorf("%s: there is no test %s", name, test)
		}
	}
	return found
}

// testExists tells whether the package has a test function of that name. Sub-
// tests are seen to run by test/ran, after all tests have.
func testExists(t *testing.T, name string) bool {
	t.Helper()
	folder, function, _ := strings.Cut(name, ".")
	function, _, _ = strings.Cut(function, "/")
	for _, place := range []string{"internal", "internal/plugins", "internal/plugins/openidconnect", "internal/session", "cmd", "test"} {
		files, err := filepath.Glob(filepath.Join(root, place, folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "\nfunc "+function+"(") {
				return true
			}
		}
	}
	return false
}

// TestReference holds docs/reference/openid-connect.md equal to what the
// declared fields and their tests make of it.
func TestReference(t *testing.T) {
	t.Parallel()
	got := reference(observers(t))
	if *update {
		if err := os.MkdirAll(filepath.Dir(referencePage), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(referencePage, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the page differs; go generate ./internal/plugins/openidconnect writes it:\n%s", diff)
	}
}

// TestReferenceHasEveryFieldOnce compares the page with the list of Kong's
// fields, which no code of ours makes.
func TestReferenceHasEveryFieldOnce(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("config/testdata/kong_fields.json")
	if err != nil {
		t.Fatal(err)
	}
	var known []struct{ Path string }
	if err := json.Unmarshal(text, &known); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]int)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		rows[m[1]]++
	}
	if len(known) != 378 {
		t.Errorf("the list has %d fields, want 378", len(known))
	}
	for _, f := range known {
		if rows[f.Path] != 1 {
			t.Errorf("%s has %d rows", f.Path, rows[f.Path])
		}
	}
}

// TestEverySupportedFieldIsObserved bounds the fields that no test is named
// for. The list may only shrink.
func TestEverySupportedFieldIsObserved(t *testing.T) {
	t.Parallel()
	want := []string{}
	tests := observers(t)
	got := []string{}
	for _, s := range allSettings() {
		if s.observable() && tests[s.path] == "" {
			got = append(got, s.path)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("supported fields without a test (-known +found); a row or a line in %s names one:\n%s", fieldTests, diff)
	}
	if n := len(tests); n < 100 {
		t.Errorf("only %d fields have a test", n)
	}
}
