// Package telemetry counts what the node does, as Prometheus series, and serves
// them. It knows the vocabulary of flows and of session stores, and nothing of
// requests, plugins and configurations: who has those hands names over.
//
//	metrics.go   every series, its labels and its help text
//	requests.go  requests by configured route
//	flows.go     a flow.Sink that counts steps
//	calls.go     what the openid-connect plugin and its provider do
//	store.go     a session store that measures another one
//	handler.go   GET /metrics
//
// Names are sallyport_<subsystem>_<noun>[_<unit>][_total]. Values of labels are
// names of the configuration or words of this program. Anything else is folded
// into "other", so that nobody on the network can make a series.
package telemetry
