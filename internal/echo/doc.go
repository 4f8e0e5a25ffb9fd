// Package echo is an upstream that answers with what it received, in the shape
// that httpbin made familiar. The demo shows it, and tests use its other
// endpoints to make an upstream slow, streaming or failing. It imports the
// standard library alone and must never be reachable without the gateway in
// front where that matters: it shows every header it gets.
package echo
