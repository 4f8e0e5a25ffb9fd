package report

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample has a line of every kind.
func sample() []Line {
	spread := func(v float64) Spread { return Spread{Low: v * 0.97, Median: v, High: v * 1.04} }
	const bare = "nginx, bare proxy"
	return []Line{
		{ID: "nginx-bare", What: "nginx, bare proxy", Group: Reference, Unit: Microseconds, Measured: spread(20), PerSecond: 45000},
		{ID: "nginx-same", What: "nginx doing what a gateway does", Group: Reference, Unit: Microseconds, Measured: spread(25.2), PerSecond: 36000, With: bare, Ratio: spread(1.26)},
		{ID: "bare", What: "route without a plugin", Unit: Microseconds, Measured: spread(22.4), PerSecond: 41000, With: bare, Ratio: spread(1.12), Must: 1.35, Reach: 1.15},
		{ID: "session", What: "warm session, memory store, 10000 distinct", Unit: Microseconds, Measured: spread(28), PerSecond: 33000, With: bare, Ratio: spread(1.4), Must: 1.6, Reach: 1.35},
		{ID: "redirect", What: "no session: redirect to the IdP, nothing stored", Unit: Microseconds, Measured: spread(32), PerSecond: 29000, With: "nginx, bare return 302", Ratio: spread(3.2), Must: 3, Reach: 2.2},
		{ID: "login", What: "one whole login", Unit: Milliseconds, Measured: spread(0.5), With: "", Must: 0.6, Reach: 0.4},
		{ID: "size", What: "a session in the memory store, beyond its tokens", Unit: Bytes, Measured: spread(900.4), Must: 1024},
		{ID: "two-cores", What: "two cores against one, by CPU time", Unit: PerSecond, Measured: spread(60000), With: "one", Ratio: spread(1.92), Must: 1.7, Reach: 1.9, AtLeast: true},
		{ID: "idle", What: "idle keep-alive connection", Unit: Kilobytes, Measured: spread(31), Must: 12, Reach: 6},
		{ID: "peer", What: "Apache, mod_auth_openidc: warm session", Group: Peer, Unit: Microseconds, Measured: spread(260), PerSecond: 3800, With: bare, Ratio: spread(13)},
		{ID: "absent", What: "oauth2-proxy: warm session", Group: Peer, Unit: Microseconds, With: bare, Missing: "it is not <there> | at all"},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is another (go test -update writes it anew):\n%s", name, got)
	}
}

func TestTextIsGolden(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := Text(&out, sample()); err != nil {
		t.Fatal(err)
	}
	golden(t, "table.txt", out.String())
}

func TestMarkdownIsGolden(t *testing.T) {
	t.Parallel()
	golden(t, "table.md", Markdown(sample(), []Fact{{"machine", "a loud one"}, {"kernel", "of truth"}}, "chart.svg"))
}

func TestChartIsGoldenAndWellFormed(t *testing.T) {
	t.Parallel()
	chart := Chart(sample(), "Costs <beside> nginx")
	golden(t, "chart.svg", chart)
	d := xml.NewDecoder(strings.NewReader(chart))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line Line
		want Verdict
	}{
		"within reach": {Line{With: "x", Ratio: Spread{Median: 1.1}, Must: 1.35, Reach: 1.15}, Reached},
		"what is shown as the bound is within it": {Line{With: "x", Ratio: Spread{Median: 1.3549}, Must: 1.35, Reach: 1.15}, Met},
		"what is shown as more is not":            {Line{With: "x", Ratio: Spread{Median: 1.3551}, Must: 1.35, Reach: 1.15}, Missed},
		"without a reach":                         {Line{Measured: Spread{Median: 1000}, Must: 1024}, Met},
		"the figure itself, without a ratio":      {Line{Measured: Spread{Median: 2000}, Ratio: Spread{Median: 1}, Must: 1024}, Missed},
		"at least: more is better":                {Line{With: "x", Ratio: Spread{Median: 1.95}, Must: 1.7, Reach: 1.9, AtLeast: true}, Reached},
		"at least: less is worse":                 {Line{With: "x", Ratio: Spread{Median: 1.69}, Must: 1.7, Reach: 1.9, AtLeast: true}, Missed},
		"no bound":                                {Line{With: "x", Ratio: Spread{Median: 9}}, NoBound},
		"nothing was measured":                    {Line{Must: 1, Missing: "why"}, NoBound},
	} {
		if got := c.line.Verdict(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{3, 1, 2}, Spread{1, 2, 3}},
		{[]float64{4, 1, 2, 3}, Spread{1, 2.5, 4}},
	} {
		if got := SpreadOf(c.values); got != c.want {
			t.Errorf("%v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestInsertKeepsWhatIsWrittenByHand(t *testing.T) {
	t.Parallel()
	document := "# Title\n\n" + begin + "\nold\n" + end + "\n\n## By hand\n"
	got, err := Insert(document, "new")
	if want := "# Title\n\n" + begin + "\n\nnew\n" + end + "\n\n## By hand\n"; err != nil || got != want {
		t.Errorf("%v:\n%s", err, got)
	}
	again, err := Insert(got, "new")
	if err != nil || again != got {
		t.Errorf("a second time it is another: %v\n%s", err, again)
	}
	for name, bad := range map[string]string{
		"no place":      "# Title\n",
		"no end":        begin + "\n",
		"the end first": end + "\n" + begin,
	} {
		if _, err := Insert(bad, "new"); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
