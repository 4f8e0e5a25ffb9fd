//go:build integration

package soak

import (
	"net/http"
	"testing"
	"time"
)

// required are the operations without which a run of a minute proves nothing.
var required = []kind{
	kindLogin, kindLogout, kindWarm, kindBare, kindParallel, kindConfig, kindUpload, kindDownload, kindSlow, kindEvents,
	kindWebSocket, kindFrame, kindPipeline, kindLeave, kindBreakHead, kindBreakBody, kindMultiplex, kindRefresh,
	kindAccess, kindUpstream, kindGatewayLog,
}

// judgeWork demands that everything was done and nothing went wrong, here and
// in what the IdP, the upstream and the gateway itself say.
func (w *world) judgeWork(t *testing.T, refusals int) {
	t.Helper()
	problems, total := w.ledger.problems()
	for _, text := range problems {
		t.Error(text)
	}
	if total > len(problems) {
		t.Errorf("%d failures more", total-len(problems))
	}
	for _, k := range required {
		if w.ledger.count(k) == 0 {
			t.Errorf("not once: %s", k)
		}
	}
	if got := w.idp.refusals(); got != refusals {
		t.Errorf("the IdP refused %d refreshes, want %d: those of cookie sessions that had been ended", got, refusals)
	}
	if got, want := int(w.records.badGateways.Load()), w.ledger.count(kindBreakHead); got != want {
		t.Errorf("%d log lines tell of a 502, want %d", got, want)
	}
}

// What may be left when nobody asks any more and the configuration is empty
// again: the Admin API's connection and what the runtime keeps.
const (
	leftGoroutines  = 10
	leftDescriptors = 6
)

// judgeRest takes the configuration away and demands that goroutines and
// descriptors come back to where they were before there was one.
func (w *world) judgeRest(t *testing.T, before sample) (rest sample) {
	t.Helper()
	w.transports.closeIdle()
	if err := w.demand(http.StatusCreated, http.MethodPost, "/config", map[string]any{"_format_version": "3.0"}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for {
		rest, err := w.measure()
		if err != nil {
			t.Fatal(err)
		}
		more := rest.values[goroutines] - before.values[goroutines]
		files := rest.values[descriptors] - before.values[descriptors]
		waiting := w.up.waiting.Load()
		if more <= leftGoroutines && files <= leftDescriptors && waiting == 0 {
			t.Logf("at rest after %v: %v goroutines and %v descriptors more than before", time.Since(start).Round(time.Second), more, files)
			return rest
		}
		if time.Since(start) > 3*time.Minute {
			t.Errorf("left at the end: %v goroutines, %v descriptors, %d requests at the upstream", more, files, waiting)
			return rest
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// judgeMemory demands of a long run that nothing grows from its third quarter
// to its last.
func judgeMemory(t *testing.T, samples []sample) {
	t.Helper()
	half := samples[len(samples)/2:]
	third, last := half[:len(half)/2], half[len(half)/2:]
	if len(third) < 10 {
		t.Fatalf("only %d samples: the run is too short to judge its memory", len(samples))
	}
	slack := [numSeries]float64{resident: 16 << 20, heap: 8 << 20, goroutines: 40, descriptors: 40}
	for which := range numSeries {
		early, late := median(of(third, which)), median(of(last, which))
		if late > early*1.15+slack[which] {
			t.Errorf("%s grew from %.0f in the third quarter to %.0f in the last", scale[which].name, early, late)
		}
	}
}
