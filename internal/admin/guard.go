package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard keeps web pages out that a browser on the administrator's machine
// shows: a page of a rebound name reaches the API under that name, so only
// names that cannot be rebound are served; and a page of another origin may
// not write. It is immutable.
type guard struct {
	hosts   map[string]bool
	origins map[string]bool
}

func newGuard(hosts, origins []string) (*guard, error) {
	g := &guard{hosts: map[string]bool{}, origins: map[string]bool{}}
	for _, h := range hosts {
		name := foldHost(h)
		if name == "" || strings.ContainsAny(name, "/:@*?# \t") {
			return nil, fmt.Errorf("admin: host %q: want a name without port", h)
		}
		g.hosts[name] = true
	}
	for _, o := range origins {
		folded, ok := foldOrigin(o)
		if !ok {
			return nil, fmt.Errorf("admin: origin %q: want scheme://host[:port]", o)
		}
		g.origins[folded] = true
	}
	return g, nil
}

// check refuses a request whose Host could have been rebound, and a write from
// a foreign page.
func (g *guard) check(r *http.Request) error {
	if !g.hostAllowed(r.Host) {
		return failure(http.StatusMisdirectedRequest,
			"the Admin API is not served under this host name; use an IP address or localhost, or allow the name with --admin-host")
	}
	if readOnlyMethod(r.Method) {
		return nil
	}
	origins := r.Header["Origin"]
	if len(origins) > 1 {
		return failure(http.StatusForbidden, "more than one Origin header")
	}
	if _, configured := g.allowedForeign(r); configured {
		return nil
	}
	if len(origins) == 1 && !g.ownOrigin(r, origins[0]) {
		return failure(http.StatusForbidden,
			"a page of another origin may not change the configuration; allow it with --admin-origin")
	}
	// A browser that leaves Origin out still says where the request is from.
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if !strings.EqualFold(site, "same-origin") && !strings.EqualFold(site, "none") {
			return failure(http.StatusForbidden, "a cross-site request may not change the configuration")
		}
	}
	return nil
}

func (g *guard) hostAllowed(hostport string) bool {
	host := foldHost(stripPort(hostport))
	if host == "localhost" || g.hosts[host] {
		return true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && addr.Zone() == ""
}

// ownOrigin tells whether origin is the API's own, as the request reached it.
// "null" is not.
func (g *guard) ownOrigin(r *http.Request, origin string) bool {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	folded, ok := foldOrigin(origin)
	own, known := foldOrigin(scheme + "://" + r.Host)
	return ok && known && own == folded
}

// allowedForeign gives the Origin header back when it is one of the configured
// ones, whose pages may write and also read the answers.
func (g *guard) allowedForeign(r *http.Request) (string, bool) {
	origin := r.Header.Get("Origin")
	folded, ok := foldOrigin(origin)
	return origin, ok && g.origins[folded]
}

func readOnlyMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func stripPort(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return hostport
}

func foldHost(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// foldOrigin brings a serialised origin into one form: lower case, the
// scheme's default port left out. Whatever is more than an http or https
// origin is not one.
func foldOrigin(origin string) (string, bool) {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return "", false
	}
	// What is left besides scheme and host does not belong to an origin.
	bare := url.URL{Scheme: u.Scheme, Host: u.Host}
	if *u != bare {
		return "", false
	}
	port := u.Port()
	switch u.Scheme + ":" + port {
	case "http:80", "https:443", "http:", "https:":
		return u.Scheme + "://" + foldHost(u.Hostname()), true
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	return u.Scheme + "://" + foldHost(u.Hostname()) + ":" + port, true
}
