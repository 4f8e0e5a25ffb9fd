//go:build integration

package soak

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// series is one of the values that are watched.
type series int

const (
	resident series = iota
	heap
	goroutines
	descriptors
	numSeries
)

// scale tells how a series is shown.
var scale = [numSeries]struct {
	name, unit string
	divisor    float64
}{
	resident:    {"Resident memory", "MiB", 1 << 20},
	heap:        {"Heap in use", "MiB", 1 << 20},
	goroutines:  {"Goroutines", "", 1},
	descriptors: {"File descriptors", "", 1},
}

// sample is what the gateway held at a moment.
type sample struct {
	at       time.Duration // since the workers started
	values   [numSeries]float64
	requests float64 // so far
}

// measure takes a sample from /metrics and /proc.
func (w *world) measure() (s sample, err error) {
	status, text, err := w.call(http.MethodGet, "/metrics", nil)
	if err != nil || status != http.StatusOK {
		return s, fmt.Errorf("/metrics: status %d (%w)", status, err)
	}
	pid := w.gateway.PID()
	files, err := openFiles(pid)
	if err != nil {
		return s, err
	}
	s.values[descriptors] = float64(files)
	if s.values[resident], err = residentBytes(pid); err != nil {
		return s, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		end := strings.LastIndexByte(line, ' ')
		if end < 0 {
			continue
		}
		name, _, _ := strings.Cut(line[:end], "{")
		number, err := strconv.ParseFloat(line[end+1:], 64)
		switch {
		case err != nil: // a comment
		case name == "go_goroutines":
			s.values[goroutines] = number
		case name == "go_memstats_heap_inuse_bytes":
			s.values[heap] = number
		case name == "sallyport_http_requests_total":
			s.requests += number
		}
	}
	if s.values[goroutines] == 0 || s.values[heap] == 0 {
		return s, errors.New("/metrics has no goroutines or no heap")
	}
	return s, nil
}

// watch samples until over is closed.
func (w *world) watch(over <-chan struct{}, every time.Duration) []sample {
	var all []sample
	start := time.Now()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		s, err := w.measure()
		if err != nil {
			w.ledger.fail(kindSetUp, "sample: %v", err)
			return all
		}
		s.at = time.Since(start)
		all = append(all, s)
		select {
		case <-ticker.C:
		case <-over:
			return all
		}
	}
}

// of are the values of one series.
func of(samples []sample, which series) []float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, s.values[which])
	}
	return values
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
