//go:build integration

package soak

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// kind is a kind of operation that is counted.
type kind string

const (
	kindLogin      kind = "login"
	kindLogout     kind = "logout, old cookie refused"
	kindWarm       kind = "warm request with a session"
	kindBare       kind = "request without a plugin"
	kindParallel   kind = "refresh asked for by six requests at once"
	kindConfig     kind = "change of the configuration"
	kindUpload     kind = "upload"
	kindDownload   kind = "download"
	kindSlow       kind = "download by a slow reader"
	kindEvents     kind = "event stream"
	kindWebSocket  kind = "WebSocket"
	kindFrame      kind = "WebSocket frame sent back"
	kindPipeline   kind = "five pipelined requests"
	kindLeave      kind = "user agent breaks off"
	kindBreakHead  kind = "upstream breaks off before its answer"
	kindBreakBody  kind = "upstream breaks off within its answer"
	kindMultiplex  kind = "requests of several users at once on one HTTP/2 connection"
	kindRefresh    kind = "refresh, as the IdP saw it"
	kindAccess     kind = "access record"
	kindUpstream   kind = "request at the upstream"
	kindSetUp      kind = "set up"
	kindGatewayLog kind = "log line"
)

// maxFailures ends the run: what follows tells nothing new.
const maxFailures = 40

// ledger counts what was done and what went wrong. Safe for concurrent use.
type ledger struct {
	start time.Time
	full  chan struct{} // closed at maxFailures

	mu       sync.Mutex // guards what follows
	counts   map[kind]int
	failures map[kind]int
	texts    []string
	total    int
}

func newLedger() *ledger {
	return &ledger{start: time.Now(), full: make(chan struct{}), counts: map[kind]int{}, failures: map[kind]int{}}
}

// done counts an operation that went as it must.
func (l *ledger) done(k kind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[k]++
}

// fail notes what must not be.
func (l *ledger) fail(k kind, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures[k]++
	l.total++
	if l.total == maxFailures {
		close(l.full)
	}
	if l.total <= maxFailures {
		l.texts = append(l.texts, fmt.Sprintf("%6.1fs %s: %.1500s", time.Since(l.start).Seconds(), k, fmt.Sprintf(format, args...)))
	}
}

func (l *ledger) count(k kind) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts[k]
}

// tally is one kind's line of the report.
type tally struct {
	kind         kind
	done, failed int
}

// tallies lists every kind that occurred, by name.
func (l *ledger) tallies() []tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.counts)
	for k := range l.failures {
		all[k] += 0
	}
	var out []tally
	for _, k := range slices.Sorted(maps.Keys(all)) {
		out = append(out, tally{k, l.counts[k], l.failures[k]})
	}
	return out
}

// problems are the failures as text; total counts those that are not kept, too.
func (l *ledger) problems() (texts []string, total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.texts), l.total
}
