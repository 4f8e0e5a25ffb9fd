//go:build integration

package dataplane

import (
	"fmt"
	"strings"
)

// hiding is a request that hides another one in itself, or tries to. In its
// text {P} is the path that is the case's own, {hidden} the hidden request,
// {len} its length and {hex} the same in hexadecimal.
type hiding struct {
	name string
	// head has no empty line at its end; body follows it.
	head, body string
	// status is that of the refusal. With 0 the request is good, and all of its
	// body belongs to it.
	status int
	// follows tells that the hidden request is no part of the body, but one that
	// rightly follows.
	follows bool
	// waits tells that the request is good as far as it has come, and that the
	// end of its body has not.
	waits bool
}

// early tells that an upstream may answer before it has the body, which then
// may end the connection.
func (h *hiding) early() bool {
	return strings.Contains(h.head, "ignore") || strings.Contains(h.head, "Expect")
}

func post(lines ...string) string { return request("POST", "{P}/a", lines...) }
func get(lines ...string) string  { return request("GET", "{P}/a", lines...) }

func request(method, target string, lines ...string) string {
	return method + " " + target + " HTTP/1.1\r\n" + strings.Join(append([]string{"Host: a.test"}, lines...), "\r\n") + "\r\n"
}

const (
	chunked = "Transfer-Encoding: chunked"
	length  = "Content-Length: {len}"
	// inChunks is the hidden request as the body of another one.
	inChunks = "{hex}\r\n{hidden}\r\n0\r\n\r\n"
	nothing  = "0\r\n\r\n"
)

// refused is a case that is refused with 400.
func refused(name, head, body string) hiding {
	return hiding{name: name, head: head, body: body, status: 400}
}

// good is a case whose body is the hidden request.
func good(name, head, body string) hiding { return hiding{name: name, head: head, body: body} }

var corpus = append(framings(), parsings()...)

// framings are about where the body ends.
func framings() []hiding {
	all := []hiding{
		refused("CL.TE", post("Content-Length: 5", chunked), nothing),
		refused("CL.TE, the length covers all", post(length, chunked), nothing),
		refused("TE.CL", post(chunked, "Content-Length: 4"), inChunks),
		refused("TE.CL, length 0", post(chunked, "Content-Length: 0"), inChunks),
		refused("TE.CL, the same in lower case", post("transfer-encoding: chunked", "content-length: 4"), inChunks),
		refused("TE.TE, identity second", post(chunked, "Transfer-Encoding: identity"), inChunks),
		refused("TE.TE, identity first", post("Transfer-Encoding: identity", chunked), inChunks),
		refused("TE.TE, twice the same", post(chunked, chunked), inChunks),
		refused("TE.TE, cow", post(chunked, "Transfer-encoding: cow"), inChunks),
		refused("a list of codings", post("Transfer-Encoding: gzip, chunked"), inChunks),
		refused("chunked is not the last", post("Transfer-Encoding: chunked, identity"), inChunks),
		refused("an empty element", post("Transfer-Encoding: ,chunked"), inChunks),
		refused("xchunked", post("Transfer-Encoding: xchunked", length), "{hidden}"),
		refused("chunked with a parameter", post("Transfer-Encoding: chunked;q=1"), inChunks),
		refused("chunked in quotes", post(`Transfer-Encoding: "chunked"`), inChunks),
		refused("a vertical tab before chunked", post("Transfer-Encoding: \vchunked", length), "{hidden}"),
		refused("a form feed after chunked", post("Transfer-Encoding: chunked\f", length), "{hidden}"),
		refused("NUL after chunked", post("Transfer-Encoding: chunked\x00", length), "{hidden}"),
		refused("empty coding", post("Transfer-Encoding:", length), "{hidden}"),
		refused("identity", post("Transfer-Encoding: identity", length), "{hidden}"),
		refused("a coding in HTTP/1.0", "POST {P}/a HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n"+chunked+"\r\n", inChunks),
		refused("a blank before the colon of the coding", post("Transfer-Encoding : chunked", length), nothing),
		refused("a blank before the colon of the length", post("Content-Length : {len}"), "{hidden}"),
		refused("a tab before the colon of the length", post("Content-Length\t: {len}"), "{hidden}"),
		refused("a folded coding", post("Transfer-Encoding:", " chunked", length), nothing),
		refused("a coding folded into another field", post("X: a", " Transfer-Encoding: chunked"), nothing),
		refused("a length folded into another field", get("X: a", "\tContent-Length: {len}"), "{hidden}"),
		refused("two lengths", post("Content-Length: 0", length), "{hidden}"),
		refused("two lengths, the greater first", post(length, "Content-Length: 0"), "{hidden}"),
		refused("two equal lengths", post(length, length), "{hidden}"),
		refused("a list of lengths", post("Content-Length: 0, {len}"), "{hidden}"),
		refused("a list of equal lengths", post("Content-Length: {len}, {len}"), "{hidden}"),
		refused("a signed length", post("Content-Length: +{len}"), "{hidden}"),
		refused("a negative length", post("Content-Length: -{len}"), ""),
		refused("minus zero", post("Content-Length: -0"), ""),
		refused("a hexadecimal length", post("Content-Length: 0x{hex}"), "{hidden}"),
		refused("a length with a fraction", post("Content-Length: {len}.0"), "{hidden}"),
		refused("a length with an exponent", post("Content-Length: 1e1"), "{hidden}"),
		refused("a length with an underscore", post("Content-Length: 1_0"), "{hidden}"),
		refused("a length with a blank", post("Content-Length: 1 0"), "{hidden}"),
		refused("a length in quotes", post(`Content-Length: "{len}"`), "{hidden}"),
		refused("a length beyond every number", post("Content-Length: 18446744073709551616"), ""),
		refused("a length that wraps around", post("Content-Length: 9223372036854775808"), ""),
		refused("no length at all", post("Content-Length:"), ""),
		refused("a length of other digits", post("Content-Length: \u0661"), ""),
		refused("a trailer that would frame", post(chunked, "Trailer: Content-Length"), inChunks),
		good("control: a length", post(length), "{hidden}"),
		good("a length with zeros before it", post("Content-Length: 000{len}"), "{hidden}"),
		good("a length with blanks around it", post("Content-Length: \t {len} \t"), "{hidden}"),
		good("control: chunks", post(chunked), inChunks),
		good("chunked in capitals", post("TRANSFER-ENCODING: CHUNKED"), inChunks),
		good("TE.0: OPTIONS", request("OPTIONS", "{P}/a", chunked), inChunks),
		good("TE.0: GET", get(chunked), inChunks),
		good("TE.0: an answer before the body", request("OPTIONS", "{P}/a/ignore", chunked), inChunks),
		good("CL.0: an answer before the body", request("POST", "{P}/a/ignore", length), "{hidden}"),
		good("CL.0: GET", get(length), "{hidden}"),
		good("CL.0: HEAD", request("HEAD", "{P}/a", length), "{hidden}"),
		good("CL.0: DELETE", request("DELETE", "{P}/a", length), "{hidden}"),
		good("CL.0: a method that is rare", request("PROPFIND", "{P}/a", length), "{hidden}"),
		good("the length is named hop-by-hop", post("Connection: Content-Length", length), "{hidden}"),
		good("the coding is named hop-by-hop", post("Connection: Transfer-Encoding", chunked), inChunks),
		good("the host is named hop-by-hop", post("Connection: Host, X-Kong-Request-Id", length), "{hidden}"),
		good("a length beside one that is none", post("Content_Length: 0", length), "{hidden}"),
		good("a coding that is none", post("Transfer_Encoding: chunked", length), "{hidden}"),
		good("a length under another name", post("X-Content-Length: 0", "Content-Length-: 0", length), "{hidden}"),
		good("a length of HTTP/1.0", "POST {P}/a HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n"+length+"\r\n", "{hidden}"),
		{name: "control: length 0", head: post("Content-Length: 0"), follows: true},
		{name: "control: no chunks", head: post(chunked), body: nothing, follows: true},
		{name: "control: no body", head: get(), follows: true},
		{name: "a body of one byte", head: post("Content-Length: 1"), body: "x", follows: true},
		{name: "0.CL: more is announced than comes", head: post("Content-Length: 500"), body: "{hidden}", waits: true},
		{name: "0.CL: GET", head: get("Content-Length: 500"), body: "{hidden}", waits: true},
		{name: "0.CL: an answer before the body", head: request("POST", "{P}/a/ignore", "Content-Length: 500"), body: "{hidden}", waits: true},
		{name: "a chunk of which a part comes", head: post(chunked), body: "1000\r\n{hidden}", waits: true},
		{name: "a chunk without its end", head: post(chunked), body: "{hex}\r\n{hidden}", waits: true, status: 400},
	}
	for _, bad := range []string{
		"0\n\n", "0\r\n\n", "0\n\r\n", "{hex}\n{hidden}\n0\n\n", "{hex}\r\n{hidden}0\r\n\r\n", "{hex} \r\n{hidden}\r\n0\r\n\r\n",
		" {hex}\r\n{hidden}\r\n0\r\n\r\n", "0x{hex}\r\n{hidden}\r\n0\r\n\r\n", "+{hex}\r\n{hidden}\r\n0\r\n\r\n", "-1\r\n{hidden}\r\n0\r\n\r\n",
		"\r\n0\r\n\r\n", ";\r\n{hidden}\r\n0\r\n\r\n", "0;\n{hidden}", "2;\n\r\nxx\r\n0\r\n\r\n", "2;a\rb\r\nxx\r\n0\r\n\r\n", "2;\x00\r\nxx\r\n0\r\n\r\n",
		"100000000000000000\r\n{hidden}", "ffffffffffffffff\r\n{hidden}", "0\r\nX : 1\r\n\r\n", "0\r\n folded\r\n\r\n", "0\r\nX: 1\n\r\n", "2\r\nxx\n\r0\r\n\r\n",
		"0\r\nContent-Length{hidden}", "G\r\n{hidden}\r\n0\r\n\r\n",
	} {
		// An answer may have begun, and the status is the upstream's then; the
		// connection ends, which is what counts.
		all = append(all, hiding{name: fmt.Sprintf("chunks that are none: %q", bad), head: post(chunked), body: bad, status: -1})
	}
	for _, fine := range []string{
		"{hex};a=b\r\n{hidden}\r\n0\r\n\r\n", "{hex};a=\"0\"\r\n{hidden}\r\n0;x\r\n\r\n", "00000{hex}\r\n{hidden}\r\n0000\r\n\r\n",
		"1\r\nx\r\n{hex}\r\n{hidden}\r\n0\r\nX-Trailer: 1\r\n\r\n", "{hex}\r\n{hidden}\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: b\r\n\r\n",
	} {
		all = append(all, good(fmt.Sprintf("chunks: %q", fine), post(chunked), fine))
	}
	return all
}

// parsings are about where a line or a name ends, and for whom a request is.
func parsings() []hiding {
	return []hiding{
		refused("bare LF after the request line", "GET {P}/a HTTP/1.1\nHost: a.test\r\n", ""),
		refused("bare LF after a field", "GET {P}/a HTTP/1.1\r\nHost: a.test\nX: 1\r\n", ""),
		refused("bare LF everywhere", "GET {P}/a HTTP/1.1\nHost: a.test\n\n", ""),
		refused("bare LF ends the head", get("X: 1\n"), ""),
		refused("bare LF in a value", get("X: 1\nContent-Length: {len}"), "{hidden}"),
		refused("bare LF before a request", post("Content-Length: 0", "X: 1\n\n{hidden}"), ""),
		refused("bare CR in a value", get("X: 1\rContent-Length: {len}"), "{hidden}"),
		refused("bare CR before CR LF", get("X: 1\r"), ""),
		refused("bare CR in the request line", "GET {P}/a\r HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("bare CR for a line end", "GET {P}/a HTTP/1.1\rHost: a.test\r\n", ""),
		refused("obs-fold", get("X: a", " b"), ""),
		refused("obs-fold of the first field", "GET {P}/a HTTP/1.1\r\n Host: a.test\r\n", ""),
		refused("obs-fold with an empty line", get("X: a", " "), ""),
		refused("NUL in a value", get("X: a\x00b"), ""),
		refused("NUL in a name", get("X\x00: a"), ""),
		refused("NUL in the target", "GET {P}/a\x00 HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("a control character in a value", get("X: a\x01"), ""),
		refused("DEL in a value", get("X: a\x7f"), ""),
		refused("a soft hyphen in a name", post("Content\xadLength: {len}"), "{hidden}"),
		refused("a name of other letters", post("Content-Lengt\u0125: {len}"), "{hidden}"),
		refused("a Kelvin sign in a name", post("Transfer-Encoding\u212a: chunked"), nothing),
		refused("brackets in a name", get("X[0]: a"), ""),
		refused("a blank in a name", post("Content Length: {len}"), "{hidden}"),
		refused("a quote in a name", post(`"Content-Length": {len}`), "{hidden}"),
		refused("an empty name", get(": a"), ""),
		refused("no colon", get("Content-Length"), ""),
		refused("no Host", "GET {P}/a HTTP/1.1\r\nX: 1\r\n", ""),
		refused("two Hosts", get("Host: b.test"), ""),
		refused("two equal Hosts", get("Host: a.test"), ""),
		refused("Host with a path", "GET {P}/a HTTP/1.1\r\nHost: a.test/b\r\n", ""),
		refused("Host with userinfo", "GET {P}/a HTTP/1.1\r\nHost: b@a.test\r\n", ""),
		refused("Host with a blank", "GET {P}/a HTTP/1.1\r\nHost: a.test b.test\r\n", ""),
		refused("Host with a list", "GET {P}/a HTTP/1.1\r\nHost: a.test, b.test\r\n", ""),
		refused("absolute form with another Host", "GET http://b.test{P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("absolute form with another port", "GET http://a.test:81{P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("absolute form with userinfo", "GET http://b@a.test{P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("absolute form of another scheme", "GET ftp://a.test{P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("a target without a slash", "GET a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("# in the target", "GET {P}/a#b HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("a blank in the target", "GET {P}/a b HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("a request in the target", "GET {P}/a HTTP/1.1 {P}/b HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("two blanks after the method", "GET  {P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("a tab after the method", "GET\t{P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("a blank after the version", "GET {P}/a HTTP/1.1 \r\nHost: a.test\r\n", ""),
		refused("a blank before the method", " GET {P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("a colon in the method", "GET: {P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		refused("no version", "GET {P}/a\r\n", ""),
		refused("a version in lower case", "GET {P}/a http/1.1\r\nHost: a.test\r\n", ""),
		refused("a version with two digits", "GET {P}/a HTTP/1.10\r\nHost: a.test\r\n", ""),
		refused("two empty lines before it", "\r\n\r\nGET {P}/a HTTP/1.1\r\nHost: a.test\r\n", ""),
		{name: "HTTP/1.2", head: "GET {P}/a HTTP/1.2\r\nHost: a.test\r\n", status: 505},
		{name: "the preface of HTTP/2", head: "PRI * HTTP/2.0\r\n", body: "SM\r\n\r\n", status: 505},
		{name: "an expectation that is none", head: post("Expect: 100-continue, x", length), body: "{hidden}", status: 417},
		{name: "an expectation with a blank in it", head: post("Expect: y 100-continue", length), body: "{hidden}", status: 417},
		good("100-continue, and the body at once", post("Expect: 100-continue", length), "{hidden}"),
		good("100-continue, a GET", get("Expect: 100-continue", length), "{hidden}"),
		good("100-continue, a HEAD", request("HEAD", "{P}/a", "Expect: 100-continue", length), "{hidden}"),
		good("100-continue in chunks", post("Expect: 100-Continue", chunked), inChunks),
		{name: "100-continue without a body", head: get("Expect: 100-continue"), follows: true},
		{name: "h2c upgrade", head: get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"), follows: true},
		{name: "h2c upgrade without its settings", head: get("Connection: Upgrade", "Upgrade: h2c"), follows: true},
		good("h2c upgrade with a body", post("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk", length), "{hidden}"),
		{name: "an upgrade to WebSocket that is not taken", head: get("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 777"), follows: true},
		good("an upgrade to WebSocket with a body", get("Connection: Upgrade", "Upgrade: websocket", length), "{hidden}"),
		{name: "an upgrade to TLS", head: request("OPTIONS", "{P}/a", "Connection: Upgrade", "Upgrade: TLS/1.2"), follows: true},
		{name: "control: absolute form", head: "GET http://a.test{P}/a HTTP/1.1\r\nHost: a.test\r\n", follows: true},
		{name: "control: an empty line before it", head: "\r\n" + get(), follows: true},
		{name: "control: HTTP/1.0 kept alive", head: "GET {P}/a HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n", follows: true},
		{name: "control: bytes beyond ASCII in a value", head: get("X: \xe4\u00e4"), follows: true},
		{name: "forged headers of ours", head: get("X-Kong-Request-Id: forged", "X_Kong_Request_Id: forged", "X-Real-IP: 9.9.9.9"), follows: true},
	}
}
