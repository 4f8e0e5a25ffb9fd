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
	e.upgrade = e.Rewrite == nil && wantsWebSocket(e.r)
	e.out = &http.Request{
		Method: e.method(), URL: target, Host: e.host(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: e.header(),
	}
	if e.Rewrite != nil {
		return nil
	}
	if e.source = newBodySource(e.r, e.t.service.Retries > 0 && idempotent(e.out.Method)); e.source != nil {
		e.out.ContentLength = e.r.ContentLength
		e.out.Trailer = e.announcedTrailer()
	}
	return nil
}

// url is the request target, path and query exactly as they are to be sent.
func (e *exchange) url() (*url.URL, error) {
	u := &url.URL{Scheme: "http", Host: e.t.authority}
	if e.t.tls {
		u.Scheme = "https"
		if name := strings.Trim(e.Canonical.Host, "[]"); e.Route.PreserveHost && name != e.t.name {
			// The user agent chose the name: it must not choose among our
			// connections as well, where nothing depends on it.
			e.named = e.t.transport.named != nil
			if e.named {
				u.Host = namedKey(name, e.t.name, e.t.service.Port)
			}
		}
	}
	u.RawQuery, u.ForceQuery = e.Canonical.RawQuery, e.Canonical.ForceQuery
	if e.Rewrite != nil {
		u.RawQuery, u.ForceQuery = e.Rewrite.RawQuery, false
	}
	if !cleanTarget(e.Path) || !cleanTarget(u.RawQuery) || !strings.HasPrefix(e.Path, "/") {
		return nil, errors.New("request target cannot be sent")
	}
	if !strings.HasPrefix(e.Path, "//") {
		u.Opaque = e.Path // sent as it stands
		return u, nil
	}
	var err error
	u.Path, err = url.PathUnescape(e.Path) // an opaque "//" would be taken for a host
	u.RawPath = e.Path
	return u, err
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
	e.forward(h)
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
	if e.Header != nil {
		for _, name := range e.Header.Apply(h) {
			e.t.proxy.opts.Logger.WarnContext(e.r.Context(), "upstream request header value refused",
				"header", name, "request_id", e.RequestID)
		}
	}
	hideIdempotencyKey(h)
	return h
}

// hideIdempotencyKey writes the headers that make the transport repeat a POST
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
		for more := true; more; {
			var token string
			token, value, more = strings.Cut(value, ",")
			if token = textproto.TrimString(token); token != "" && !strings.EqualFold(token, "keep-alive") {
				list = append(list, textproto.CanonicalMIMEHeaderKey(token))
			}
		}
	}
	return list
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
