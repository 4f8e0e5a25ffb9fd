package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// other stands for whatever is no word of ours and no configured name.
const other = "other"

// Metrics are all series of the node.
type Metrics struct {
	Requests *Requests
	Flows    *Flows
	Calls    *Calls

	registerer prometheus.Registerer
	stores     *storeSeries
	changes    map[Result]prometheus.Counter
	reloads    map[Result]prometheus.Counter
}

// Result tells whether a configuration was taken.
type Result string

// The results.
const (
	Applied Result = "applied"
	Refused Result = "refused"
)

// New registers the series of the node. version is that of the program.
func New(registerer prometheus.Registerer, version string) *Metrics {
	auto := promauto.With(registerer)
	m := &Metrics{
		registerer: registerer,
		Requests: newRequests(
			auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_http_requests_total",
				Help: "Requests that have ended, by service, route and class of the answer's status.",
			}, []string{"service", "route", "class"}),
			auto.NewHistogramVec(prometheus.HistogramOpts{
				Name:    "sallyport_http_request_duration_seconds",
				Help:    "Time from a request's head to the end of its answer.",
				Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			}, []string{"service", "route"}),
			auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_upstream_failures_total",
				Help: "Exchanges with an upstream that failed, retries exhausted, by reason: bad_gateway, timeout, name_resolution, cut.",
			}, []string{"service", "route", "reason"}),
		),
		Flows: newFlows(auto.NewCounterVec(prometheus.CounterOpts{
			Name: "sallyport_flow_steps_total",
			Help: "Steps of OpenID Connect flows, by flow, step and verdict.",
		}, []string{"flow", "step", "verdict"})),
		Calls: newCalls(
			auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_oidc_logins_total",
				Help: "Logins by result: started, completed, refused, failed.",
			}, []string{"result"}),
			auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_oidc_refreshes_total",
				Help: "Refreshes of sessions by result: completed, refused, failed.",
			}, []string{"result"}),
			auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_session_loads_total",
				Help: "Sessions that requests asked for, by result: found, unavailable, or why there is none.",
			}, []string{"result"}),
			auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_idp_calls_total",
				Help: "Calls to identity providers, by endpoint and result: answered, refused (3xx, 4xx), failed.",
			}, []string{"endpoint", "result"}),
			auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_cluster_cache_calls_total",
				Help: "Calls to the cache that nodes share, by operation and result: hit, miss, unopened, stored, failed, skipped after a failure.",
			}, []string{"operation", "result"}),
			auto.NewHistogramVec(prometheus.HistogramOpts{
				Name:    "sallyport_idp_call_duration_seconds",
				Help:    "Time of a call to an identity provider, by endpoint.",
				Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			}, []string{"endpoint"}),
		),
		stores: &storeSeries{
			calls: auto.NewCounterVec(prometheus.CounterOpts{
				Name: "sallyport_store_calls_total",
				Help: "Calls to session stores, by storage, operation and result.",
			}, []string{"storage", "operation", "result"}),
			duration: auto.NewHistogramVec(prometheus.HistogramOpts{
				Name:    "sallyport_store_call_duration_seconds",
				Help:    "Time of a call to a session store, by storage and operation.",
				Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1},
			}, []string{"storage", "operation"}),
		},
	}
	m.changes = byResult(auto.NewCounterVec(prometheus.CounterOpts{
		Name: "sallyport_config_changes_total",
		Help: "Configurations that were compiled, by result: applied, refused.",
	}, []string{"result"}))
	m.reloads = byResult(auto.NewCounterVec(prometheus.CounterOpts{
		Name: "sallyport_config_reloads_total",
		Help: "Reloads of the file on SIGHUP, by result: applied, refused.",
	}, []string{"result"}))
	auto.NewGaugeVec(prometheus.GaugeOpts{
		Name: "sallyport_build_info",
		Help: "1, labelled by the version of the program.",
	}, []string{"version"}).WithLabelValues(version).Set(1)
	return m
}

func byResult(v *prometheus.CounterVec) map[Result]prometheus.Counter {
	return map[Result]prometheus.Counter{
		Applied: v.WithLabelValues(string(Applied)), Refused: v.WithLabelValues(string(Refused)),
	}
}

// ConfigChanged counts a configuration that was to be put in force.
func (m *Metrics) ConfigChanged(r Result) { m.changes[r].Inc() }

// ConfigReloaded counts a reload of the file.
func (m *Metrics) ConfigReloaded(r Result) { m.reloads[r].Inc() }

// AccessRecords adds the number of access records that were dropped, which is
// read when somebody asks. It is called once at most.
func (m *Metrics) AccessRecords(dropped func() int64) {
	promauto.With(m.registerer).NewCounterFunc(prometheus.CounterOpts{
		Name: "sallyport_access_records_dropped_total",
		Help: "Access records that were lost: the output was slower than the requests, or failed.",
	}, func() float64 { return float64(dropped()) })
}

// Connections adds the number of the proxy's open connections, which is read
// when somebody asks. It is called once at most.
func (m *Metrics) Connections(active func() int64) {
	promauto.With(m.registerer).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sallyport_http_connections",
		Help: "Connections that user agents have open to the proxy.",
	}, func() float64 { return float64(active()) })
}
