package gateway

import (
	"net/http"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
)

// reading is a handler that reads certificates of clients.
type reading struct{ handlerFunc }

func (reading) WantsClientCertificate() bool { return true }

// TestClientsAreAskedForCertificatesWhereTheyAreRead: by the names of routes on
// which a plugin reads them, and nobody else.
func TestClientsAreAskedForCertificatesWhereTheyAreRead(t *testing.T) {
	t.Parallel()
	pass := handlerFunc(func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error { return next(w, q) })
	definitions := []plugin.Definition{
		define("plain", 2, pass),
		{Name: "reader", Priority: 1, New: func(plugin.Instance) (plugin.Handler, error) { return reading{pass}, nil }},
	}
	routes := []*entity.Route{
		{ID: "r1", Name: "one", ServiceID: "s1", Protocols: []string{"https"}, Hosts: []string{"One.test:8443", "*.two.test", "three.*"}},
		{ID: "r2", Name: "two", ServiceID: "s2", Protocols: []string{"https"}, Hosts: []string{"host.test"}, SNIs: []string{"sni.test."}},
		{ID: "r3", Name: "three", ServiceID: "s2", Protocols: []string{"https"}, Paths: []string{"/x"}},
		{ID: "r4", Name: "four", ServiceID: "s2", Protocols: []string{"https"}, Hosts: []string{"127.0.0.1"}},
	}
	services := []*entity.Service{
		{ID: "s1", Name: "one", Protocol: "http", Host: "127.0.0.1", Port: 1, Enabled: true},
		{ID: "s2", Name: "two", Protocol: "http", Host: "127.0.0.1", Port: 1, Enabled: true},
	}
	on := func(name, route, service string) *entity.Plugin {
		return &entity.Plugin{ID: name + route + service, Name: name, RouteID: route, ServiceID: service, Enabled: true}
	}
	off := on("reader", "r3", "")
	off.Enabled = false
	for _, tt := range []struct {
		name     string
		plugins  []*entity.Plugin
		yes, not []string
	}{
		{"no plugin", nil, nil, []string{"", "one.test"}},
		{"another plugin", []*entity.Plugin{on("plain", "", "")}, nil, []string{"", "one.test", "x.two.test"}},
		{"a plugin that is off", []*entity.Plugin{off}, nil, []string{"", "one.test"}},
		{"a route", []*entity.Plugin{on("reader", "r1", "")}, []string{"", "one.test", "ONE.test.", "a.b.two.test", "three.example"}, []string{"two.test", "host.test", "other.test", "xone.test"}},
		{"a service", []*entity.Plugin{on("reader", "", "s1")}, []string{"", "one.test"}, []string{"sni.test", "other.test"}},
		{"snis before hosts", []*entity.Plugin{on("reader", "r2", "")}, []string{"", "sni.test"}, []string{"host.test", "one.test"}},
		{"a route for every host", []*entity.Plugin{on("reader", "r3", "")}, []string{"", "one.test", "any.test"}, nil},
		{"a route for an address", []*entity.Plugin{on("reader", "r4", "")}, []string{"", "any.test"}, nil},
		{"everywhere", []*entity.Plugin{on("reader", "", "")}, []string{"", "any.test"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t, definitions...)
			f.install(t, &entity.Set{Services: services, Routes: routes, Plugins: tt.plugins})
			for _, name := range tt.yes {
				if !f.gateway.WantsClientCertificate(name) {
					t.Errorf("%q is not asked", name)
				}
			}
			for _, name := range tt.not {
				if f.gateway.WantsClientCertificate(name) {
					t.Errorf("%q is asked", name)
				}
			}
		})
	}
}
