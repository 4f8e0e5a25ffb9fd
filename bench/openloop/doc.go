// Package openloop makes HTTP/1.1 requests at a constant rate, whether or not
// the answers keep up, and counts the latency of each from the moment at which
// it was due: a proxy that stalls is charged for the requests that it held up.
//
// One thread does everything, with epoll and a timer, so that the generator
// takes little of the machine that it shares with the upstream. Linux alone.
package openloop
