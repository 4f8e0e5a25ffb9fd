//go:build integration

package soak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// outcome is a run as the report tells it.
type outcome struct {
	date         time.Time
	length       time.Duration
	seed         uint64
	race         bool
	before, rest sample // without a configuration
	samples      []sample
	tallies      []tally
}

// write writes the report and its drawing.
func (o *outcome) write(t *testing.T) {
	t.Helper()
	docs := filepath.Join("..", "..", "docs")
	for name, content := range map[string][]byte{"soak.md": o.text(), "soak.svg": draw(o.samples)} {
		if err := os.WriteFile(filepath.Join(docs, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (o *outcome) text() []byte {
	var b bytes.Buffer
	last := o.samples[len(o.samples)-1]
	fmt.Fprintf(&b, `# Soak

`+"`make test-long`"+` wrote this page: mixed traffic for %v, over HTTP/1.1, TLS and HTTP/2, with sessions in memory, in Redis and in the cookie, whose access
tokens live for %v and whose ids for at most %d s. Every answer was compared with what had to come, and at the upstream every request with the user whose it
was. An error is any answer, byte, log line or access record that is not what it must be; there may be none.

| | |
|---|---|
| date | %s |
| length | %v |
| machine | %s, %d cores; clients, upstream, identity provider and Redis beside the gateway |
| program | %s, %s/%s, race detector %s |
| requests that the gateway answered | %.0f, %.0f a second |
| seed | %d |

![Resident memory, heap, goroutines and descriptors over the run](soak.svg)

| | start | largest | median of the last quarter | configuration taken away |
|---|---|---|---|---|
`, o.length.Round(time.Second), tokenLife, rolling, o.date.UTC().Format(time.DateOnly), o.length.Round(time.Second), processor(), runtime.NumCPU(),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, onOff(o.race), last.requests, last.requests/last.at.Seconds(), o.seed)
	for which := range numSeries {
		s, values := scale[which], of(o.samples, which)
		largest := 0.0
		for _, v := range values {
			largest = max(largest, v)
		}
		show := func(v float64) string { return strings.TrimSpace(fmt.Sprintf("%.0f %s", v/s.divisor, s.unit)) }
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", s.name, show(o.before.values[which]), show(largest),
			show(median(values[len(values)*3/4:])), show(o.rest.values[which]))
	}
	b.WriteString(`
The start is before the gateway had a configuration. At the end the user agents have gone and the configuration is empty again: goroutines and descriptors
must be back. The runtime gives memory back to the system later.

| operation | done | errors |
|---|---|---|
`)
	for _, y := range o.tallies {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", y.kind, y.done, y.failed)
	}
	return b.Bytes()
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// processor is the name of the machine's processor.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
