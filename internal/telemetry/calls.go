package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/session"
)

// Calls counts what the openid-connect plugin does. Its methods take words of
// the plugin; one that is not in the tables below counts as "other".
type Calls struct {
	logins, refreshes, loads map[string]prometheus.Counter
	providers                map[providerCall]prometheus.Counter
	durations                map[string]prometheus.Observer
	cluster                  map[clusterCall]prometheus.Counter
}

type (
	providerCall struct{ endpoint, result string }
	clusterCall  struct{ operation, result string }
)

var (
	loginResults    = []string{"started", "completed", "refused", "failed", other}
	refreshResults  = []string{"completed", "refused", "failed", other}
	endpoints       = []string{"discovery", "jwks", "token", "userinfo", "introspection", other}
	providerResults = []string{"answered", "refused", "failed", other}
	// clusterResults are those of each operation on the cluster cache.
	clusterResults = map[string][]string{
		"get": {"hit", "miss", "unopened", "failed", "skipped", other},
		"put": {"stored", "failed", "skipped", other},
		other: {other},
	}
	// loadResults are labels by the words of session.Reason, and two more.
	loadResults = map[string]string{
		"found":                         "found",
		"unavailable":                   "unavailable",
		string(session.ReasonNoCookie):  "no_cookie",
		string(session.ReasonForged):    "forged",
		string(session.ReasonUnbound):   "unbound",
		string(session.ReasonAmbiguous): "ambiguous",
		string(session.ReasonIdle):      "idle",
		string(session.ReasonRolling):   "rolling",
		string(session.ReasonAbsolute):  "absolute",
		string(session.ReasonAbsent):    "absent",
		string(session.ReasonSealed):    "sealed",
		string(session.ReasonAudience):  "audience",
		string(session.ReasonRealm):     "realm",
		other:                           other,
	}
)

func newCalls(logins, refreshes, loads, providers, cluster *prometheus.CounterVec, durations *prometheus.HistogramVec) *Calls {
	c := &Calls{
		logins: counters(logins, loginResults), refreshes: counters(refreshes, refreshResults),
		loads:     make(map[string]prometheus.Counter, len(loadResults)),
		providers: map[providerCall]prometheus.Counter{}, durations: map[string]prometheus.Observer{},
		cluster: map[clusterCall]prometheus.Counter{},
	}
	for operation, results := range clusterResults {
		for _, result := range results {
			c.cluster[clusterCall{operation, result}] = cluster.WithLabelValues(operation, result)
		}
	}
	for word, label := range loadResults {
		c.loads[word] = loads.WithLabelValues(label)
	}
	for _, endpoint := range endpoints {
		for _, result := range providerResults {
			c.providers[providerCall{endpoint, result}] = providers.WithLabelValues(endpoint, result)
		}
		c.durations[endpoint] = durations.WithLabelValues(endpoint)
	}
	return c
}

func counters(v *prometheus.CounterVec, values []string) map[string]prometheus.Counter {
	out := make(map[string]prometheus.Counter, len(values))
	for _, value := range values {
		out[value] = v.WithLabelValues(value)
	}
	return out
}

// known gives the entry of a word, or that of "other".
func known[V any](table map[string]V, word string) V {
	if v, ok := table[word]; ok {
		return v
	}
	return table[other]
}

// Login counts a login by its result: started, completed, refused or failed.
func (c *Calls) Login(result string) { known(c.logins, result).Inc() }

// Refresh counts a refresh by its result: completed, refused or failed.
func (c *Calls) Refresh(result string) { known(c.refreshes, result).Inc() }

// SessionLoad counts a session that a request asked for: found, unavailable, or
// the session.Reason for which there is none.
func (c *Calls) SessionLoad(result string) { known(c.loads, result).Inc() }

// ProviderCall counts a call to a provider by its endpoint (discovery, jwks,
// token, userinfo, introspection) and result (answered, refused, failed).
func (c *Calls) ProviderCall(endpoint, result string, took time.Duration) {
	if _, ok := c.durations[endpoint]; !ok {
		endpoint = other
	}
	counter, ok := c.providers[providerCall{endpoint, result}]
	if !ok {
		counter = c.providers[providerCall{endpoint, other}]
	}
	counter.Inc()
	c.durations[endpoint].Observe(took.Seconds())
}

// ClusterCache counts a call to the cache that nodes share, by its operation
// (get, put) and result (hit, miss, unopened, stored, failed, skipped).
func (c *Calls) ClusterCache(operation, result string) {
	counter, ok := c.cluster[clusterCall{operation, result}]
	if !ok {
		counter = c.cluster[clusterCall{other, other}]
	}
	counter.Inc()
}
