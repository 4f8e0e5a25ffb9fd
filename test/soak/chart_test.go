//go:build integration

package soak

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// The drawing: one panel for each series, two in a row, in pixels.
const (
	panelWidth, panelHeight = 400, 190
	left, right, top, foot  = 52, 16, 40, 28 // around the curve of a panel
)

// style colours the drawing for a light and for a dark page.
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#57606a}
.name{font-weight:600;font-size:13px;fill:#1f2328}
.grid{stroke:#d0d7de}
.line{fill:none;stroke:#0969da;stroke-width:1.5;stroke-linejoin:round}
@media (prefers-color-scheme:dark){text{fill:#9198a1}.name{fill:#f0f6fc}.grid{stroke:#3d444d}.line{stroke:#4493f8}}
</style>
`

// draw draws all series over the time, as SVG.
func draw(samples []sample) []byte {
	var b bytes.Buffer
	width, height := 2*panelWidth, (int(numSeries)+1)/2*panelHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">
<title>Memory, goroutines and descriptors of the gateway over the soak</title>
%s`, width, height, width, height, style)
	for which := range numSeries {
		fmt.Fprintf(&b, "<g transform=\"translate(%d %d)\">\n", int(which)%2*panelWidth, int(which)/2*panelHeight)
		panel(&b, which, samples)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func panel(b *bytes.Buffer, which series, samples []sample) {
	s := scale[which]
	name := s.name
	if s.unit != "" {
		name += ", " + s.unit
	}
	fmt.Fprintf(b, "<text class=\"name\" x=\"%d\" y=\"22\">%s</text>\n", left, name)
	end := max(samples[len(samples)-1].at, time.Second)
	largest := 1.0
	for _, v := range of(samples, which) {
		largest = max(largest, v/s.divisor)
	}
	gap := interval(largest / 3)
	ceiling := math.Ceil(largest/gap) * gap
	x := func(at time.Duration) float64 {
		return left + float64(panelWidth-left-right)*at.Seconds()/end.Seconds()
	}
	y := func(v float64) float64 { return panelHeight - foot - float64(panelHeight-top-foot)*v/ceiling }
	for v := 0.0; v <= ceiling; v += gap {
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n",
			left, y(v), panelWidth-right, left-8, y(v)+4, v)
	}
	unit, per := "min", time.Minute
	if end < 3*time.Minute {
		unit, per = "s", time.Second
	}
	total := float64(end) / float64(per)
	for step, v := interval(total/4), 0.0; v <= total*1.001; v += step {
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", x(time.Duration(v*float64(per))), panelHeight-foot+16, v)
	}
	fmt.Fprintf(b, "<text x=\"%d\" y=\"22\" text-anchor=\"end\">over %.0f %s</text>\n", panelWidth-right, total, unit)
	var points []string
	for _, p := range samples {
		points = append(points, fmt.Sprintf("%.1f,%.1f", x(p.at), y(p.values[which]/s.divisor)))
	}
	fmt.Fprintf(b, "<polyline class=\"line\" points=\"%s\"/>\n", strings.Join(points, " "))
}

// interval is the smallest of 1, 2, 5, 10, 20, 50 … that is at least v.
func interval(v float64) float64 {
	for power := 1.0; ; power *= 10 {
		for _, digit := range []float64{1, 2, 5} {
			if digit*power >= v {
				return digit * power
			}
		}
	}
}

func TestIntervalIsARoundNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]float64{0: 1, 1: 1, 1.1: 2, 3: 5, 5.5: 10, 33: 50, 180: 200} {
		if got := interval(v); got != want {
			t.Errorf("interval(%v) = %v, want %v", v, got, want)
		}
	}
}
