package plugin

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"sallyport/internal/entity"
	"sallyport/internal/schema"
)

// Next continues with the rest of the chain, and at its end the upstream.
type Next func(w http.ResponseWriter, q *Request) error

// Handler is one compiled plugin instance. It is used by many requests at once.
// What it does before next is Kong's access phase, after it the header and log
// phases. A handler that answers by itself writes to w and returns nil without
// calling next; one that refuses returns an *httperror.Error and writes
// nothing.
type Handler interface {
	Serve(w http.ResponseWriter, q *Request, next Next) error
}

// Definition introduces a plugin. The list of all definitions is in
// cmd/sallyport/plugins.go.
type Definition struct {
	// Name is Kong's name of the plugin, for example "openid-connect".
	Name string
	// Priority orders plugins of one request, highest first; equal ones by
	// name, descending.
	Priority int
	// Version is shown by GET / of the Admin API.
	Version string
	// Config returns the description of the config record.
	Config func() *schema.Record
	// Protocols are the default protocols; nil means grpc, grpcs, http, https.
	Protocols []string
	// NoConsumer forbids the consumer scope.
	NoConsumer bool
	// Prepare fills values that are generated when an entity is stored (and
	// may be nil): it is called with the normalised config of a create.
	Prepare func(config map[string]any)
	// New compiles an instance. It does no I/O: an IdP or a store that is down
	// does not fail a configuration. An error refuses the whole configuration;
	// it should name the config field.
	New func(Instance) (Handler, error)
	// Admin are paths of the plugin on the Admin API, each below its own name,
	// for example "/openid-connect/issuers".
	Admin []AdminPath
}

// AdminPath is a path, exact or with everything below it, that a definition
// serves on the Admin API.
type AdminPath struct {
	Path    string
	Handler http.Handler
}

// Instance is what New gets to know of the entity it compiles.
type Instance struct {
	ID string
	// Config is the normalised config record: defaults filled, types checked.
	// It is shared and must not be changed.
	Config map[string]any
	// Entity is the whole plugin entity.
	Entity *entity.Plugin
	// Routes and Services the instance applies to; empty when it is global.
	Route   *entity.Route
	Service *entity.Service
	// Certificate finds a certificate of the configuration by its id; nil where
	// there is none, and one that holds nothing where its references lead
	// nowhere. It is called while New runs, and not afterwards. The instance is
	// made anew when what it found has changed.
	Certificate func(id string) *tls.Certificate
	// Authority finds an authority of the configuration by its id, likewise; nil
	// where there is none.
	Authority func(id string) *x509.Certificate
}

// CertificateReader is implemented by handlers that read the client certificate
// of the TLS handshake: where they run, listeners ask clients for one.
type CertificateReader interface{ WantsClientCertificate() bool }

// Closer is implemented by handlers that hold references to long-lived pools.
// Close is called once no request uses the handler's snapshot any more.
type Closer interface{ Close() }
