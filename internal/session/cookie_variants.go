package session

import (
	"net/netip"
	"slices"
	"strings"
)

const (
	// maxVariantDomains, maxVariantPaths and maxVariantPath bound the answer
	// that clears a tossed cookie.
	maxVariantDomains = 6
	maxVariantPaths   = 8
	maxVariantPath    = 128
)

// expireVariants removes every other cookie called name that could have been
// set for this request, by us under older settings or by a sibling: with any
// domain that the host belongs to, at any path that the request's path belongs
// to. The cookie of c's own domain and path is spared.
//
// What it does not reach: domains beyond six, and paths beyond /, our own, and
// the first three segments of the request's, or longer than 128 characters.
// Names that begin with __Host- have one scope and cannot be tossed at all.
func (c Cookie) expireVariants(name string, v *Visit) []string {
	if strings.HasPrefix(strings.ToLower(name), prefixHost) {
		return nil // has one scope only
	}
	var lines []string
	for _, path := range c.variantPaths(v.Path) {
		for _, domain := range c.variantDomains(v.Host) {
			if domain != c.domain() || path != c.path() {
				lines = append(lines, name+"="+c.scope(domain, path, v.Secure)+epoch)
			}
		}
	}
	return lines
}

// variantDomains are the domains of a cookie that may come with a request to
// host; empty stands for the host alone.
func (c Cookie) variantDomains(host string) []string {
	domains := []string{""}
	if own := c.domain(); own != "" {
		domains = append(domains, own)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return domains
	}
	for parent := strings.ToLower(host); strings.Contains(parent, ".") && len(domains) < maxVariantDomains; {
		if !strings.ContainsFunc(parent, notDomainChar) && !slices.Contains(domains, parent) {
			domains = append(domains, parent)
		}
		_, parent, _ = strings.Cut(parent, ".")
	}
	return domains
}

// variantPaths are the paths of a cookie that may come with a request to path
// (RFC 6265 section 5.1.4): its beginnings, each with and without slash.
func (c Cookie) variantPaths(path string) []string {
	paths := []string{c.path()}
	add := func(p string) {
		if len(paths) < maxVariantPaths && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	add("/")
	if path == "" || path[0] != '/' {
		return paths
	}
	for i, char := range []byte(path + "/") {
		if i == maxVariantPath || notPathChar(rune(char)) {
			break
		}
		if char != '/' || i == 0 {
			continue
		}
		add(path[:i])
		if i < len(path) {
			add(path[:i+1])
		}
	}
	return paths
}
