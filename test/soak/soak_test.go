//go:build integration

package soak

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// settings are what the environment says.
type settings struct {
	length       time.Duration
	long, report bool
	seed         uint64
}

func readSettings(t *testing.T) settings {
	t.Helper()
	s := settings{
		length: time.Minute, seed: uint64(time.Now().UnixNano()),
		long: os.Getenv("SALLYPORT_LONG") == "1", report: os.Getenv("SALLYPORT_SOAK_REPORT") == "1",
	}
	var err error
	if text := os.Getenv("SALLYPORT_SOAK"); text != "" {
		if s.length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SALLYPORT_SOAK: %v", err)
		}
	}
	if text := os.Getenv("SALLYPORT_SOAK_SEED"); text != "" {
		if s.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SALLYPORT_SOAK_SEED: %v", err)
		}
	}
	return s
}

func TestMixedTrafficLeavesNoErrorAndNothingBehind(t *testing.T) {
	t.Parallel()
	o := readSettings(t)
	t.Logf("%v, SALLYPORT_SOAK_SEED=%d", o.length, o.seed)
	w := newWorld(t, !o.long)
	before, err := w.measure()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.demand(http.StatusCreated, http.MethodPost, "/config", w.config); err != nil {
		t.Fatal(err)
	}

	result := outcome{date: time.Now(), length: o.length, seed: o.seed, race: !o.long, before: before}
	var refusals atomic.Int64
	result.samples = w.traffic(t, o, &refusals)
	w.judgeWork(t, int(refusals.Load()))
	result.rest = w.judgeRest(t, before)
	if o.long {
		judgeMemory(t, result.samples)
	}
	result.tallies = w.ledger.tallies()
	t.Logf("%s", result.text())
	if o.report {
		result.write(t)
	}
}

// traffic lets all workers do their tasks for as long as the run takes, or
// until too much went wrong.
func (w *world) traffic(t *testing.T, o settings, refusals *atomic.Int64) (samples []sample) {
	t.Helper()
	over := make(chan struct{})
	var workers, watching sync.WaitGroup
	number := uint64(0)
	for _, task := range tasks(w) {
		for range task.workers {
			number++
			one := &worker{
				world: w, name: fmt.Sprintf("w%02d", number), over: over, refusals: refusals,
				chance: rand.New(rand.NewPCG(o.seed, number)),
			}
			workers.Go(func() { one.run(task) })
		}
	}
	every := time.Second
	if o.length > 10*time.Minute {
		every = 10 * time.Second
	}
	watching.Go(func() { samples = w.watch(over, every) })
	select {
	case <-time.After(o.length):
	case <-w.ledger.full:
	}
	close(over)
	end := time.Now()
	workers.Wait()
	t.Logf("the last step ended %v later", time.Since(end).Round(time.Second))
	watching.Wait()
	return samples
}
