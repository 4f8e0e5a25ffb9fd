package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"reflect"
	"slices"
	"strings"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
	"sallyport/internal/router"
	"sallyport/internal/schema"
	"sallyport/internal/upstream"
)

// Compile makes a snapshot of a configuration. install puts it in force for all
// requests that begin afterwards; it must be called before Compile is called
// again, or not at all. An error names the entity at fault and changes nothing.
// The set must not change afterwards. Compile does no I/O.
func (g *Gateway) Compile(set *entity.Set) (install func(), err error) {
	g.compiling.Lock()
	defer g.compiling.Unlock()
	if g.pending != nil { // compiled and never wanted
		g.pending.release()
		g.pending = nil
	}
	c := &compiler{g: g, old: g.current.Load(), set: set, made: emptySnapshot()}
	if err := c.run(); err != nil {
		c.made.release()
		return nil, err
	}
	g.pending = c.made
	return func() { g.install(c.made) }, nil
}

func (g *Gateway) install(s *snapshot) {
	g.compiling.Lock()
	defer g.compiling.Unlock()
	if g.pending != s {
		return // installed already, or given back
	}
	g.pending = nil
	g.current.Swap(s).release()
}

// compiler is one run of Compile.
type compiler struct {
	g    *Gateway
	old  *snapshot
	set  *entity.Set
	made *snapshot

	services   map[string]*entity.Service
	routes     map[string]*entity.Route
	identities map[string]upstream.Identity // by service
}

func (c *compiler) run() (err error) {
	c.services = make(map[string]*entity.Service, len(c.set.Services))
	for _, s := range c.set.Services {
		c.services[s.ID] = s
	}
	c.routes = make(map[string]*entity.Route, len(c.set.Routes))
	for _, r := range c.set.Routes {
		c.routes[r.ID] = r
	}
	if err := c.certificates(); err != nil {
		return err
	}
	if c.made.router, err = router.New(c.set.Routes, c.services); err != nil {
		return err
	}
	c.made.consumers = plugin.NewConsumers(c.set)
	c.made.instances = make(map[string]*instance, len(c.set.Plugins))
	for _, p := range c.set.Plugins {
		if !p.Enabled || !overHTTP(p.Protocols) {
			continue
		}
		if c.made.instances[p.ID], err = c.instance(p); err != nil {
			delete(c.made.instances, p.ID)
			return err
		}
	}
	c.made.targets = make(map[string]*upstream.Target, len(c.set.Services))
	c.made.chains = make(map[*entity.Route]plugin.Next, len(c.set.Routes))
	for _, r := range c.set.Routes {
		if s := c.services[r.ServiceID]; !overHTTP(r.Protocols) || s != nil && !s.Enabled {
			continue // the router leaves it out
		}
		if c.made.chains[r], err = c.chain(r); err != nil {
			return err
		}
		if c.reads(r) {
			c.made.shown.add(r)
		}
	}
	return nil
}

// instance takes over the handler of the current snapshot where nothing that it
// was made of has changed, and makes one otherwise.
func (c *compiler) instance(p *entity.Plugin) (*instance, error) {
	from := source{plugin: p, route: c.routes[p.RouteID], service: c.services[p.ServiceID]}
	if old := c.old.instances[p.ID]; old != nil && reflect.DeepEqual(old.made, from) && c.same(old.certificates) && c.sameAuthorities(old.authorities) {
		old.users.Add(1)
		return old, nil
	}
	d, known := c.g.definitions[p.Name]
	if !known {
		return nil, refused(p, "name", "plugin '"+p.Name+"' not enabled; add it to the 'plugins' configuration property")
	}
	shown, trusted := map[string]*tls.Certificate{}, map[string]string{}
	h, err := d.New(plugin.Instance{
		ID: p.ID, Config: p.Config, Entity: p, Route: from.route, Service: from.service,
		Certificate: func(id string) *tls.Certificate {
			shown[id] = c.certificate(id)
			return shown[id]
		},
		Authority: func(id string) *x509.Certificate {
			trusted[id] = c.authorityText(id)
			return authority(trusted[id])
		},
	})
	if err != nil {
		return nil, refusal(p, err)
	}
	reader, _ := h.(plugin.CertificateReader)
	reads := reader != nil && reader.WantsClientCertificate()
	if c.g.poison {
		h = plugin.Poison(h)
	}
	i := &instance{handler: h, made: from, certificates: shown, authorities: trusted, reads: reads}
	i.users.Store(1)
	return i, nil
}

// certificate finds a certificate by its id: one of the configuration, else one
// that Options.Certificates has; nil where there is none, leftOut for one whose
// references lead nowhere.
func (c *compiler) certificate(id string) *tls.Certificate {
	if p := c.made.pairs[id]; p != nil {
		return p.choice[0]
	}
	if slices.ContainsFunc(c.set.Certificates, func(e *entity.Certificate) bool { return e.ID == id }) {
		return leftOut
	}
	if c.g.certificates == nil {
		return nil
	}
	return c.g.certificates(id)
}

// leftOut stands for certificates whose references lead nowhere.
var leftOut = &tls.Certificate{}

// same reports whether the certificates that an instance found are still those.
func (c *compiler) same(shown map[string]*tls.Certificate) bool {
	for id, found := range shown {
		if c.certificate(id) != found {
			return false
		}
	}
	return true
}

// refusal tells which field of a plugin's config is at fault, as far as its
// error says so.
func refusal(p *entity.Plugin, err error) error {
	if _, ok := errors.AsType[*entity.Invalid](err); ok {
		return err
	}
	if fields, ok := errors.AsType[schema.Errors](err); ok {
		return &entity.Invalid{Kind: entity.Plugins, ID: p.ID, Errors: fields}
	}
	if field, ok := errors.AsType[*schema.FieldError](err); ok {
		return refused(p, "config."+strings.TrimPrefix(field.Path, "config."), field.Err.Error())
	}
	return refused(p, "config.@entity", err.Error())
}

func refused(p *entity.Plugin, field, reason string) error {
	return invalid(entity.Plugins, p.ID, field, reason)
}

// chain composes what a route runs.
func (c *compiler) chain(r *entity.Route) (plugin.Next, error) {
	last, err := c.last(r)
	if err != nil {
		return nil, err
	}
	if c.g.poison {
		last = plugin.PoisonNext(last)
	}
	return plugin.Compose(c.links(r), last), nil
}

// last is the end of a route's chain: the upstream, or the answer that there is
// none.
func (c *compiler) last(r *entity.Route) (plugin.Next, error) {
	s := c.services[r.ServiceID]
	if s == nil {
		return noService, nil
	}
	switch s.Protocol {
	case "http", "https", "grpc", "grpcs":
	default:
		return nil, &entity.Invalid{Kind: entity.Services, ID: s.ID, Errors: schema.Errors{
			"protocol": "routes to a service of protocol " + s.Protocol + " are not supported",
		}}
	}
	t := c.made.targets[s.ID]
	if t == nil {
		t = c.g.proxy.TargetAs(s, c.identities[s.ID])
		c.made.targets[s.ID] = t
	}
	return forward(t, r), nil
}

// overHTTP reports whether a list of protocols has one that runs over HTTP; an
// empty one does. As in Kong the protocols of a plugin say no more than that: one
// that protected https alone would leave the same route open on http.
func overHTTP(protocols []string) bool {
	return len(protocols) == 0 || slices.ContainsFunc(protocols, func(protocol string) bool {
		switch protocol {
		case "http", "https", "grpc", "grpcs", "ws", "wss":
			return true
		}
		return false
	})
}
