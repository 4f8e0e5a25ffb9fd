package upstream

import (
	"strconv"
	"strings"
)

// via is our entry in Via.
const (
	viaOne = "1.1 sallyport"
	viaTwo = "2 sallyport"
)

// forward gives set the headers that tell the upstream who asked for what.
// X-Forwarded-For is appended to whoever the peer is, as Kong does; the others
// come from the canonical request, which knows whether the peer is trusted.
func (e *exchange) forward(set func(name, value string)) {
	c := e.Canonical
	port := c.ListenPort
	if c.Trusted && len(e.r.Header["X-Forwarded-Port"]) > 0 {
		port = c.ForwardedPort
	}
	path := c.RawPath
	if c.ForwardedPath != "" {
		path = c.ForwardedPath
	}
	client := e.client()
	via := viaOne
	if c.ProtoMajor == 2 {
		via = viaTwo
	}
	if before := e.r.Header["Via"]; len(before) > 0 {
		via = strings.Join(before, ", ") + ", " + via
	}
	set("X-Forwarded-For", e.forwardedFor(client))
	set("X-Forwarded-Proto", c.Scheme)
	set("X-Forwarded-Host", c.ForwardedHost)
	set("X-Forwarded-Port", strconv.Itoa(port))
	set("X-Forwarded-Path", path)
	if prefix := e.forwardedPrefix(); prefix != "" {
		set("X-Forwarded-Prefix", prefix)
	}
	set("X-Real-Ip", client)
	set("Via", via)
	set("X-Kong-Request-Id", e.RequestID)
}

// client is the client's address, empty for one that is not known.
func (e *exchange) client() string {
	c := e.Canonical
	if !c.Client.IsValid() {
		return ""
	}
	// The text of an IPv4 peer is there already.
	if host, _, found := strings.Cut(e.r.RemoteAddr, ":"); found && c.Client == c.Peer && c.Client.Is4() && host != "" {
		return host
	}
	return c.Client.String()
}

func (e *exchange) forwardedFor(client string) string {
	before := e.r.Header["X-Forwarded-For"]
	if len(before) == 0 || !e.Canonical.Peer.IsValid() {
		return client
	}
	return strings.Join(before, ", ") + ", " + e.Canonical.Peer.String()
}

func (e *exchange) forwardedPrefix() string {
	if e.Canonical.ForwardedPrefix != "" {
		return e.Canonical.ForwardedPrefix
	}
	if e.StrippedPrefix == "/" {
		return ""
	}
	return e.StrippedPrefix
}
