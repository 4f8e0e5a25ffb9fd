package gateway

import (
	"crypto/tls"
	"sync/atomic"

	"sallyport/internal/certificate"
	"sallyport/internal/entity"
	"sallyport/internal/plugin"
	"sallyport/internal/router"
	"sallyport/internal/upstream"
)

// snapshot is one compiled configuration. Nothing of it changes but the count
// of those who use it.
type snapshot struct {
	router *router.Router
	// chains are the handlers of each route, ending in the upstream.
	chains    map[*entity.Route]plugin.Next
	instances map[string]*instance
	targets   map[string]*upstream.Target
	// pairs are the certificates by id, names finds them by server name.
	pairs map[string]*pairs
	names certificate.Index

	// shown are the server names whose clients are asked for a certificate.
	shown serverNames

	consumers *plugin.Consumers

	// users counts the requests under way, and one more while the snapshot is
	// the current or the pending one. At zero its parts are given back.
	users atomic.Int64
}

func emptySnapshot() *snapshot {
	r, err := router.New(nil, nil)
	if err != nil {
		panic(err) // no routes, no faults
	}
	s := &snapshot{router: r}
	s.users.Store(1)
	return s
}

// acquire gives the current snapshot to a request, which must release it.
func (g *Gateway) acquire() *snapshot {
	for {
		s := g.current.Load()
		for n := s.users.Load(); n > 0; n = s.users.Load() {
			if s.users.CompareAndSwap(n, n+1) {
				return s
			}
		}
		// It was swapped out and given back between the loads: the next one
		// is there already.
	}
}

// release ends a use of the snapshot; the last one closes what nobody shares.
func (s *snapshot) release() {
	if s.users.Add(-1) == 0 {
		s.discard()
	}
}

// discard gives back the snapshot's share in handlers and targets.
func (s *snapshot) discard() {
	for _, i := range s.instances {
		i.release()
	}
	for _, t := range s.targets {
		t.Close()
	}
}

// instance is a handler with the number of snapshots that use it.
type instance struct {
	handler plugin.Handler
	// made are the entities that the handler was made of, certificates what it
	// found by id.
	made         source
	certificates map[string]*tls.Certificate
	// authorities are the texts of those that it found, by id.
	authorities map[string]string
	// reads tells that the handler reads certificates of clients.
	reads bool

	users atomic.Int64
}

// source is all that decides what a handler does.
type source struct {
	plugin  *entity.Plugin
	route   *entity.Route
	service *entity.Service
}

func (i *instance) release() {
	if i.users.Add(-1) != 0 {
		return
	}
	if c, ok := i.handler.(plugin.Closer); ok {
		c.Close()
	}
}
