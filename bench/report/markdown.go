package report

import (
	"errors"
	"fmt"
	"strings"
)

// The measured part of a document stands between these lines.
const (
	begin = "<!-- measured: begin. make bench writes what stands here. -->"
	end   = "<!-- measured: end -->"
)

// Fact is something about the machine or the run.
type Fact struct{ Name, Value string }

// Markdown is the measured part of the document. chart is the name of the
// picture beside it.
func Markdown(lines []Line, facts []Fact, chart string) string {
	var s strings.Builder
	add := func(format string, args ...any) { _, _ = fmt.Fprintf(&s, format+"\n", args...) }
	add("![What sallyport costs beside nginx](%s)\n", chart)
	add("| what | measured | requests/s | × (lowest–highest round) | of | must | reach | |")
	add("|---|--:|--:|--:|---|---|---|---|")
	for _, l := range lines {
		if l.Missing != "" {
			add("| %s | not measured: %s | | | | | | |", cell(l.What), cell(l.Missing))
			continue
		}
		add("| %s | %s | %s | %s | %s | %s | %s | %s |",
			cell(l.What), l.measured(), l.rate(), l.ratio(), cell(l.With), l.bound(l.Must), l.bound(l.Reach), l.Verdict())
	}
	add("")
	for _, f := range facts {
		add("- %s: %s", f.Name, f.Value)
	}
	return s.String()
}

// cell keeps a text from ending its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// Insert replaces the measured part of a document. What is written by hand
// around it stays.
func Insert(document, measured string) (string, error) {
	before, rest, begun := strings.Cut(document, begin)
	_, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		return "", errors.New("report: the document has no place for what was measured: two lines\n" + begin + "\n" + end)
	}
	return before + begin + "\n\n" + measured + "\n" + end + after, nil
}
