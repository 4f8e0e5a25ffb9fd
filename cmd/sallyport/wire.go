package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/google/uuid"

	"sallyport/internal/acme"
	"sallyport/internal/admin"
	"sallyport/internal/entity"
	"sallyport/internal/gateway"
	"sallyport/internal/message"
	"sallyport/internal/server"
	"sallyport/internal/store"
	"sallyport/internal/telemetry"
	"sallyport/internal/upstream"
)

// node is a gateway with all its parts.
type node struct {
	settings settings
	logger   *slog.Logger
	kinds    []*entity.Kind
	store    *store.Store
	gateway  *gateway.Gateway
	upstream *upstream.Proxy
	proxy    *server.Server
	admin    *server.Server // nil when it is off
	metrics  measured

	certificates *certificates
	acme         *acme.Manager     // nil when it is off; set before the servers run
	access       *server.AccessLog // nil when it is off
}

// newNode builds the parts and connects them. It does no I/O but reading the
// certificate. access gets the access records; nil writes none.
func newNode(s settings, logger *slog.Logger, access io.Writer) (*node, error) {
	n := &node{settings: s, logger: logger, metrics: newMeasured()}
	list := definitions(logger, n.metrics)
	n.kinds = kindsOf(list)
	n.upstream = upstream.New(upstream.Options{Logger: logger})
	n.gateway = gateway.New(gateway.Options{Definitions: list, Proxy: n.upstream, Logger: logger})
	var err error
	n.store, err = store.New(store.Options{Kinds: n.kinds, Accept: n.metrics.accept(n.gateway.Compile)})
	if err != nil {
		return nil, err
	}
	if n.certificates, err = newCertificates(&n.settings, logger); err != nil {
		return nil, err
	}
	common := server.Common{
		Logger: logger, Grace: s.grace, Certificate: n.certificates.byDefault, TLSMinVersion: tlsVersions[s.tlsMin],
	}
	if err := n.newProxy(common, access); err != nil {
		return nil, err
	}
	if len(s.adminListen) == 0 {
		return n, nil
	}
	api, err := admin.New(admin.Options{
		Store: n.store, Kinds: n.kinds, Definitions: list, Version: version,
		ReadOnly: s.database == databaseOff, Hosts: s.adminHosts, Origins: s.adminOrigins,
		Logger: logger, Info: n.info(uuid.NewString()), Metrics: telemetry.Handler(n.metrics.registry, logger),
	})
	if err != nil {
		return nil, err
	}
	return n, n.newAdmin(common, api)
}

func (n *node) newProxy(common server.Common, access io.Writer) (err error) {
	if access != nil {
		n.access, err = server.NewAccessLog(server.AccessOptions{
			Writer: access, Format: n.settings.accessFormat(), Sample: n.settings.accessSample, Logger: n.logger,
		})
		if err != nil {
			return err
		}
		n.metrics.AccessRecords(n.access.Dropped)
	}
	common.Name, common.Listen = "proxy", n.settings.proxyListen
	common.ClientCertificate = func(hello *tls.ClientHelloInfo) bool { return n.gateway.WantsClientCertificate(hello.ServerName) }
	common.Certificate, common.ACME = n.shown, len(n.settings.acme.domains) > 0
	n.proxy, err = server.New(server.ProxyOptions{
		Common:  common,
		Handler: n.serve,
		Access:  n.access,
		Observe: n.metrics.observe,
		Message: message.Options{
			Trusted: n.settings.trustedIPs, RealIPHeader: n.settings.realIPHeader, RealIPRecursive: n.settings.realIPDeep,
		},
	})
	if err != nil {
		return err
	}
	n.metrics.Connections(func() int64 { return n.proxy.Stats().Active })
	return nil
}

func (n *node) newAdmin(common server.Common, api http.Handler) (err error) {
	common.Name, common.Listen = "admin", n.settings.adminListen
	n.admin, err = server.NewHTTP(server.HTTPOptions{Common: common, Handler: api})
	return err
}

// servers are those of the node that listen.
func (n *node) servers() []*server.Server {
	if n.admin == nil {
		return []*server.Server{n.proxy}
	}
	return []*server.Server{n.proxy, n.admin}
}

// listen binds every address, or none.
func (n *node) listen(ctx context.Context) error {
	for i, s := range n.servers() {
		if err := s.Listen(ctx); err != nil {
			for _, bound := range n.servers()[:i] {
				bound.Close()
			}
			return err
		}
	}
	if err := n.startACME(); err != nil {
		for _, bound := range n.servers() {
			bound.Close()
		}
		return err
	}
	return nil
}

// close gives back what the node holds, once its servers have stopped.
func (n *node) close() {
	n.gateway.Close()
	n.upstream.Close()
}

// info answers what the Admin API tells about the node.
func (n *node) info(nodeID string) func() admin.Info {
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	trusted := make([]string, len(n.settings.trustedIPs))
	for i, p := range n.settings.trustedIPs {
		trusted[i] = p.String()
	}
	return func() admin.Info {
		c := n.proxy.Stats()
		return admin.Info{
			NodeID: nodeID, Hostname: hostname, PID: os.Getpid(), TrustedIPs: trusted,
			ProxyListeners: listeners(n.settings.proxyListen, n.proxy.Addrs()),
			AdminListeners: listeners(n.settings.adminListen, n.admin.Addrs()),
			Connections: admin.Connections{
				Accepted: c.Accepted, Active: c.Active, Handled: c.Handled,
				Waiting: c.Waiting, Writing: c.Writing, Requests: c.Requests,
			},
		}
	}
}

func listeners(configured []server.Listen, bound []net.Addr) []admin.Listener {
	out := make([]admin.Listener, 0, len(bound))
	for i, a := range bound {
		if tcp, ok := a.(*net.TCPAddr); ok {
			out = append(out, admin.Listener{IP: tcp.IP.String(), Port: tcp.Port, TLS: configured[i].TLS, HTTP2: configured[i].HTTP2, ProxyProtocol: configured[i].ProxyProtocol})
		}
	}
	return out
}

// loadFile replaces the configuration by that of a file.
func (n *node) loadFile(ctx context.Context, file string) (store.Loaded, error) {
	data, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return store.Loaded{}, fmt.Errorf("configuration file: %w", err)
	}
	doc, err := store.ParseDeclarative(file, data, n.kinds)
	if err != nil {
		return store.Loaded{}, err
	}
	return n.store.Load(ctx, doc)
}
