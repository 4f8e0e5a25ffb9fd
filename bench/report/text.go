package report

import (
	"io"
	"strings"
	"text/tabwriter"
)

// Text prints the table for a terminal.
func Text(out io.Writer, lines []Line) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		_, _ = io.WriteString(w, strings.Join(cells, "\t")+"\n") // Flush tells of errors
	}
	row("", "measured", "requests/s", "× (spread)", "of", "must", "reach", "")
	for _, l := range lines {
		if l.Missing != "" {
			row(l.ID+": "+l.What, "not measured: "+l.Missing)
			continue
		}
		row(l.ID+": "+l.What, l.measured(), l.rate(), l.ratio(), l.With, l.bound(l.Must), l.bound(l.Reach), l.Verdict().String())
	}
	return w.Flush()
}
