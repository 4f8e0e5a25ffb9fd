package openidconnect

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"sallyport/internal/session"
)

// errTarget is wrapped by every refusal of a redirect target.
var errTarget = errors.New("openid-connect: redirect target")

// cookieScope is where a browser sends a cookie: what its Domain, Path and
// Secure attributes say.
type cookieScope struct {
	// Name is which cookie, for messages: session or authorization.
	Name   string
	Domain string
	Path   string
	Secure bool
}

// scopeOf is the scope of a cookie that is set over https (secure) or http.
func scopeOf(name string, c session.Cookie, secure bool) cookieScope {
	s := cookieScope{Name: name, Domain: c.Domain, Path: c.Path, Secure: secure}
	if c.Secure != nil {
		s.Secure = *c.Secure
	}
	if c.Obstacle(false) != nil {
		s.Secure = true
	}
	return s
}

// checkTarget accepts target only if a browser that was given the cookie at
// from would send it there (C8), and if it has the same port: then it is a URL
// of ours, and the redirect is neither open nor endless. It is asked when a
// login state is sealed and again before every redirect or link to the target.
func checkTarget(target, from string, scope cookieScope) error {
	t, err := parseOwnURL(target)
	if err != nil {
		return err
	}
	r, err := parseOwnURL(from)
	if err != nil {
		return fmt.Errorf("redirect_uri: %w", err)
	}
	domain := strings.ToLower(strings.TrimPrefix(scope.Domain, "."))
	targetHost, fromHost := strings.ToLower(t.Hostname()), strings.ToLower(r.Hostname())
	switch {
	case domain == "" || domain == "localhost":
		if targetHost != fromHost {
			return fmt.Errorf("%w: host %q is not the host %q that gets the %s cookie", errTarget, targetHost, fromHost, scope.Name)
		}
		if port(t) != port(r) {
			return fmt.Errorf("%w: port %q is not the port %q", errTarget, t.Port(), r.Port())
		}
	case !inDomain(targetHost, domain) || !inDomain(fromHost, domain):
		return fmt.Errorf("%w: host %q or %q is outside %s_cookie_domain %q", errTarget, targetHost, fromHost, scope.Name, domain)
	}
	if !pathMatches(t.EscapedPath(), scope.Path) {
		return fmt.Errorf("%w: path %q is outside %s_cookie_path %q", errTarget, t.EscapedPath(), scope.Name, scope.Path)
	}
	if scope.Secure && t.Scheme != "https" {
		return fmt.Errorf("%w: a Secure %s cookie is not sent to %s", errTarget, scope.Name, t.Scheme)
	}
	return nil
}

// port is the port of a URL, empty for the default one of either scheme: a
// proxy in front may end TLS.
func port(u *url.URL) string {
	p := u.Port()
	if p == "443" || p == "80" {
		return ""
	}
	return p
}

// parseOwnURL parses an absolute http or https URL the way every browser does:
// what browsers and net/url read differently (backslashes, control characters,
// userinfo, blanks) is refused.
func parseOwnURL(text string) (*url.URL, error) {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c == '\\' || c == 0x7f {
			return nil, fmt.Errorf("%w: character %#02x is not allowed in it", errTarget, c)
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", errTarget)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%w: scheme %q", errTarget, u.Scheme)
	case u.User != nil:
		return nil, fmt.Errorf("%w: user information is not allowed in it", errTarget)
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%w: no host", errTarget)
	case u.Fragment != "" || strings.Contains(text, "#"):
		return nil, fmt.Errorf("%w: a fragment is not allowed in it", errTarget)
	case u.Path != "" && !strings.HasPrefix(u.Path, "/"):
		return nil, fmt.Errorf("%w: path does not begin with a slash", errTarget)
	}
	return u, nil
}

func inDomain(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// pathMatches is RFC 6265 section 5.1.4.
func pathMatches(path, cookiePath string) bool {
	if path == "" {
		path = "/"
	}
	if cookiePath == "" || cookiePath == "/" || path == cookiePath {
		return true
	}
	return strings.HasPrefix(path, cookiePath) &&
		(strings.HasSuffix(cookiePath, "/") || path[len(cookiePath)] == '/')
}

// withoutQuery cuts a URL to its path.
func withoutQuery(target string) string {
	before, _, _ := strings.Cut(target, "?")
	return before
}
