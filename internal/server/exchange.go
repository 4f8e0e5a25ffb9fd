package server

import (
	"net/http"
	"net/url"
	"sync"
)

// exchange is what serving a request needs. It is lent to a connection for one
// request, and used again: nobody may keep any of it (design C1).
type exchange struct {
	lines  lines
	header http.Header
	values []string
	framed
	url     url.URL
	req     http.Request
	w       response
	ctx     *requestContext
	refused *headError
}

var exchanges = sync.Pool{New: func() any {
	return &exchange{header: make(http.Header, 24), w: response{header: make(http.Header, 24)}}
}}

// prepare makes an empty request and response.
func (x *exchange) prepare(c *conn) {
	x.ctx = &requestContext{local: c.local, peer: c.peer}
	blank := http.Request{
		Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: x.header, URL: &x.url,
		Body: http.NoBody, RemoteAddr: c.remote, TLS: c.tls,
	}
	x.req = *blank.WithContext(x.ctx)
	w := &x.w
	w.c, w.req, w.declared = c, &x.req, -1
	w.lentOut = getBuffer()
	w.out = w.lentOut[:0]
}

// attachBody gives the request its body, and the response what the request says
// about it.
func (x *exchange) attachBody(c *conn) {
	w := &x.w
	w.head, w.old, w.keep = x.req.Method == http.MethodHead, x.lines.minor == 0, x.keep
	if x.length == 0 {
		return
	}
	w.body = &body{c: c, r: &x.req, chunked: x.length < 0, left: max(x.length, 0)}
	x.req.Body = w.body
	if x.expect {
		c.expecting.Store(continueDue)
	}
}

// release forgets everything about the request and gives the exchange back.
func (x *exchange) release() {
	w := &x.w
	putBuffer(w.lentOut)
	if w.lentHeld != nil {
		putBuffer(w.lentHeld)
	}
	clear(w.header)
	*w = response{header: w.header, announced: w.announced[:0]}
	clear(x.header)
	clear(x.values)
	x.values = x.values[:0]
	x.framed, x.url, x.req, x.ctx, x.refused = framed{}, url.URL{}, http.Request{}, nil, nil
	exchanges.Put(x)
}
