package telemetry

import (
	"context"
	"maps"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/flow"
)

// Flows is a flow.Sink that counts steps.
type Flows struct {
	steps *prometheus.CounterVec
	// known are the counters that were used before: there are as many at most as
	// there are words for the three labels. It is replaced, never changed.
	known atomic.Pointer[map[flowSeries]prometheus.Counter]
}

type flowSeries struct {
	kind    flow.Kind
	step    string
	verdict flow.Verdict
}

var _ flow.Sink = (*Flows)(nil)

func newFlows(steps *prometheus.CounterVec) *Flows { return &Flows{steps: steps} }

// knownSteps are the steps that have a series of their own.
var knownSteps = map[string]bool{
	"access token":                           true,
	"access token expired, no refresh token": true,
	"authorization request":                  true,
	"authorization response":                 true,
	"authorization response issuer":          true,
	"claims":                                 true,
	"cookies and target":                     true,
	"discovery":                              true,
	"end session":                            true,
	"id token":                               true,
	"identity provider":                      true,
	"introspection":                          true,
	"malformed credentials":                  true,
	"password":                               true,
	"client_credentials":                     true,
	"refresh_token":                          true,
	"keep session":                           true,
	"kong_oauth2":                            true,
	"level":                                  true,
	"load session":                           true,
	"logout request":                         true,
	"mark login as used":                     true,
	"open session":                           true,
	"redirect to the target":                 true,
	"refresh session":                        true,
	"same-origin repeat":                     true,
	"session":                                true,
	"session cookie":                         true,
	"session exists":                         true,
	"signing keys":                           true,
	"state":                                  true,
	"token exchange endpoint":                true,
	"token request":                          true,
	"token revocation":                       true,
	"pushed authorization request":           true,
	"signed authorization response":          true,
	"transaction":                            true,
	"user info":                              true,
}

// Emit implements flow.Sink.
func (f *Flows) Emit(_ context.Context, e flow.Event) {
	step, _, _ := strings.Cut(e.Step, ":") // what follows is the rule
	if !knownSteps[step] {
		step = other
	}
	kind, verdict := e.Kind, e.Verdict
	switch kind {
	case flow.Login, flow.Callback, flow.Refresh, flow.Logout, flow.Session, flow.Access:
	default:
		kind = other
	}
	switch verdict {
	case flow.Passed, flow.Refused, flow.Failed, flow.Abandoned:
	default:
		verdict = other
	}
	f.counter(flowSeries{kind, step, verdict}).Inc()
}

// counter gives the counter of a series. Of two that add one at the same time,
// one may be forgotten, and is then added again.
func (f *Flows) counter(s flowSeries) prometheus.Counter {
	known := f.known.Load()
	if known != nil {
		if c, ok := (*known)[s]; ok {
			return c
		}
	}
	c := f.steps.WithLabelValues(string(s.kind), s.step, string(s.verdict))
	more := map[flowSeries]prometheus.Counter{s: c}
	if known != nil {
		maps.Copy(more, *known)
	}
	f.known.Store(&more)
	return c
}
