package main

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"sallyport/bench/report"
)

func cpus(micros ...int) []figures {
	results := make([]figures, len(micros))
	for i, n := range micros {
		results[i] = figures{cpu: time.Duration(n) * time.Microsecond, perSecond: float64(1000 * n)}
	}
	return results
}

// In the slow second round both cost three times as much.
func TestRatiosAreTakenWithinARound(t *testing.T) {
	t.Parallel()
	nginx := &probe{name: "nginx", results: cpus(10, 30, 10)}
	p := &plan{rows: []*row{{
		id: "a", probe: &probe{results: cpus(20, 60, 21)},
		comparisons: []comparison{{with: nginx, must: 2.05, reach: 1.5}, {must: 1, atLeast: true}},
	}}}
	lines := p.lines()
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	if got, want := lines[0].Ratio, (report.Spread{Low: 2, Median: 2, High: 2.1}); got != want || lines[0].With != "nginx" {
		t.Errorf("with %q: %v, want %v", lines[0].With, got, want)
	}
	if got := lines[0]; got.Unit != report.Microseconds || got.Measured.Median != 21 || got.PerSecond != 21000 || got.Must != 2.05 || got.Reach != 1.5 || got.AtLeast {
		t.Errorf("first line: %+v", got)
	}
	if got := lines[1]; got.With != "" || got.Ratio != (report.Spread{}) || got.Must != 1 || got.Reach != 0 || !got.AtLeast {
		t.Errorf("second line: %+v", got)
	}
}

func TestProbesAreMeasuredOnceAndReferencesFirst(t *testing.T) {
	t.Parallel()
	nginx, other, a, c := &probe{name: "nginx"}, &probe{name: "other"}, &probe{name: "a"}, &probe{name: "c"}
	p := &plan{rows: []*row{
		{id: "a", probe: a, comparisons: []comparison{{with: nginx}, {}}},
		{id: "a-again", probe: a, comparisons: []comparison{{with: other}}},
		{id: "c", what: "the last", probe: c, comparisons: []comparison{{with: nginx}}},
	}}
	if got, want := p.probes(), []*probe{nginx, a, other, c}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", names(got), names(want))
	}
	if err := p.only("^a-|last"); err != nil {
		t.Fatal(err)
	}
	if got, want := p.probes(), []*probe{other, a, nginx, c}; !reflect.DeepEqual(got, want) {
		t.Errorf("some of them: got %v, want %v", names(got), names(want))
	}
	for _, bad := range []string{"no such row", "("} {
		if err := p.only(bad); err == nil {
			t.Errorf("-only %s: accepted", bad)
		}
	}
}

func names(probes []*probe) []string {
	var all []string
	for _, p := range probes {
		all = append(all, p.name)
	}
	return all
}

func TestARowThatIsNotMeasuredSaysWhy(t *testing.T) {
	t.Parallel()
	p := &plan{rows: []*row{{id: "a", probe: &probe{missing: "not installed"}, comparisons: []comparison{{}, {}}}}}
	if lines := p.lines(); len(lines) != 1 || lines[0].Missing != "not installed" {
		t.Errorf("got %+v", lines)
	}
}

// Zero times something is within every bound.
func TestARowWhoseReferenceIsNotMeasuredHasNoVerdict(t *testing.T) {
	t.Parallel()
	p := &plan{rows: []*row{{id: "a", probe: &probe{results: cpus(20)}, comparisons: []comparison{
		{with: &probe{name: "nginx", missing: "it failed: it is gone"}, must: 2}, {with: &probe{name: "other", results: cpus(10)}, must: 2},
	}}}}
	lines := p.lines()
	if lines[0].Missing != "nginx: it failed: it is gone" || lines[0].Verdict() != report.NoBound {
		t.Errorf("got %+v", lines[0])
	}
	if lines[1].Missing != "" || lines[1].Verdict() != report.Met {
		t.Errorf("the other: %+v", lines[1])
	}
}

func TestAProbeThatFailsLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	calls := map[string]int{}
	newProbe := func(name string, failures int) *probe {
		return &probe{name: name, measure: func(context.Context) (figures, error) {
			if calls[name]++; calls[name] <= failures {
				return figures{}, errors.New("no answer\nmore about it")
			}
			return figures{perSecond: 1}, nil
		}}
	}
	absent := &probe{name: "absent", prepare: func(context.Context) error { return absence("not installed") }}
	broken, stumbling, good := newProbe("broken", 100), newProbe("stumbling", 2), newProbe("good", 0)
	b := &bench{settings: settings{rounds: 2}, progress: io.Discard, now: time.Now}
	err := b.measure(t.Context(), []*probe{absent, broken, stumbling, good})
	if err == nil || !strings.Contains(err.Error(), "broken: no answer") || strings.Contains(err.Error(), "stumbling") {
		t.Errorf("error %v", err)
	}
	if absent.missing != "not installed" || broken.missing != "it failed: no answer" || calls["broken"] != 3 {
		t.Errorf("absent %q, broken %q after %d calls", absent.missing, broken.missing, calls["broken"])
	}
	if len(stumbling.results) != 2 || len(good.results) != 2 || good.missing != "" {
		t.Errorf("the others: %v, %v", stumbling.results, good.results)
	}
	if err := b.measure(t.Context(), []*probe{absent, good}); err != nil {
		t.Errorf("an absence is not a failure: %v", err)
	}
}

func TestSplitOfCores(t *testing.T) {
	t.Parallel()
	all := cores{0, 2, 3}
	for n, want := range map[int][2]string{1: {"0", "2,3"}, 2: {"0,2", "3"}, 3: {"0,2,3", "0,2,3"}} {
		proxy, load, err := split(all, n)
		if got := [2]string{proxy.String(), load.String()}; err != nil || got != want {
			t.Errorf("%d: %v, %v, want %v", n, got, err, want)
		}
	}
	for _, n := range []int{0, 4} {
		if _, _, err := split(all, n); err == nil {
			t.Errorf("%d of 3 cores: accepted", n)
		}
	}
}

// Where hyper-threads are in pairs, the proxy's twin stays idle, unless nothing
// else is left.
func TestLoadKeepsFromTheProxysTwin(t *testing.T) {
	t.Parallel()
	paired := func(core int) (cores, error) { return parseCores(map[bool]string{true: "0-1", false: "2,3"}[core < 2]) }
	for name, c := range map[string]struct{ proxy, load, want cores }{
		"four threads":            {cores{0}, cores{1, 2, 3}, cores{2, 3}},
		"two threads of one core": {cores{0}, cores{1}, cores{1}},
		"a whole core":            {cores{0, 1}, cores{2, 3}, cores{2, 3}},
	} {
		if got, err := apart(c.proxy, c.load, paired); err != nil || got.String() != c.want.String() {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "a", "1-b"} {
		if got, err := parseCores(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestWorkOfOthersIsWhatNobodyOfUsDid(t *testing.T) {
	t.Parallel()
	before := usage{cores: 10 * time.Second, ours: 4 * time.Second, total: 1000}
	after := usage{cores: 12 * time.Second, ours: 5500 * time.Millisecond, total: 1200} // half a second of two
	if got := after.since(before); got != 0.25 {
		t.Errorf("%v", got)
	}
	if got := before.since(before); got != 0 {
		t.Errorf("no time: %v", got)
	}
	after.ours += time.Second // ticks are coarse
	if got := after.since(before); got != 0 {
		t.Errorf("less than nothing: %v", got)
	}
}

// What others disturb is measured again, thrice at most and as long as patience
// lasts, and the best of it counts.
func TestDisturbedMeasurementsAreRepeated(t *testing.T) {
	t.Parallel()
	for patience, most := range map[time.Duration]int{0: 1, time.Hour: 3} {
		calls := 0
		b := &bench{now: time.Now, patience: patience, progress: io.Discard}
		p := &probe{measure: func(context.Context) (figures, error) {
			calls++
			return figures{amount: float64(calls)}, nil
		}}
		if f, err := b.undisturbed(t.Context(), p); err != nil || calls < 1 || calls > most || f.amount < 1 {
			t.Errorf("patience %v: %d calls, %+v, %v", patience, calls, f, err)
		}
	}
}

func TestTimesOfCores(t *testing.T) {
	t.Parallel()
	const stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 40 5 6 7 8 100 100\ncpu1 1 1 1 20 1 1 1 1 0 0\ncpu11 9 9 9 9 9 9 9 9 9 9\nintr 1\n"
	for name, c := range map[string]struct {
		of   cores
		want times
	}{
		"one core":  {cores{0}, times{idle: 45, worked: 14, total: 72}},
		"two cores": {cores{0, 1}, times{idle: 66, worked: 18, total: 99}},
	} {
		if got, err := parseTimes(stat, c.of); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	for name, bad := range map[string]string{"a core that is not there": stat, "nothing": "", "no numbers": "cpu7 a b c d e f g h\n"} {
		if _, err := parseTimes(bad, cores{7}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
