//go:build integration

package soak

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// worker does one task over and over.
type worker struct {
	*world
	name     string
	chance   *rand.Rand
	marks    atomic.Int64
	refusals *atomic.Int64 // refreshes that the IdP has to refuse
	over     <-chan struct{}
}

func (w *worker) mark() string { return fmt.Sprintf("%s-%d", w.name, w.marks.Add(1)) }

// between is a number from low to high by chance.
func (w *worker) between(low, high int) int { return low + w.chance.IntN(high-low+1) }

// wait waits, or until the run is over.
func (w *worker) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.over:
	}
}

// pick is one of them by chance.
func pick[T any](w *worker, of ...T) T { return of[w.chance.IntN(len(of))] }

// step does a task once.
type step func() error

// task is something that workers do.
type task struct {
	kind    kind // which failures it has
	workers int
	pause   time.Duration // mean, between two steps
	// start prepares a worker; it is called again after a failure.
	start func(w *worker) (step, error)
}

// tasks is the mixture. The pauses leave a busy machine of two cores some time:
// the aim is every kind of traffic at once, not much of it.
func tasks(w *world) []task {
	ms := time.Millisecond
	return []task{
		{kindLogin, 3, 200 * ms, visits},
		{kindBare, 1, 30 * ms, bare},
		{kindWarm, 1, 30 * ms, warm(w.memory)},
		{kindWarm, 1, 30 * ms, warm(w.redis)},
		{kindWarm, 1, 50 * ms, warm(w.cookie)},
		{kindWarm, 1, 50 * ms, warm(w.secure)},
		{kindMultiplex, 1, 100 * ms, multiplex},
		{kindParallel, 1, 200 * ms, parallel(w.memory)},
		{kindParallel, 1, 200 * ms, parallel(w.redis)},
		{kindParallel, 1, 200 * ms, parallel(w.cookie)},
		{kindParallel, 1, 200 * ms, parallel(w.secure)},
		{kindUpload, 2, 150 * ms, upload},
		{kindDownload, 2, 150 * ms, download},
		{kindSlow, 1, 100 * ms, slow},
		{kindEvents, 2, 100 * ms, events},
		{kindWebSocket, 2, 200 * ms, webSocket},
		{kindPipeline, 1, 100 * ms, pipeline},
		{kindLeave, 2, 100 * ms, leave},
		{kindBreakBody, 1, 200 * ms, breaks},
		{kindConfig, 1, 2000 * ms, changes},
	}
}

// run does a task until the run is over.
func (w *worker) run(t task) {
	var next step
	for {
		select {
		case <-w.over:
			return
		default:
		}
		err := error(nil)
		if next == nil {
			next, err = t.start(w)
		}
		if err == nil {
			err = next()
		}
		if err != nil {
			w.ledger.fail(t.kind, "%s: %v", w.name, err)
			next = nil // with a new user and new connections
		}
		w.wait(time.Duration(w.between(50, 150)) * t.pause / 100)
	}
}
