package main

import (
	"fmt"
	"regexp"
	"slices"

	"sallyport/bench/report"
)

// row is a line of the table, or two: one for each comparison.
type row struct {
	id, what string
	group    report.Group
	probe    *probe
	// figure is what counts, in unit. Without one it is CPU for a request.
	figure func(figures) float64
	unit   report.Unit
	// comparisons is what it is held against; without one it is only shown.
	comparisons []comparison
}

// comparison is with another probe, or with nothing: then the bounds are in the
// row's unit.
type comparison struct {
	with        *probe
	must, reach float64 // 0: none
	atLeast     bool
}

// plan is what is measured: rows, and the probes that they need.
type plan struct{ rows []*row }

// only keeps the rows whose id or text matches.
func (p *plan) only(pattern string) error {
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	p.rows = slices.DeleteFunc(p.rows, func(r *row) bool { return !wanted.MatchString(r.id) && !wanted.MatchString(r.what) })
	if len(p.rows) == 0 {
		return fmt.Errorf("-only %q: no row is like that", pattern)
	}
	return nil
}

// probes are those of the rows, each once, what it is compared with shortly
// before it.
func (p *plan) probes() []*probe {
	var all []*probe
	add := func(p *probe) {
		if p != nil && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	for _, r := range p.rows {
		for _, c := range r.comparisons {
			add(c.with)
		}
		add(r.probe)
	}
	return all
}

// lines are the rows with what the rounds found.
func (p *plan) lines() []report.Line {
	var lines []report.Line
	for _, r := range p.rows {
		line := report.Line{ID: r.id, What: r.what, Group: r.group, Unit: r.unit, Missing: r.probe.missing}
		if line.Missing != "" {
			lines = append(lines, line)
			continue
		}
		figure := r.figure
		if figure == nil {
			figure, line.Unit = cpuMicroseconds, report.Microseconds
		}
		line.Measured = report.SpreadOf(each(r.probe.results, figure))
		line.PerSecond = report.SpreadOf(each(r.probe.results, func(f figures) float64 { return f.perSecond })).Median
		if len(r.comparisons) == 0 {
			lines = append(lines, line)
		}
		for _, c := range r.comparisons {
			line.Must, line.Reach, line.AtLeast = c.must, c.reach, c.atLeast
			line.With, line.Ratio = "", report.Spread{}
			if c.with != nil {
				line.With, line.Missing = c.with.name, ""
				if c.with.missing != "" {
					line.Missing = c.with.name + ": " + c.with.missing
				}
				line.Ratio = report.SpreadOf(ratios(r.probe.results, c.with.results, figure))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func each(results []figures, figure func(figures) float64) []float64 {
	values := make([]float64, len(results))
	for i, f := range results {
		values[i] = figure(f)
	}
	return values
}

// ratios compares round by round.
func ratios(results, with []figures, figure func(figures) float64) []float64 {
	values := make([]float64, min(len(results), len(with)))
	for i := range values {
		values[i] = figure(results[i]) / figure(with[i])
	}
	return values
}

func cpuMicroseconds(f figures) float64 { return f.cpu.Seconds() * 1e6 }
func cpuMilliseconds(f figures) float64 { return f.cpu.Seconds() * 1e3 }
func perSecond(f figures) float64       { return f.perSecond }
func amount(f figures) float64          { return f.amount }
