package telemetry

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry returns a registry with what is known of the process and of Go's
// runtime.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// maxScrapes bounds the scrapes that are answered at once; others get a 503.
const maxScrapes = 8

// Handler serves the series of g in the formats that Prometheus asks for.
func Handler(g prometheus.Gatherer, logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		ErrorLog: scrapeLog{logger}, MaxRequestsInFlight: maxScrapes, EnableOpenMetrics: true,
	})
}

// scrapeLog is where promhttp reports errors.
type scrapeLog struct{ logger *slog.Logger }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	l.logger.Error("metrics not served", "error", fmt.Sprint(v...))
}
