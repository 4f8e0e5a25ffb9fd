package server

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// framed is what the fields of a head say about the message itself.
type framed struct {
	host string
	// hosts counts Host fields; frames tells that there are others of those that
	// are read here.
	hosts  int
	frames bool
	// length is the length of the body in bytes, -1 for a chunked one.
	length int64
	// expect tells that the client waits for 100 Continue.
	expect bool
	// close tells that the client wants no other request on the connection,
	// keep that an HTTP/1.0 client asked for one.
	close, keep bool
	trailer     http.Header
}

// build makes r of the parts of a head, in net/http's manner. s is a copy of
// the head of its own, which every string of r shares: a string that outlives
// the request, in a goroutine of http.Transport for one, stays what it was.
func (x *exchange) build(s string) *headError {
	l, r := &x.lines, &x.req
	r.Method, r.RequestURI = method(l.method.of(s)), l.target.of(s)
	r.ProtoMajor, r.ProtoMinor, r.Proto = 1, l.minor, "HTTP/1.1"
	if l.minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	x.values, x.framed = x.values[:0], framed{}
	for i := range l.fields {
		name, value := l.fields[i].name.of(s), l.fields[i].value.of(s)
		switch name {
		case "Host": // net/http keeps it apart
			x.host = value
			x.hosts++
			continue
		case "Connection", "Content-Length", "Expect", "Transfer-Encoding", "Trailer":
			x.frames = true
		}
		if before, more := x.header[name]; more {
			x.header[name] = append(before, value)
			continue
		}
		x.values = append(x.values, value)
		x.header[name] = x.values[len(x.values)-1 : len(x.values) : len(x.values)]
	}
	r.Header = x.header
	if err := x.frame(); err != nil {
		return err
	}
	if !x.parseTarget(r.Method, r.RequestURI) {
		return errTarget
	}
	r.URL, r.Host = &x.url, x.host
	r.ContentLength, r.Close, r.Trailer = x.length, x.close, x.trailer
	if x.length < 0 {
		r.TransferEncoding = []string{"chunked"}
	}
	return nil
}

// method is s, as a constant where it can be.
func method(s string) string {
	switch s {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodPost:
		return http.MethodPost
	}
	return s
}

// parseTarget fills the URL as url.ParseRequestURI does, without allocation for
// a path in which there is nothing to decode.
func (x *exchange) parseTarget(method, target string) bool {
	path, query, hasQuery := strings.Cut(target, "?")
	if path != "" && path[0] == '/' && plainPath(path) {
		x.url = url.URL{Path: path, RawQuery: query, ForceQuery: hasQuery && query == ""}
		return true
	}
	authority := method == http.MethodConnect && target[0] != '/'
	if authority {
		target = "http://" + target
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return false
	}
	if authority {
		u.Scheme = ""
	}
	x.url = *u
	return true
}

// plainPath reports whether a path is written as net/url would write it.
func plainPath(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', digit(c):
		case strings.IndexByte("/-_.~$&+,:;=@", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// frame reads the fields that say where the message ends and for whom it is
// (RFC 9112 §3.2, §6), and takes those out that net/http takes out.
func (x *exchange) frame() *headError {
	h, old := x.header, x.lines.minor == 0
	if x.hosts > 1 || x.hosts == 0 && !old {
		return badHead("missing or repeated Host")
	}
	if !x.frames {
		x.close = old
		return nil
	}
	if err := x.bodyLength(old); err != nil {
		return err
	}
	for _, value := range h["Connection"] {
		x.connection(value)
	}
	x.keep = old && x.keep && !x.close
	if old {
		x.close = !x.keep
		return nil
	}
	return x.expectation()
}

// connection looks for close and keep-alive in the list of a Connection field.
func (x *exchange) connection(value string) {
	for more := true; more; {
		var token string
		token, value, more = strings.Cut(value, ",")
		token = textproto.TrimString(token)
		x.close = x.close || strings.EqualFold(token, "close")
		x.keep = x.keep || strings.EqualFold(token, "keep-alive")
	}
}

// bodyLength decides how the body is delimited. What two readers could read in
// two ways is refused: a length beside a coding, two lengths, even equal ones,
// a coding of HTTP/1.0, any coding but one "chunked".
func (x *exchange) bodyLength(old bool) *headError {
	codings, lengths := x.header["Transfer-Encoding"], x.header["Content-Length"]
	switch {
	case len(codings) > 0 && len(lengths) > 0:
		return badHead("Content-Length beside Transfer-Encoding")
	case len(lengths) > 1:
		return badHead("repeated Content-Length")
	case len(lengths) == 1:
		var ok bool
		if x.length, ok = parseLength(lengths[0]); !ok {
			return badHead("invalid Content-Length")
		}
		return nil
	case len(codings) == 0:
		return nil
	case len(codings) > 1 || old:
		return badHead("repeated or unexpected Transfer-Encoding")
	case !strings.EqualFold(codings[0], "chunked"):
		return badHead("unknown Transfer-Encoding")
	}
	x.length = -1
	delete(x.header, "Transfer-Encoding")
	return x.announceTrailer()
}

// parseLength reads 1*DIGIT, at most 18 of them.
func parseLength(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// announceTrailer lists the fields that Trailer announces, as net/http does.
func (x *exchange) announceTrailer() *headError {
	for _, value := range x.header["Trailer"] {
		for more := true; more; {
			var name string
			name, value, more = strings.Cut(value, ",")
			switch name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)); name {
			case "":
				continue
			case "Transfer-Encoding", "Trailer", "Content-Length":
				return badHead("Trailer announces a framing field")
			}
			if x.trailer == nil {
				x.trailer = http.Header{}
			}
			x.trailer[name] = nil
		}
	}
	delete(x.header, "Trailer")
	return nil
}

// expectation knows 100-continue alone (RFC 9110 §10.1.1).
func (x *exchange) expectation() *headError {
	expected := x.header["Expect"]
	switch {
	case len(expected) == 0:
		return nil
	case len(expected) > 1 || !strings.EqualFold(expected[0], "100-continue"):
		return &headError{http.StatusExpectationFailed, "unknown expectation"}
	}
	x.expect = x.length != 0
	return nil
}
