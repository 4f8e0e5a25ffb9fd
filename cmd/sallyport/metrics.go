package main

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sallyport/internal/entity"
	"sallyport/internal/httperror"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/telemetry"
)

// measured is what counts the node, and where it is read.
type measured struct {
	*telemetry.Metrics
	registry *prometheus.Registry
}

func newMeasured() measured {
	registry := telemetry.NewRegistry()
	return measured{Metrics: telemetry.New(registry, version), registry: registry}
}

// observe counts a request that has ended.
func (m measured) observe(q *plugin.Request, took time.Duration) {
	r := telemetry.Request{Status: q.Access.Status, Took: took}
	if q.Route != nil {
		r.RouteID = q.Route.ID
	}
	if a := &q.Access; a.Err != nil && !a.UpstreamStart.IsZero() {
		r.Failure = failureOf(a)
	}
	m.Requests.Observe(r)
}

// failureOf tells whether an error is the upstream's: neither the user agent's,
// nor that of a request which was not sent.
func failureOf(a *plugin.Access) telemetry.Failure {
	e, ok := errors.AsType[*httperror.Error](a.Err)
	if !ok {
		return telemetry.NoFailure
	}
	failure := telemetry.FailureOf(e.Status)
	if failure != telemetry.NoFailure && a.UpstreamStatus != 0 {
		return telemetry.Cut
	}
	return failure
}

// accept makes a function that compiles a configuration count what becomes of
// it, and tell which routes there are once it is in force.
func (m measured) accept(compile func(*entity.Set) (func(), error)) func(*entity.Set) (func(), error) {
	return func(set *entity.Set) (func(), error) {
		install, err := compile(set)
		if err != nil {
			m.ConfigChanged(telemetry.Refused)
			return nil, err
		}
		return func() {
			m.Requests.Configure(routesOf(set))
			install()
			m.ConfigChanged(telemetry.Applied)
		}, nil
	}
}

func routesOf(set *entity.Set) []telemetry.Route {
	services := make(map[string]*entity.Service, len(set.Services))
	for _, s := range set.Services {
		services[s.ID] = s
	}
	routes := make([]telemetry.Route, 0, len(set.Routes))
	for _, r := range set.Routes {
		route := telemetry.Route{ID: r.ID, Name: r.Name}
		if s := services[r.ServiceID]; s != nil {
			route.ServiceID, route.ServiceName = s.ID, s.Name
		}
		routes = append(routes, route)
	}
	return routes
}

// openStore opens the session store that a plugin asks for, and measures it.
func (m measured) openStore(c config.StoreConfig) (openidconnect.Store, error) {
	store, err := openStore(c)
	if err != nil {
		return nil, err
	}
	return m.Measure(string(c.Storage), store, nil), nil
}
