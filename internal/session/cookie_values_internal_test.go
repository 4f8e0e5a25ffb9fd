package session

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCookieValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines []string
		want  []string
	}{
		"none":                          {nil, nil},
		"alone":                         {[]string{"s=1"}, []string{"1"}},
		"among others":                  {[]string{"a=0; s=1; b=2"}, []string{"1"}},
		"without spaces":                {[]string{"a=0;s=1;b=2"}, []string{"1"}},
		"with many spaces":              {[]string{"a=0;  \t s=1  ;b=2"}, []string{"1"}},
		"in several lines":              {[]string{"a=0", "s=1; b=2", "s=2"}, []string{"1", "2"}},
		"twice":                         {[]string{"s=1; s=2"}, []string{"1", "2"}},
		"the same value twice":          {[]string{"s=1; s=1; s=2"}, []string{"1", "2"}},
		"more than four":                {[]string{"s=1; s=2; s=1; s=3; s=4; s=5"}, []string{"1", "2", "3", "4"}},
		"empty":                         {[]string{"s=; s="}, []string{""}},
		"with = in the value":           {[]string{"s=a=b=="}, []string{"a=b=="}},
		"the name within a name":        {[]string{"xs=1; sx=2; s-s=3; ss=4"}, nil},
		"the name within a value":       {[]string{"a=s=1; b= s=2; c=x s=3"}, nil},
		"the name without a value":      {[]string{"s; s ; s"}, nil},
		"a space before =":              {[]string{"s =1"}, nil},
		"another case":                  {[]string{"S=1"}, nil},
		"too long":                      {[]string{"s=" + strings.Repeat("x", 4097) + "; s=1"}, []string{"1"}},
		"quoted values are as they are": {[]string{`s="1"`}, []string{`"1"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := cookieValues(c.lines, "s")
			if diff := cmp.Diff(c.want, slices.Clone(got.all()), cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

// plainValues is cookieValues written for clarity.
func plainValues(lines []string, name string) []string {
	var all []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			n, value, ok := strings.Cut(pair, "=")
			n = strings.TrimLeft(n, " \t")
			value = strings.Trim(value, " \t")
			if ok && n == name && len(value) <= maxCookie && !slices.Contains(all, value) && len(all) < maxValues {
				all = append(all, value)
			}
		}
	}
	return all
}

func FuzzCookieHeader(f *testing.F) {
	for _, seed := range []string{"", "session=1", "a=b; session=1;session=2", "xsession=1; session", "session==;", ";;;session=\t", "a=session=1; session=session=2", "session=1\xff; session =2"} {
		f.Add(seed, "session=3")
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		lines := []string{one, two}
		got := cookieValues(lines, "session")
		if diff := cmp.Diff(append([]string{}, plainValues(lines, "session")...), append([]string{}, got.all()...)); diff != "" {
			t.Errorf("values of %q (-plain +got):\n%s", lines, diff)
		}
	})
}

func TestCookieValuesAreFoundWithoutAllocation(t *testing.T) {
	lines := []string{strings.Repeat("other=value; xsession=1; ", 1000) + "session=1"}
	if n := testing.AllocsPerRun(10, func() { cookieValues(lines, "session") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
