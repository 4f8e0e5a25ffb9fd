package telemetry

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Route is a configured route, with its service where it has one.
type Route struct {
	ID, Name               string
	ServiceID, ServiceName string
}

// Request is one that has ended.
type Request struct {
	// RouteID is empty for a request that no route matched.
	RouteID string
	// Status is that of the answer, 0 without one.
	Status int
	Took   time.Duration
	// Failure tells how the upstream failed.
	Failure Failure
}

// Failure is how asking an upstream failed.
type Failure uint8

// The failures. Cut means that the answer broke off after its head.
const (
	NoFailure Failure = iota
	BadGateway
	Timeout
	NameResolution
	Cut
	failures
)

var failureNames = [failures]string{
	BadGateway: "bad_gateway", Timeout: "timeout", NameResolution: "name_resolution", Cut: "cut",
}

// FailureOf is the failure for which the gateway answered with status.
func FailureOf(status int) Failure {
	switch status {
	case http.StatusBadGateway:
		return BadGateway
	case http.StatusGatewayTimeout:
		return Timeout
	case http.StatusServiceUnavailable:
		return NameResolution
	}
	return NoFailure
}

var classes = [6]string{other, "1xx", "2xx", "3xx", "4xx", "5xx"}

// Requests counts requests. Routes that are configured have series of their
// own, from their first request on and for as long as they are configured; all
// other requests share those named "other". It is safe for concurrent use, and
// counting takes no lock once a series exists.
type Requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	failed   *prometheus.CounterVec

	rest   *routeSeries
	routes atomic.Pointer[map[string]*routeSeries] // by id

	mu sync.Mutex // held while series are made or removed
}

// labels tell the series of routes apart.
type labels struct{ service, route string }

// routeSeries are the series of one route, nil before their first use.
type routeSeries struct {
	labels
	removed  bool // guarded by Requests.mu
	classes  [len(classes)]atomic.Pointer[prometheus.Counter]
	failed   [failures]atomic.Pointer[prometheus.Counter]
	duration atomic.Pointer[prometheus.Observer]
}

func newRequests(total *prometheus.CounterVec, duration *prometheus.HistogramVec, failed *prometheus.CounterVec) *Requests {
	r := &Requests{total: total, duration: duration, failed: failed, rest: &routeSeries{labels: labels{other, other}}}
	r.routes.Store(&map[string]*routeSeries{})
	return r
}

// Configure tells which routes there are from now on. The series of others are
// removed; those of a route that keeps its names go on.
func (r *Requests) Configure(routes []Route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := map[labels]*routeSeries{}
	for _, s := range *r.routes.Load() {
		kept[s.labels] = s
	}
	byID := make(map[string]*routeSeries, len(routes))
	wanted := make(map[labels]*routeSeries, len(routes))
	for _, route := range routes {
		l := labels{service: label(route.ServiceName, route.ServiceID), route: label(route.Name, route.ID)}
		s := wanted[l]
		if s == nil {
			if s = kept[l]; s == nil {
				s = &routeSeries{labels: l}
			}
			wanted[l] = s
		}
		byID[route.ID] = s
	}
	r.routes.Store(&byID)
	for l, s := range kept {
		if wanted[l] != nil {
			continue
		}
		s.removed = true
		match := prometheus.Labels{"service": l.service, "route": l.route}
		r.total.DeletePartialMatch(match)
		r.failed.DeletePartialMatch(match)
		r.duration.DeletePartialMatch(match)
	}
}

// label is how a configured thing is called: by its name, or by its id where it
// has none or one that means something else here.
func label(name, id string) string {
	if name == "" || name == other {
		return id
	}
	return name
}

// Observe counts a request.
func (r *Requests) Observe(q Request) {
	s := (*r.routes.Load())[q.RouteID]
	if s == nil {
		s = r.rest
	}
	class := 0
	if q.Status >= 100 && q.Status <= 599 {
		class = q.Status / 100
	}
	if c := s.classes[class].Load(); c != nil {
		(*c).Inc()
	} else {
		r.count(s, r.total, classes[class], func(s *routeSeries) *atomic.Pointer[prometheus.Counter] { return &s.classes[class] })
	}
	if d := s.duration.Load(); d != nil {
		(*d).Observe(q.Took.Seconds())
	} else {
		r.observe(s, q.Took)
	}
	if q.Failure == NoFailure || q.Failure >= failures {
		return
	}
	if c := s.failed[q.Failure].Load(); c != nil {
		(*c).Inc()
	} else {
		r.count(s, r.failed, failureNames[q.Failure], func(s *routeSeries) *atomic.Pointer[prometheus.Counter] { return &s.failed[q.Failure] })
	}
}

// count makes a series that is missing, and counts. A route that was removed in
// the meantime gets none.
func (r *Requests) count(s *routeSeries, v *prometheus.CounterVec, value string, at func(*routeSeries) *atomic.Pointer[prometheus.Counter]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.removed {
		s = r.rest
	}
	c := v.WithLabelValues(s.service, s.route, value)
	at(s).Store(&c)
	c.Inc()
}

func (r *Requests) observe(s *routeSeries, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.removed {
		s = r.rest
	}
	o := r.duration.WithLabelValues(s.service, s.route)
	s.duration.Store(&o)
	o.Observe(took.Seconds())
}
