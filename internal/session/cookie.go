package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SameSite is the value of the SameSite attribute (RFC 6265bis section 5.6.7).
type SameSite string

// The values of SameSite. SameSiteDefault, like the empty text, leaves the
// attribute out, so that the user agent applies its own rule.
const (
	SameSiteDefault SameSite = "Default"
	SameSiteLax     SameSite = "Lax"
	SameSiteStrict  SameSite = "Strict"
	SameSiteNone    SameSite = "None"
)

const (
	prefixHost   = "__host-"
	prefixSecure = "__secure-"
	// maxCookieName leaves room for a value beside the name.
	maxCookieName = 256
	epoch         = "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"
)

// Cookie is a cookie's name and attributes.
type Cookie struct {
	Name string
	// Domain is left out when empty or "localhost".
	Domain string
	// Path defaults to "/".
	Path     string
	SameSite SameSite
	// Secure nil follows the scheme of the request. SameSite None and the name
	// prefixes __Host- and __Secure- set the attribute in any case.
	Secure   *bool
	HTTPOnly bool
}

// Check reports the first reason why no user agent would accept, or this
// package could not write, such a cookie.
func (c Cookie) Check() error {
	if c.Name == "" || len(c.Name) > maxCookieName || strings.ContainsFunc(c.Name, notTokenChar) {
		return fmt.Errorf("cookie name %q: want 1 to %d characters of a token (RFC 9110 section 5.6.2)", c.Name, maxCookieName)
	}
	if c.Path != "" && (c.Path[0] != '/' || len(c.Path) > 1024 || strings.ContainsFunc(c.Path, notPathChar)) {
		return fmt.Errorf("cookie path %q: want a path that begins with / and has no semicolon or control character", c.Path)
	}
	if len(c.Domain) > 253 || strings.ContainsFunc(c.Domain, notDomainChar) {
		return fmt.Errorf("cookie domain %q: want a host name", c.Domain)
	}
	if !slices.Contains([]SameSite{"", SameSiteDefault, SameSiteLax, SameSiteStrict, SameSiteNone}, c.SameSite) {
		return fmt.Errorf("cookie SameSite %q: want Default, Lax, Strict or None", c.SameSite)
	}
	return c.checkSecure()
}

// checkSecure holds Secure, and what demands it, against one another.
func (c Cookie) checkSecure() error {
	refused := c.Secure != nil && !*c.Secure
	if c.SameSite == SameSiteNone && refused {
		return errors.New("cookie SameSite None needs Secure")
	}
	// RFC 6265bis section 4.1.3; the prefixes are matched without case.
	name := strings.ToLower(c.Name)
	if strings.HasPrefix(name, prefixSecure) && refused {
		return fmt.Errorf("cookie name %q needs Secure", c.Name)
	}
	if strings.HasPrefix(name, prefixHost) && (refused || c.domain() != "" || c.path() != "/") {
		return fmt.Errorf("cookie name %q needs Secure, path / and no domain", c.Name)
	}
	return nil
}

// Obstacle reports why a user agent would drop the cookie when it is set over
// https (secure) or plain http, or nil.
func (c Cookie) Obstacle(secure bool) error {
	if secure || !c.secure(false) {
		return nil
	}
	if c.SameSite == SameSiteNone {
		return fmt.Errorf("cookie %q has SameSite None, which browsers accept over https only", c.Name)
	}
	return fmt.Errorf("cookie %q is Secure, which browsers accept over https only", c.Name)
}

func (c Cookie) secure(https bool) bool {
	name := strings.ToLower(c.Name)
	if c.SameSite == SameSiteNone || strings.HasPrefix(name, prefixHost) || strings.HasPrefix(name, prefixSecure) {
		return true
	}
	if c.Secure != nil {
		return *c.Secure
	}
	return https
}

func (c Cookie) path() string {
	if c.Path == "" {
		return "/"
	}
	return c.Path
}

func (c Cookie) domain() string {
	d := strings.ToLower(strings.TrimPrefix(c.Domain, "."))
	if d == "localhost" {
		return ""
	}
	return d
}

// attributes is what follows the value, beginning with "; ".
func (c Cookie) attributes(https bool) string {
	return c.scope(c.domain(), c.path(), https)
}

func (c Cookie) scope(domain, path string, https bool) string {
	var b strings.Builder
	if domain != "" {
		b.WriteString("; Domain=")
		b.WriteString(domain)
	}
	b.WriteString("; Path=")
	b.WriteString(path)
	if c.SameSite != "" && c.SameSite != SameSiteDefault {
		b.WriteString("; SameSite=")
		b.WriteString(string(c.SameSite))
	}
	if c.secure(https) {
		b.WriteString("; Secure")
	}
	if c.HTTPOnly {
		b.WriteString("; HttpOnly")
	}
	return b.String()
}

// expire removes the cookie called name, which was set with c's attributes.
func (c Cookie) expire(name string, https bool) string {
	return name + "=" + c.attributes(https) + epoch
}

func notTokenChar(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
}

func notPathChar(r rune) bool { return r < ' ' || r >= 0x7f || r == ';' }

func notDomainChar(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}
