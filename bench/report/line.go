package report

import (
	"fmt"
	"slices"
	"strconv"
)

// Group tells whose figure a line is.
type Group int

// The groups. The zero value is sallyport, what all is about.
const (
	Sallyport Group = iota
	Reference       // what sallyport is held against
	Peer            // other gateways, for orientation
)

// Unit is what a figure counts.
type Unit string

// The units.
const (
	Microseconds Unit = "µs" // of CPU, for a request
	Milliseconds Unit = "ms"
	Kilobytes    Unit = "KB"
	Bytes        Unit = "bytes"
	PerSecond    Unit = "/s"
)

// Spread is a median with the extremes of the rounds.
type Spread struct{ Low, Median, High float64 }

// SpreadOf sorts a copy of values; without values it is zero.
func SpreadOf(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{Low: sorted[0], Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, High: sorted[n-1]}
}

// Line is one measured figure, held against one other.
type Line struct {
	ID, What string
	Group    Group
	// Measured is the figure itself, in Unit.
	Measured Spread
	Unit     Unit
	// PerSecond counts requests; 0: nothing was counted.
	PerSecond float64
	// With names what Ratio is the ratio to; empty: the bounds hold for Measured.
	With  string
	Ratio Spread
	// Must and Reach are the bounds, 0 for none. AtLeast makes them lower ones.
	Must, Reach float64
	AtLeast     bool
	// Missing tells why nothing was measured.
	Missing string
}

// Verdict is how a line stands to its bounds.
type Verdict int

// The verdicts.
const (
	NoBound Verdict = iota
	Missed
	Met
	Reached
)

// String is the verdict in the table.
func (v Verdict) String() string { return [...]string{"", "missed", "met", "reached"}[v] }

// figure is what the bounds hold for.
func (l Line) figure() Spread {
	if l.With != "" {
		return l.Ratio
	}
	return l.Measured
}

// Verdict compares with the bounds, to the two digits that are shown.
func (l Line) Verdict() Verdict {
	value, err := strconv.ParseFloat(fmt.Sprintf("%.2f", l.figure().Median), 64)
	within := func(bound float64) bool { return value <= bound }
	if l.AtLeast {
		within = func(bound float64) bool { return value >= bound }
	}
	switch {
	case l.Must == 0 || l.Missing != "":
		return NoBound
	case err != nil || !within(l.Must):
		return Missed
	case l.Reach == 0 || !within(l.Reach):
		return Met
	}
	return Reached
}

// bound is a bound in words.
func (l Line) bound(value float64) string {
	if value == 0 {
		return ""
	}
	sign := "≤"
	if l.AtLeast {
		sign = "≥"
	}
	text := sign + " " + strconv.FormatFloat(value, 'f', -1, 64)
	if l.With == "" {
		text += " " + string(l.Unit)
	}
	return text
}

// measured is the figure with its unit.
func (l Line) measured() string {
	return number(l.Measured.Median, l.Unit) + " " + string(l.Unit)
}

func number(value float64, unit Unit) string {
	switch unit {
	case Bytes, PerSecond:
		return fmt.Sprintf("%.0f", value)
	case Microseconds, Kilobytes:
		return fmt.Sprintf("%.1f", value)
	case Milliseconds:
	}
	return fmt.Sprintf("%.2f", value)
}

// ratio is the ratio with its extremes; empty without one.
func (l Line) ratio() string {
	if l.With == "" {
		return ""
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", l.Ratio.Median, l.Ratio.Low, l.Ratio.High)
}

// rate is requests per second; empty where none were counted.
func (l Line) rate() string {
	if l.PerSecond == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", l.PerSecond)
}
