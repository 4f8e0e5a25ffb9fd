package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	lesson  = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \|$`)
	codeRef = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)\\w+)(?:/[^`]*)?`")
)

// notYet is how many lessons may be about functions that do not exist yet. It
// may only fall.
const notYet = 3

// TestEveryLessonHasItsVerdict: each row of docs/security.md names tests that
// exist, or says why none can. That they ran is seen by test/ran.
func TestEveryLessonHasItsVerdict(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	original, advisories, ok := strings.Cut(string(text), "\n## Advisories")
	if !ok {
		t.Fatal("the second list is missing")
	}
	tests := testsByFolder(t)
	missing := 0
	for _, list := range []struct {
		name, text string
		rows       int
	}{{"lesson", original, 94}, {"advisory", advisories, 92}} {
		rows := lesson.FindAllStringSubmatch(list.text, -1)
		if len(rows) != list.rows {
			t.Errorf("%d rows of the kind %s, want %d", len(rows), list.name, list.rows)
		}
		for i, row := range rows {
			if row[1] != strconv.Itoa(i+1) {
				t.Errorf("%s %s stands at place %d", list.name, row[1], i+1)
			}
			if strings.HasPrefix(row[3], "not yet: ") {
				missing++
			}
			if fault := verdict(row[3], tests); fault != "" {
				t.Errorf("%s %s: %s", list.name, row[1], fault)
			}
		}
	}
	if missing > notYet {
		t.Errorf("%d rows say not yet, %d are allowed", missing, notYet)
	}
	if missing < notYet {
		t.Errorf("only %d rows say not yet: lower the bound of %d", missing, notYet)
	}
}

// verdict is what is wrong with the last column of a row, empty for nothing.
func verdict(text string, tests map[string]map[string]bool) string {
	for _, reason := range []string{"not applicable: ", "not yet: "} {
		if why, ok := strings.CutPrefix(text, reason); ok {
			if len(why) < 20 {
				return "no reason is given"
			}
			return ""
		}
	}
	named := codeRef.FindAllStringSubmatch(text, -1)
	if len(named) == 0 {
		return "no test, and no reason why there is none"
	}
	for _, n := range named {
		found := false
		for folder, functions := range tests {
			found = found || functions[n[2]] && strings.HasSuffix("/"+folder, "/"+n[1])
		}
		if !found {
			return "there is no test " + n[1] + "." + n[2]
		}
	}
	return ""
}

// TestAVerdictNeedsATestThatExistsOrAReason is about the check itself.
func TestAVerdictNeedsATestThatExistsOrAReason(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]bool{"internal/oidc": {"TestA": true}, "internal/other": {"TestB": true}}
	for text, good := range map[string]bool{
		"`oidc.TestA`": true, "`oidc.TestA/with_a_subtest`, `other.TestB`": true, "`internal/oidc.TestA`": true,
		"not applicable: there is nothing of the kind": true, "not yet: there is nothing of the kind": true,
		"`oidc.TestB`": false, "`oidc.TestA`, `oidc.TestC`": false, "`dc.TestA`": false, "oidc.TestA": false, "": false, "yes": false,
		"not applicable: no": false, "not yet: ": false,
	} {
		if got := verdict(text, tests); (got == "") != good {
			t.Errorf("%q: %q", text, got)
		}
	}
}

var anyTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// testsByFolder lists the tests and fuzz targets of every package.
func testsByFolder(t *testing.T) map[string]map[string]bool {
	t.Helper()
	root := filepath.Join("..", "..")
	_, files := inventory(t, root)
	tests := map[string]map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "../../")
		if tests[folder] == nil {
			tests[folder] = map[string]bool{}
		}
		for _, m := range anyTest.FindAllStringSubmatch(string(text), -1) {
			tests[folder][m[1]] = true
		}
	}
	return tests
}
