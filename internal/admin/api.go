package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/plugin"
	"sallyport/internal/store"
)

// KongVersion is the version that GET / reports: the release whose Admin API
// this is, in the form that decK parses (three numbers).
const KongVersion = "3.9.1"

// Options are what an API is made of. Store and Kinds are required.
type Options struct {
	// Store holds the entities; Kinds are the ones it was made with.
	Store *store.Store
	Kinds []*entity.Kind
	// Definitions are all plugins that can be configured.
	Definitions []plugin.Definition
	// Version is sallyport's own version, for example "0.1.0".
	Version string
	// ReadOnly refuses every change but POST /config (--database off).
	ReadOnly bool
	// Hosts are names, besides IP literals and localhost, under which the API
	// may be asked (--admin-host), without a port.
	Hosts []string
	// Origins are origins, besides the API's own, from which a browser may
	// write (--admin-origin), for example "https://console.example:8443".
	Origins []string
	// Logger gets one line for each change and each refusal; nil logs nothing.
	Logger *slog.Logger
	// Metrics serves GET /metrics; nil serves no such path.
	Metrics http.Handler
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Info tells about the running node; it is called for each request that
	// asks. Nil means that nothing is known.
	Info func() Info
}

// Info is what the information endpoints tell about the running node.
type Info struct {
	// NodeID is a UUID that is stable for the life of the process.
	NodeID   string
	Hostname string
	// PID is the process id.
	PID            int
	ProxyListeners []Listener
	AdminListeners []Listener
	Connections    Connections
	// TrustedIPs are the configured trusted peers, as given.
	TrustedIPs []string
}

// Listener is one listening address.
type Listener struct {
	IP    string
	Port  int
	TLS   bool
	HTTP2 bool
	// ProxyProtocol tells that it wants a PROXY header.
	ProxyProtocol bool
}

// Connections are counters of the proxy since the start of the process.
type Connections struct {
	Accepted, Active, Handled, Reading, Waiting, Writing, Requests int64
}

// API is the Admin API. It implements http.Handler and is safe for concurrent
// use.
type API struct {
	store       *store.Store
	kinds       map[string]*entity.Kind // by name
	ordered     []*entity.Kind
	definitions map[string]plugin.Definition
	version     string
	readOnly    bool
	guard       *guard
	logger      *slog.Logger
	now         func() time.Time
	info        func() Info
	metrics     http.Handler // nil for none
	endpoints   []*endpoint
	mounts      []plugin.AdminPath

	// loading is held while POST /config runs: the documents of one load at a
	// time are in memory, the others are told to come back.
	loading sync.Mutex
}

// New checks opts and returns the API. It does no I/O. It refuses missing
// parts, hosts and origins that could never match, and plugin paths that
// collide.
func New(opts Options) (*API, error) {
	if opts.Store == nil || len(opts.Kinds) == 0 {
		return nil, errors.New("admin: a store and its kinds are required")
	}
	g, err := newGuard(opts.Hosts, opts.Origins)
	if err != nil {
		return nil, err
	}
	a := &API{
		store: opts.Store, ordered: opts.Kinds, version: opts.Version,
		readOnly: opts.ReadOnly, guard: g, logger: opts.Logger, now: opts.Now, info: opts.Info, metrics: opts.Metrics,
		kinds: map[string]*entity.Kind{}, definitions: map[string]plugin.Definition{},
	}
	for _, k := range opts.Kinds {
		a.kinds[k.Name] = k
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.info == nil {
		a.info = func() Info { return Info{} }
	}
	a.endpoints = a.table()
	if err := a.mount(opts.Definitions); err != nil {
		return nil, err
	}
	return a, nil
}

// mount takes the definitions in and the paths that they claim: each is a
// plain path below a name that no endpoint uses.
func (a *API) mount(definitions []plugin.Definition) error {
	for _, d := range definitions {
		if _, twice := a.definitions[d.Name]; twice {
			return fmt.Errorf("admin: plugin %s is defined twice", d.Name)
		}
		a.definitions[d.Name] = d
		for _, p := range d.Admin {
			if p.Handler == nil || !strings.HasPrefix(p.Path, "/"+d.Name+"/") || strings.HasSuffix(p.Path, "/") {
				return fmt.Errorf("admin: plugin %s: path %q is not below its own name, or has no handler", d.Name, p.Path)
			}
			a.mounts = append(a.mounts, p)
		}
	}
	// The longest path that fits wins.
	slices.SortFunc(a.mounts, func(x, y plugin.AdminPath) int { return len(y.Path) - len(x.Path) })
	for i := 1; i < len(a.mounts); i++ {
		if a.mounts[i].Path == a.mounts[i-1].Path {
			return fmt.Errorf("admin: path %q is claimed twice", a.mounts[i].Path)
		}
	}
	for _, e := range a.endpoints {
		if _, taken := a.definitions[e.segments[0]]; taken && e.segments[0] != "" {
			return fmt.Errorf("admin: plugin %s has the name of an endpoint", e.segments[0])
		}
	}
	return nil
}
