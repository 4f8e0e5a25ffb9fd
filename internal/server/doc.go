// Package server owns the listeners: it binds them, serves HTTP/1.1 and, where
// a TLS listener asks for it, HTTP/2, counts connections and requests, and
// stops gracefully. For the proxy it also makes of each request what the
// gateway works on: request id, canonical request, recovery from panics, and
// the one access record, which a log of its own writes in batches. What a
// request means it does not know.
// Every request goes through a guard, so that a user agent that stalls holds
// nobody up.
//
//	Listen   binds every address, or none
//	Run      serves until its context ends, then: no new connections, silent
//	         and idle ones closed, requests in flight finished; what is left
//	         after the grace period, tunnels above all, is cut
//
// The front is net/http's for now; nothing behind Handler depends on that.
package server
