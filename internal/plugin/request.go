package plugin

import (
	"net/http"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// Request is everything about one request, from the moment it was accepted to
// its access record. It is owned by the goroutine that serves the request; only
// Cancel may be called from another one.
type Request struct {
	// HTTP is the request as received. Handlers change its headers through
	// Upstream, never directly.
	HTTP *http.Request
	// Canonical is what was asked for (design C2).
	Canonical message.Request
	// ID is the request id, 32 hexadecimal digits, also sent to the upstream.
	ID string
	// Start is when the request head was read.
	Start time.Time

	// Route and Service are what the router chose; Service is nil for a route
	// without one.
	Route   *entity.Route
	Service *entity.Service
	// UpstreamPath is the escaped path that the upstream gets, and
	// StrippedPrefix what strip_path took off the request's. The gateway sets
	// both.
	UpstreamPath, StrippedPrefix string
	// Identity is who sent the request, filled by authentication plugins.
	Identity
	// Consumers finds consumers in the configuration that the request began with.
	// The gateway sets it.
	Consumers *Consumers

	// FlowID names the login or logout that this request belongs to.
	FlowID string

	// Upstream records changes to the headers that the upstream gets; applied
	// after the hop-by-hop headers were removed.
	Upstream message.Overlay
	// Response records changes to the final response head, also to that of an
	// error rendered later.
	Response message.Overlay
	// DropUpstreamCookies names cookies of ours that the upstream must not
	// get; a trailing '*' matches numbered chunks (name, name2 … name99).
	DropUpstreamCookies []string
	// OwnCookies are cookies that only we set: an upstream's Set-Cookie under
	// one of these names is dropped.
	OwnCookies []message.OwnCookie
	// Rewrite, when not nil, is sent to the upstream in place of the
	// request's own method, query and body (design decision 14).
	Rewrite *Rewrite

	// Access is filled on the way and written once by the listener.
	Access Access

	peeked *peekedForm
	json   *peekedForm
	stream stream
}

// Rewrite replaces parts of the request that the upstream gets.
type Rewrite struct {
	// Method replaces the method; a body is not sent with it.
	Method string
	// RawQuery replaces the query.
	RawQuery string
}

// Access is what one access log line says besides the request itself.
type Access struct {
	// Status is that of the final response head, 0 before it.
	Status int
	// UpstreamStart is when the upstream was asked first; zero means that none
	// was. UpstreamLatency is the time from there, retries included, to its
	// response head or to the failure.
	UpstreamStart   time.Time
	UpstreamLatency time.Duration
	// UpstreamStatus is the status of the upstream's answer, 0 without one.
	UpstreamStatus int
	UpstreamAddr   string
	// BytesSent counts the response body.
	BytesSent int64
	// Err is the error that was rendered, or that cut the response; nil
	// without one.
	Err error
}

// RecordUpstream notes how asking the upstream went; status 0 stands for a
// failure. The proxy calls it before it writes the response head.
func (q *Request) RecordUpstream(start time.Time, latency time.Duration, status int, addr string) {
	q.Access.UpstreamStart, q.Access.UpstreamLatency = start, latency
	q.Access.UpstreamStatus, q.Access.UpstreamAddr = status, addr
}

// RecordCut notes why a response was cut after its head.
func (q *Request) RecordCut(err error) { q.Access.Err = err }
