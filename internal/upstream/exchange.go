package upstream

import (
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// Exchange is what is to be asked of an upstream for one request. It is read
// while Serve runs and not kept.
type Exchange struct {
	// Canonical is the request as it was routed.
	Canonical *message.Request
	// Route says whether the host is preserved and the response buffered.
	Route *entity.Route
	// Path is the escaped path that the upstream gets, exactly.
	Path string
	// StrippedPrefix is what was taken off the request's path; empty or "/"
	// means nothing.
	StrippedPrefix string
	// RequestID goes to the upstream as X-Kong-Request-Id.
	RequestID string
	// Rewrite, when not nil, replaces method and query, and drops the body.
	Rewrite *Rewrite
	// Header is applied last to the request's header. May be nil.
	Header *message.Overlay
	// DropCookies are the names of cookies, as for message.MatchCookie, that
	// are taken out of the request.
	DropCookies []string
	// OwnCookies are taken out of what the response sets.
	OwnCookies []message.OwnCookie
	// Recorder is told how it went. May be nil.
	Recorder Recorder
}

// Rewrite replaces parts of a request.
type Rewrite struct{ Method, RawQuery string }

// Recorder learns how an exchange went.
type Recorder interface {
	// RecordUpstream is called before the response head is written, or when
	// there is none. status is 0 for a failure, latency counts from start to
	// the response head or the failure, addr is the other end of the last
	// connection.
	RecordUpstream(start time.Time, latency time.Duration, status int, addr string)
	// RecordCut is called before a response is cut after its head.
	RecordCut(err error)
}

func (x *Exchange) method() string {
	if x.Rewrite != nil && x.Rewrite.Method != "" {
		return x.Rewrite.Method
	}
	return x.Canonical.Method
}

func (x *Exchange) record(start time.Time, latency time.Duration, status int, addr string) {
	if x.Recorder != nil {
		x.Recorder.RecordUpstream(start, latency, status, addr)
	}
}
