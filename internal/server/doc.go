// Package server owns the listeners: it binds them, serves HTTP/1.1 and, where
// a TLS listener asks for it, HTTP/2, counts connections and requests, and
// stops gracefully. For the proxy it also makes of each request what the
// gateway works on: request id, canonical request, recovery from panics, and
// the one access record, which a log of its own writes in batches. What a
// request means it does not know.
//
//	Listen   binds every address, or none
//	Run      serves until its context ends, then: no new connections, silent
//	         and idle ones closed, requests in flight finished; what is left
//	         after the grace period, tunnels above all, is cut
//
// The proxy's HTTP/1.1 is served by a loop of our own, the front; its HTTP/2,
// and everything of an ordinary handler (NewHTTP), by net/http. One goroutine
// serves a connection of the front:
//
//	front.go      accepts, starts the goroutine, hands HTTP/2 over
//	conn.go       reads a head, serves it, decides whether the connection goes on
//	head.go       finds the parts of a head, or refuses it: one reading is possible
//	request.go    makes the http.Request of them, and says where the body ends
//	body.go       the body; taken back when the handler has returned
//	response.go   the answer: framing, buffers; response_head.go its head
//	connection.go what a sweeper ends from outside: slow, idle, gone clients
//
// net/http's requests go through a guard (guard.go), so that there, too, a user
// agent that stalls holds nobody up.
//
// An exchange (request, response, their headers) is lent to a connection for
// one request and used again: nothing of it may be kept (design C1). Strings of
// the request share one immutable copy of the head, so that one which is kept
// all the same, by a goroutine of http.Transport that still writes, stays true.
package server
