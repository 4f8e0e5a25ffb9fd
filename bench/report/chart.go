package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// The chart's measures, in pixels.
const (
	width      = 960
	barsLeft   = 372
	barsWidth  = 392
	lineHeight = 40
	barHeight  = 16
	top        = 62
	headHeight = 58
)

// scale is how long the axis of a panel is: longer bars are cut, and say so.
const (
	ratioScale = 4.0
	shareScale = 2.0
)

// style holds the colours, for light and for dark. Bars also say in words what
// their colour says.
const style = `
    .page { fill: #ffffff; stroke: #d8dde4 }
    text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #1d2430 }
    .title { font-size: 17px; font-weight: 600 }
    .head { font-size: 14px; font-weight: 600 }
    .quiet { font-size: 11px; fill: #5b6673 }
    .value { font-weight: 600 }
    .axis { stroke: #d8dde4; stroke-width: 1 }
    .one { stroke: #8a94a1; stroke-width: 1; stroke-dasharray: 3 3 }
    .reached { fill: #1f8a5b } .met { fill: #2f6fd0 } .missed { fill: #d1622b } .reference { fill: #8a94a1 } .peer { fill: #a98bc4 }
    .must { stroke: #1d2430; stroke-width: 2.5 } .reach { stroke: #1d2430; stroke-width: 1.5; stroke-dasharray: 3 2 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #14181e; stroke: #303946 }
      text { fill: #e6e9ee }
      .quiet { fill: #9aa5b2 }
      .axis { stroke: #303946 } .one { stroke: #707b88 }
      .reached { fill: #3fb67f } .met { fill: #5b95ec } .missed { fill: #e8834f } .reference { fill: #707b88 } .peer { fill: #9078ad }
      .must, .reach { stroke: #f2f4f7 }
    }`

// Chart draws the lines as horizontal bars: ratios on one axis, what has a unit
// of its own as a share of its bound on another. Lines without either are left
// out.
func Chart(lines []Line, title string) string {
	var ratios, others []Line
	for _, l := range lines {
		switch {
		case l.Missing != "":
		case l.With != "" && !l.AtLeast:
			ratios = append(ratios, l)
		case l.Must > 0:
			others = append(others, l)
		}
	}
	c := &canvas{y: top}
	if len(ratios) > 0 {
		c.panel("Times nginx: shorter is better", ratioScale, 1, "×", ratios)
	}
	if len(others) > 0 {
		c.panel("Own bounds: share of what must be", shareScale, 0.5, "", others)
	}
	height := c.y + 52
	c.legend(c.y + 26)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">
  <title>%s</title>
  <style>%s
  </style>
  <rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="10"/>
  <text class="title" x="24" y="36">%s</text>
%s</svg>
`, width, height, width, height, escape(title), style, width-1, height-1, escape(title), c.drawn.String())
}

// canvas collects what is drawn.
type canvas struct {
	drawn strings.Builder
	y     int // the next free line
}

func (c *canvas) add(format string, args ...any) {
	_, _ = fmt.Fprintf(&c.drawn, "  "+format+"\n", args...)
}

func (c *canvas) text(class, anchor string, x float64, y int, text string) {
	c.add(`<text class=%q text-anchor=%q x="%.1f" y="%d">%s</text>`, class, anchor, x, y, escape(text))
}

// panel draws lines on an axis of their own.
func (c *canvas) panel(head string, scale, step float64, unit string, lines []Line) {
	at := func(value float64) float64 { return barsLeft + min(value, scale)/scale*barsWidth }
	c.text("head", "start", 24, c.y+14, head)
	first, last := c.y+34, c.y+headHeight-18+lineHeight*len(lines)
	for value := 0.0; value <= scale; value += step {
		class := "axis"
		if value == 1 {
			class = "one"
		}
		c.add(`<line class=%q x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, class, at(value), first, at(value), last)
		c.text("quiet", "middle", at(value), first-6, fmt.Sprintf("%g", value)+unit)
	}
	for i, l := range lines {
		c.bar(l, c.y+headHeight-18+i*lineHeight, scale, at)
	}
	c.y = last + 20
}

// bar draws a line at y, its upper edge.
func (c *canvas) bar(l Line, y int, scale float64, at func(float64) float64) {
	share, label, against := 1.0, number(l.figure().Median, Milliseconds)+" ×", "of "+l.With
	switch {
	case l.With == "":
		share, label, against = l.Must, l.measured(), l.bound(l.Must)
	case l.AtLeast:
		share, against = l.Must, l.bound(l.Must)+" × "+l.With+": longer is better"
	}
	value := l.figure().Median / share
	c.text("", "end", barsLeft-12, y+15, l.What)
	c.text("quiet", "end", barsLeft-12, y+29, against)
	end := at(max(0, value))
	c.add(`<rect class=%q x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`, l.class(), barsLeft, y+8, max(1, end-barsLeft), barHeight)
	if value > scale { // a gap says that the bar goes on
		c.add(`<path class="page" d="M%.1f %d l6 %d l5 0 l-6 %d z" stroke="none"/>`, end-22, y+26, -20, 20)
	}
	for _, tick := range []struct {
		class string
		bound float64
	}{{"must", l.Must}, {"reach", l.Reach}} {
		if tick.bound > 0 {
			x := at(tick.bound / share)
			c.add(`<line class=%q x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, tick.class, x, y+4, x, y+barHeight+12)
		}
	}
	if verdict := l.Verdict(); verdict != NoBound {
		label += ", " + verdict.String()
	}
	// Behind bar and ticks, so that nothing crosses the text.
	behind := math.Max(end, math.Max(at(l.Must/share), at(l.Reach/share)))
	c.text("value", "start", behind+8, y+21, label)
}

func (l Line) class() string {
	switch {
	case l.Group == Reference:
		return "reference"
	case l.Group == Peer:
		return "peer"
	case l.Verdict() == NoBound:
		return "reference"
	}
	return l.Verdict().String()
}

func (c *canvas) legend(y int) {
	x := 24.0
	for _, entry := range []struct{ class, text string }{
		{"reached", "reached"},
		{"met", "must is met"},
		{"missed", "must is missed"},
		{"reference", "reference"},
		{"peer", "other gateways"},
	} {
		c.add(`<rect class=%q x="%.1f" y="%d" width="12" height="12" rx="2"/>`, entry.class, x, y-10)
		c.text("quiet", "start", x+18, y, entry.text)
		x += 36 + 6.4*float64(len(entry.text))
	}
	for _, tick := range []string{"must", "reach"} {
		c.add(`<line class=%q x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, tick, x+4, y-13, x+4, y+5)
		c.text("quiet", "start", x+12, y, tick)
		x += 60
	}
}

func escape(text string) string {
	var s strings.Builder
	_ = xml.EscapeText(&s, []byte(text)) // a Builder takes everything
	return s.String()
}
