package gateway

import (
	"net/netip"
	"slices"
	"strings"

	"sallyport/internal/certificate"
	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// WantsClientCertificate tells whether a client that shakes hands for this server
// name, empty for none, is to be asked for its certificate: because a plugin reads
// it on a route that may be meant. Others are not asked, as browsers trouble people
// with the question.
func (g *Gateway) WantsClientCertificate(serverName string) bool {
	return g.current.Load().shown.has(serverName)
}

// reads reports whether a plugin of a route reads certificates of clients.
func (c *compiler) reads(r *entity.Route) bool {
	return slices.ContainsFunc(c.set.Plugins, func(p *entity.Plugin) bool {
		i := c.made.instances[p.ID]
		return i != nil && i.reads && (p.RouteID == "" || p.RouteID == r.ID) && (p.ServiceID == "" || p.ServiceID == r.ServiceID)
	})
}

// serverNames are names by which clients may mean some routes. The zero value is
// empty; it must not be changed once it is in use.
type serverNames struct {
	// any tells that one of the routes is for every name, some that there is one.
	any, some bool
	exact     map[string]bool
	// heads and tails are the fixed parts of names with a *.
	heads, tails []string
}

// add takes a route's names: of its snis, else of its hosts.
func (n *serverNames) add(r *entity.Route) {
	n.some = true
	names := r.SNIs
	if len(names) == 0 {
		names = r.Hosts
	}
	n.any = n.any || len(names) == 0
	for _, name := range names {
		n.addName(name)
	}
}

func (n *serverNames) addName(name string) {
	if host, _, ok := message.ParseAuthority(name); ok {
		name = host // without its port
	} else if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name = name[:i]
	}
	name = certificate.Fold(name)
	switch {
	case name == "*" || address(name):
		n.any = true // an address is no server name
	case strings.HasPrefix(name, "*"):
		n.tails = append(n.tails, name[1:])
	case strings.HasSuffix(name, "*"):
		n.heads = append(n.heads, name[:len(name)-1])
	default:
		if n.exact == nil {
			n.exact = map[string]bool{}
		}
		n.exact[name] = true
	}
}

func address(host string) bool {
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}

// has reports whether a client that names this server, or none, may mean one of
// the routes.
func (n *serverNames) has(serverName string) bool {
	name := certificate.Fold(serverName)
	if !n.some || n.any || name == "" {
		return n.some
	}
	return n.exact[name] ||
		slices.ContainsFunc(n.tails, func(tail string) bool { return strings.HasSuffix(name, tail) }) ||
		slices.ContainsFunc(n.heads, func(head string) bool { return strings.HasPrefix(name, head) })
}
