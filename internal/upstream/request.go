package upstream

import (
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sallyport/internal/httperror"
	"sallyport/internal/message"
)

// prepare builds the request that the upstream gets.
func (e *exchange) prepare() error {
	target, err := e.url()
	if err != nil {
		return httperror.Wrap(http.StatusBadRequest, httperror.StatusMessage(http.StatusBadRequest), err)
	}
	e.out = &http.Request{
		Method: e.method(), URL: target, Host: e.host(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.header(),
	}
	if e.source != nil {
		e.out.ContentLength = e.r.ContentLength
		e.out.Trailer = e.announcedTrailer()
	}
	return nil
}

// url is the request target, path and query exactly as they are to be sent.
func (e *exchange) url() (*url.URL, error) {
	u := &url.URL{Scheme: "http", Host: e.key}
	if e.t.tls {
		u.Scheme = "https"
	}
	var err error
	if u.RawQuery, u.ForceQuery, err = e.query(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(e.Path, "//") {
		u.Opaque = e.Path // sent as it stands
		return u, nil
	}
	u.Path, err = url.PathUnescape(e.Path) // an opaque "//" would be taken for a host
	u.RawPath = e.Path
	return u, err
}

// query is the query that is sent, force tells a bare "?". It fails where path or
// query cannot stand in a request line.
func (e *exchange) query() (raw string, force bool, err error) {
	raw, force = e.Canonical.RawQuery, e.Canonical.ForceQuery
	if e.Rewrite != nil {
		raw, force = e.Rewrite.RawQuery, false
	}
	if !cleanTarget(e.Path) || !cleanTarget(raw) || !strings.HasPrefix(e.Path, "/") {
		return "", false, errors.New("request target cannot be sent")
	}
	return raw, force, nil
}

// connectionKey tells apart connections that must not stand in for each other:
// by address, and for TLS by the server name that was asked for.
// Where no name is verified the user agent, who chose it, does not choose among
// our connections as well. named tells that the name is the user agent's.
func (e *exchange) connectionKey() (key string, named bool) {
	if e.t.transport.named == nil || !e.Route.PreserveHost {
		return e.t.authority, false
	}
	name := strings.Trim(e.Canonical.Host, "[]")
	if name == e.t.name {
		return e.t.authority, false
	}
	return namedKey(name, e.t.name, e.t.service.Port), true
}

// cleanTarget reports whether s can stand in a request line without ending
// something early.
func cleanTarget(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	return true
}

// host is the Host header: the service's, or with preserve_host the request's.
func (e *exchange) host() string {
	c := e.Canonical
	if !e.Route.PreserveHost {
		return e.t.header
	}
	if c.Port == message.DefaultPort(c.Scheme) {
		return c.Host
	}
	return c.Host + ":" + strconv.Itoa(c.Port)
}

// header builds the header in the order that keeps it safe: what the user agent
// sent, without hop-by-hop headers and those of ours; ours; the plugins'.
func (e *exchange) header() http.Header {
	named := connectionTokens(e.r.Header)
	h := make(http.Header, len(e.r.Header)+10)
	count := 0
	for _, values := range e.r.Header {
		count += len(values)
	}
	values := make([]string, 0, count)
	for name, sent := range e.r.Header {
		if removed(name) || named.has(name) || e.Rewrite != nil && describesBody(name) {
			continue
		}
		from := len(values)
		values = append(values, sent...)
		h[name] = values[from:len(values):len(values)]
	}
	dropCookies(h, e.DropCookies)
	ours := make([]string, 0, 9)
	e.forward(func(name, value string) {
		ours = append(ours, value)
		h[name] = ours[len(ours)-1 : len(ours) : len(ours)]
	})
	h["Connection"] = keepAlive
	if e.upgrade {
		h["Connection"] = keepAliveUpgrade
		h["Upgrade"] = webSocket
	}
	if wantsTrailers(e.r.Header) {
		h["Te"] = trailers
	}
	if _, sent := h["User-Agent"]; !sent {
		h["User-Agent"] = nil // or the transport would name itself
	}
	e.overlay(h)
	hideIdempotencyKey(h)
	return h
}

// overlay applies what the plugins want changed.
func (e *exchange) overlay(h http.Header) {
	if e.Header == nil {
		return
	}
	for _, name := range e.Header.Apply(h) {
		e.t.proxy.opts.Logger.WarnContext(e.r.Context(), "upstream request header value refused",
			"header", name, "request_id", e.RequestID)
	}
}

// hideIdempotencyKey writes the headers that make http.Transport repeat a POST
// by itself under keys that it does not know. To the upstream they are the same.
func hideIdempotencyKey(h http.Header) {
	for _, name := range [...]string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, sent := h[name]; sent {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// Values that are the same for every request. They are not changed: Overlay
// copies before it appends.
var (
	keepAlive        = []string{"keep-alive"}
	keepAliveUpgrade = []string{"keep-alive, Upgrade"}
	webSocket        = []string{"websocket"}
	trailers         = []string{"trailers"}
)

// removed reports whether a header of the user agent never gets further:
// hop-by-hop ones (RFC 9110 §7.6.1), and those that we set ourselves, in any
// spelling that an upstream may fold into ours.
func removed(name string) bool {
	if strings.ContainsAny(name, "_.") {
		name = textproto.CanonicalMIMEHeaderKey(message.Fold(name))
	}
	return hopByHop(name) || ours(name)
}

// hopByHop takes the canonical name.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings":
		return true
	}
	return false
}

// ours takes the canonical name.
func ours(name string) bool {
	switch name {
	case "Forwarded", "Host", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Path", "X-Forwarded-Port",
		"X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Kong-Request-Id", "X-Real-Ip":
		return true
	}
	return false
}

// describesBody reports whether a header is about the body.
func describesBody(name string) bool {
	return strings.HasPrefix(name, "Content-") || name == "Expect"
}

// tokens are names in canonical form.
type tokens []string

func (t tokens) has(name string) bool { return slices.Contains(t, name) }

// connectionTokens lists the headers that Connection declares hop-by-hop.
func connectionTokens(h http.Header) tokens {
	var list tokens
	for _, value := range h["Connection"] {
		list = list.add(value)
	}
	return list
}

// add appends the tokens of a Connection header.
func (t tokens) add(value string) tokens {
	for more := true; more; {
		var token string
		token, value, more = strings.Cut(value, ",")
		if token = textproto.TrimString(token); token != "" && !strings.EqualFold(token, "keep-alive") {
			t = append(t, textproto.CanonicalMIMEHeaderKey(token))
		}
	}
	return t
}

// wantsWebSocket reports whether the request asks to switch to WebSocket, the
// one protocol that is tunnelled: any other Upgrade, h2c above all, would carry
// requests past the router.
func wantsWebSocket(r *http.Request) bool {
	if r.ProtoMajor != 1 || r.Method != http.MethodGet {
		return false
	}
	upgrade := r.Header["Upgrade"]
	return len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") &&
		connectionTokens(r.Header).has("Upgrade")
}
