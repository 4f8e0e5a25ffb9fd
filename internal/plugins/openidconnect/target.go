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
	targetHost, fromHost := t.host, r.host
	switch {
	case domain == "" || domain == "localhost":
		if targetHost != fromHost {
			return fmt.Errorf("%w: host %q is not the host %q that gets the %s cookie", errTarget, targetHost, fromHost, scope.Name)
		}
		if t.boundPort() != r.boundPort() {
			return fmt.Errorf("%w: port %q is not the port %q", errTarget, t.port, r.port)
		}
	case !inDomain(targetHost, domain) || !inDomain(fromHost, domain):
		return fmt.Errorf("%w: host %q or %q is outside %s_cookie_domain %q", errTarget, targetHost, fromHost, scope.Name, domain)
	}
	if !pathMatches(t.path, scope.Path) {
		return fmt.Errorf("%w: path %q is outside %s_cookie_path %q", errTarget, t.path, scope.Name, scope.Path)
	}
	if scope.Secure && t.scheme != "https" {
		return fmt.Errorf("%w: a Secure %s cookie is not sent to %s", errTarget, scope.Name, t.scheme)
	}
	return nil
}

// ownURL is a URL that may be one of ours, in the parts that say so.
type ownURL struct {
	scheme string
	// host is in lower case, an IPv6 address without brackets.
	host, port string
	// path is escaped as it was; it may be empty.
	path string
}

// boundPort is the port, empty for the default one of either scheme: a proxy in
// front may end TLS.
func (u ownURL) boundPort() string {
	if u.port == "443" || u.port == "80" {
		return ""
	}
	return u.port
}

// ambiguous tells a character that browsers and net/url take differently.
func ambiguous(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f }

// parseOwnURL parses an absolute http or https URL the way every browser does:
// what browsers and net/url read differently (backslashes, control characters,
// userinfo, blanks) is refused.
func parseOwnURL(text string) (ownURL, error) {
	if i := strings.IndexFunc(text, ambiguous); i >= 0 {
		return ownURL{}, fmt.Errorf("%w: character %#02x is not allowed in it", errTarget, text[i])
	}
	if u, ok := plainURL(text); ok {
		return u, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return ownURL{}, fmt.Errorf("%w: not a URL", errTarget)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return ownURL{}, fmt.Errorf("%w: scheme %q", errTarget, u.Scheme)
	case u.User != nil:
		return ownURL{}, fmt.Errorf("%w: user information is not allowed in it", errTarget)
	case u.Opaque != "" || u.Hostname() == "":
		return ownURL{}, fmt.Errorf("%w: no host", errTarget)
	case u.Fragment != "" || strings.Contains(text, "#"):
		return ownURL{}, fmt.Errorf("%w: a fragment is not allowed in it", errTarget)
	case u.Path != "" && !strings.HasPrefix(u.Path, "/"):
		return ownURL{}, fmt.Errorf("%w: path does not begin with a slash", errTarget)
	}
	return ownURL{scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: u.Port(), path: u.EscapedPath()}, nil
}

// plainURL takes a URL apart that nobody can read in two ways, as most are:
// without a userinfo, a fragment, and anything in its host or path that could
// be escaped. It allocates nothing. Everything else is not ok, and net/url's.
func plainURL(text string) (u ownURL, ok bool) {
	rest, secure := strings.CutPrefix(text, "https://")
	if u.scheme = "https"; !secure {
		if u.scheme, rest, ok = strings.Cut(text, "://"); !ok || u.scheme != "http" {
			return ownURL{}, false
		}
	}
	if strings.IndexByte(rest, '#') >= 0 {
		return ownURL{}, false
	}
	rest, _, _ = strings.Cut(rest, "?")
	authority := rest
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, u.path = rest[:slash], rest[slash:]
	}
	host, port, hasPort := strings.Cut(authority, ":")
	if host == "" || hasPort && (port == "" || strings.Trim(port, "0123456789") != "") {
		return ownURL{}, false
	}
	u.host, u.port = host, port
	return u, only(host, hostBytes) && only(u.path, pathBytes)
}

// byteSet has a bit for each ASCII character in it.
type byteSet [2]uint64

func newByteSet(s string) (set byteSet) {
	for _, c := range []byte(s) {
		set[c>>6] |= 1 << (c & 63)
	}
	return set
}

// The characters of a host and of a path in which there is nothing to fold or
// to decode.
var (
	hostBytes = newByteSet("abcdefghijklmnopqrstuvwxyz0123456789-.")
	pathBytes = newByteSet("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-._~")
)

func only(s string, set byteSet) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || set[c>>6]&(1<<(c&63)) == 0 {
			return false
		}
	}
	return true
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
