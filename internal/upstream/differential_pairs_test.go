package upstream

import "strings"

// proxyPair is a request and what the upstream answers. differs tells why the
// two proxies do not do the same with it; the reason is the reader's, the
// fields are checked.
type proxyPair struct {
	name, request, answer string
	differs               string
	// refused tells that we refuse an answer that ReverseProxy passes on.
	refused bool
	// without are headers in which they differ, of request or answer; otherLine
	// tells that the request lines do.
	without   []string
	otherLine bool
	// early tells that the upstream answers before it has the body, for which the
	// user agent waits.
	early bool
}

var proxyPairs = []proxyPair{
	{name: "plain", request: "GET /a?b=c HTTP/1.1\r\nX-A: 1\r\nX-A: 2\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-B: 1\r\nX-B: 2\r\n\r\nok"},
	{name: "HEAD", request: "HEAD / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 200\r\nContent-Type: x/y\r\n\r\n"},
	{name: "no content", request: "DELETE / HTTP/1.1\r\n", answer: "HTTP/1.1 204 No Content\r\n\r\n"},
	{name: "not modified", request: "GET / HTTP/1.1\r\nIf-None-Match: x\r\n", answer: "HTTP/1.1 304 Not Modified\r\nEtag: x\r\n\r\n"},
	{name: "chunks", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
	{name: "until close", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\n\r\nall of it"},
	{name: "HTTP/1.0", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{name: "an error", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"},
	{name: "hop-by-hop headers", request: "GET / HTTP/1.1\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\n", answer: "HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n"},
	{name: "a body", request: "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", answer: "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"},
	{name: "an empty body", request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a body in chunks", request: "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "cookies", request: "GET / HTTP/1.1\r\nCookie: a=b; c=\"d\"\r\n", answer: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"},
	{name: "informational", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "one length twice", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"},
	{name: "two lengths", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk"},
	{name: "short of its length", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"},
	{name: "last chunk missing", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"},
	{name: "nothing", request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n", answer: ""},
	{name: "no-cache in the old way", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 0\r\n\r\n"},
	{
		name: "a length and a coding", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		differs: "RFC 9112 §6.1 lets both; we refuse it, as nginx does", refused: true,
	},
	{
		name: "bare LF", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		differs: "RFC 9112 §2.2 lets a recipient take it; two that differ can be split", refused: true,
	},
	{
		name: "obs-fold", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok",
		differs: "RFC 9112 §5.2 lets a gateway refuse it or join it", refused: true,
	},
	{
		name: "a coding in HTTP/1.0", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		differs: "RFC 9112 §6.1: the framing is faulty", refused: true,
	},
	{
		name: "another version", request: "GET / HTTP/1.1\r\n", answer: "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		differs: "nobody speaks HTTP/2 in text", refused: true,
	},
	{name: "OPTIONS", request: "OPTIONS /x HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n"},
	{name: "PATCH without a body", request: "PATCH / HTTP/1.1\r\nContent-Length: 0\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "PUT without a body or a length", request: "PUT / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "DELETE with a body", request: "DELETE /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", answer: "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"},
	{name: "GET with a body", request: "GET /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a method of WebDAV", request: "PROPFIND /x HTTP/1.1\r\nDepth: 1\r\nContent-Length: 4\r\n\r\n<p/>", answer: "HTTP/1.1 207 Multi-Status\r\nContent-Length: 4\r\n\r\n<m/>"},
	{name: "a method that nobody knows", request: "FROBNICATE /x HTTP/1.1\r\n", answer: "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n"},
	{name: "a large body", request: "POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70000), answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{name: "a large body in chunks", request: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" + strings.Repeat("x", 70000) + "\r\n0\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{name: "no chunks", request: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a trailer of the request that nobody announced", request: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-T: 1\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "HTTP/1.0 from the user agent", request: "GET / HTTP/1.0\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	{name: "HTTP/1.0 from the user agent, chunks from the upstream", request: "GET / HTTP/1.0\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
	{name: "a query that is nothing", request: "GET /a? HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a query with signs", request: "GET /a?b=%20&c=d+e&&f=%C3%A4;g HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", differs: "ReverseProxy drops what net/url cannot parse; we pass the query as it came", otherLine: true},
	{name: "an encoded path", request: "GET /a%20b/%C3%A4 HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "an empty field", request: "GET / HTTP/1.1\r\nX-A:\r\n", answer: "HTTP/1.1 200 OK\r\nX-B:\r\nContent-Length: 0\r\n\r\n"},
	{name: "odd cases of names", request: "GET / HTTP/1.1\r\nx-a: 1\r\nX-B: 2\r\nACCEPT: */*\r\n", answer: "HTTP/1.1 200 OK\r\nx-c: 1\r\nETAG: x\r\ncontent-length: 0\r\n\r\n"},
	{name: "odd names", request: "GET / HTTP/1.1\r\nX_A: 1\r\nX.B: 2\r\n!#$: 3\r\n", answer: "HTTP/1.1 200 OK\r\nX_C: 1\r\n!#$: 2\r\nContent-Length: 0\r\n\r\n"},
	{name: "blanks around values", request: "GET / HTTP/1.1\r\nX-A: \t a  b \t\r\n", answer: "HTTP/1.1 200 OK\r\nX-B: \t a  b \t\r\nContent-Length: 0\r\n\r\n"},
	{name: "bytes beyond ASCII", request: "GET / HTTP/1.1\r\nX-A: \xe4\xc3\xa4\r\n", answer: "HTTP/1.1 200 OK\r\nX-B: \xe4\xc3\xa4\r\nContent-Length: 0\r\n\r\n"},
	{name: "many fields", request: "GET / HTTP/1.1\r\n" + strings.Repeat("X-A: 1\r\n", 100), answer: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-B: 1\r\n", 100) + "Content-Length: 0\r\n\r\n"},
	{name: "a long field", request: "GET / HTTP/1.1\r\nX-A: " + strings.Repeat("a", 20000) + "\r\n", answer: "HTTP/1.1 200 OK\r\nX-B: " + strings.Repeat("b", 20000) + "\r\nContent-Length: 0\r\n\r\n"},
	{name: "all that is hop-by-hop", request: "GET / HTTP/1.1\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\nHttp2-Settings: x\r\nConnection: upgrade, http2-settings\r\n", answer: "HTTP/1.1 200 OK\r\nKeep-Alive: 1\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n", differs: "ReverseProxy asks for any upgrade that it is asked for; we know WebSocket", without: []string{"Upgrade"}},
	{name: "TE: trailers", request: "GET / HTTP/1.1\r\nTE: trailers, deflate\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "TE without trailers", request: "GET / HTTP/1.1\r\nTE: deflate\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "trailers", request: "GET / HTTP/1.1\r\nTE: trailers\r\n", answer: "HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"},
	{name: "trailers that nobody asked for", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", differs: "RFC 9110 §6.5.1: trailers are for whom asks; ReverseProxy sends them to all", without: []string{"Trailer", "X-T"}},
	{name: "trailers that nobody announced", request: "GET / HTTP/1.1\r\nTE: trailers\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", differs: "in HTTP/1.1 only what was announced passes; ReverseProxy sends what comes", without: []string{"X-T"}},
	{name: "gzip", request: "GET / HTTP/1.1\r\nAccept-Encoding: gzip\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\x00"},
	{name: "gzip that nobody asked for", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\x00"},
	{name: "a range", request: "GET / HTTP/1.1\r\nRange: bytes=1-2\r\nIf-Range: x\r\n", answer: "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/4\r\nContent-Length: 2\r\n\r\nbc"},
	{name: "many cookies", request: "GET / HTTP/1.1\r\nCookie: a=b\r\n", answer: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/; HttpOnly\r\nset-cookie: b=\"2\"; Expires=Wed, 21 Oct 2015 07:28:00 GMT\r\nSet-Cookie: =\r\nContent-Length: 0\r\n\r\n"},
	{name: "two Cookie fields", request: "GET / HTTP/1.1\r\nCookie: a=b\r\nCookie: c=d\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", differs: "RFC 9113 §8.2.3: they become one in HTTP/1.1; ReverseProxy sends two", without: []string{"Cookie"}},
	{name: "credentials", request: "GET / HTTP/1.1\r\nAuthorization: Basic eDp5\r\n", answer: "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n"},
	{name: "a redirect", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 302 Found\r\nLocation: //x/y?z#w\r\nContent-Length: 0\r\n\r\n"},
	{name: "a status without a reason", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"},
	{name: "a status that nobody knows", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 599 X\r\nContent-Length: 2\r\n\r\nok"},
	{name: "HEAD without a length", request: "HEAD / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\n\r\n"},
	{name: "HEAD of chunks", request: "HEAD / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{name: "not modified, with the length of what was not", request: "GET / HTTP/1.1\r\nIf-None-Match: x\r\n", answer: "HTTP/1.1 304 Not Modified\r\nEtag: x\r\nContent-Length: 20\r\n\r\n"},
	{name: "reset content", request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n", answer: "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"},
	{name: "early hints twice", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: y\r\n\r\nHTTP/1.1 200 OK\r\nX-B: 1\r\nContent-Length: 0\r\n\r\n"},
	{name: "processing", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a 100 that nobody asked for", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{name: "a switch that nobody asked for", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"},
	{name: "an early answer", differs: "net/http under ReverseProxy wants the body before it answers", early: true, request: "POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", answer: "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"},
	{name: "an early answer to chunks", differs: "net/http under ReverseProxy wants the body before it answers", early: true, request: "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"},
	{name: "a large body of an answer", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)},
	{name: "a chunk size that is none", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n"},
	{name: "a signed length", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"},
	{name: "half a head", request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n", answer: "HTTP/1.1 200 OK\r\nX-B"},
	{name: "another protocol", request: "POST / HTTP/1.1\r\nContent-Length: 0\r\n", answer: "SSH-2.0-x\r\n"},
	{name: "HTTP/1.0 with the connection kept", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"},
	{name: "a length with no content", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"},
	{name: "its own Date and Server", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT\r\nServer: x\r\nContent-Length: 0\r\n\r\n"},
	{name: "NUL in a field", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nX-B: a\x00b\r\nContent-Length: 0\r\n\r\n"},
	{name: "a blank before the colon", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nX-B : a\r\nContent-Length: 0\r\n\r\n", differs: "RFC 9112 §5.1 wants it removed from an answer; we refuse what is malformed", refused: true},
	{name: "gzip as a coding", request: "GET / HTTP/1.1\r\n", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
}
