package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// events are lines of go test -json: action, package, test.
func events(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		f := append(strings.Fields(line), "", "")
		b.WriteString(`{"Action":"` + f[0] + `","Package":"` + f[1] + `","Test":"` + f[2] + `","Output":"said by ` + f[2] + `\n"}` + "\n")
	}
	return b.String()
}

func TestNamedTestsMustRunAndPass(t *testing.T) {
	t.Parallel()
	good := []string{"start m/a/b", "pass m/a/b TestOne/sub_case", "pass m/a/b TestOne", "pass m/a/b FuzzTwo", "pass m/a/b"}
	without := func(i int, instead ...string) []string {
		return append(append(append([]string{}, good[:i]...), instead...), good[i+1:]...)
	}
	for name, c := range map[string]struct {
		in   string
		want string // "" where all is well
	}{
		"all ran":                     {events(good...), ""},
		"a complaint between":         {"go: something\n" + events(good...), ""},
		"a subtest did not run":       {events(without(1)...), "1 of 3 named tests"},
		"a test was skipped":          {events(without(3, "skip m/a/b FuzzTwo")...), "1 of 3 named tests"},
		"another test ran":            {events(without(3, "pass m/a/b FuzzTwoMore")...), "1 of 3 named tests"},
		"it ran in another package":   {events(without(3, "start m/xb", "pass m/xb FuzzTwo", "pass m/xb")...), "1 of 3 named tests"},
		"a named test failed":         {events(without(3, "fail m/a/b FuzzTwo")...), "tests failed"},
		"another test failed":         {events(append(good, "start m/c", "fail m/c TestX", "fail m/c")...), "tests failed"},
		"a build failed":              {events(append(good, "build-fail m/c")...), "tests failed"},
		"a package has no end":        {events(append(good, "start m/c")...), "m/c did not come to its end"},
		"nothing came":                {"", "no events"},
		"nothing but complaints came": {"go: no such tool\n", "no events"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := filepath.Join(t.TempDir(), "d.md")
			text := "| 1 | `a/b.TestOne/sub_case`, `b.TestOne` | `b.FuzzTwo`, again `b.FuzzTwo` | `x.go` |"
			if err := os.WriteFile(document, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err := run(strings.NewReader(c.in), &out, []string{document})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q\n%s", err, c.want, &out)
			}
		})
	}
}

func TestOutputOfFailedTestsAloneIsShown(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := newResults(&out)
	in := events("start m/a", "output m/a TestGood", "output m/a TestBad", "pass m/a TestGood", "fail m/a TestBad", "output m/a", "fail m/a")
	if err := r.read(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "said by TestBad\nsaid by \n" {
		t.Errorf("shown: %q", got)
	}
}

func TestDocumentThatNamesNoTestIsAnError(t *testing.T) {
	t.Parallel()
	document := filepath.Join(t.TempDir(), "d.md")
	if err := os.WriteFile(document, []byte("`TestOne` without a package"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{document, document + "x"} {
		if _, err := namedTests([]string{d}); err == nil {
			t.Errorf("no error for %s", d)
		}
	}
}
