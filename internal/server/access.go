package server

import (
	"strings"

	"sallyport/internal/plugin"
)

// record tells those who keep account that a request has ended.
func (p *proxy) record(q *plugin.Request, cut bool) {
	if p.opts.Access == nil && p.opts.Observe == nil {
		return
	}
	now := p.opts.Now()
	took := max(now.Sub(q.Start), 0) // a clock that was set back
	if p.opts.Observe != nil {
		p.opts.Observe(q, took)
	}
	if p.opts.Access != nil {
		p.opts.Access.add(&accessRecord{Request: q, at: now, took: took, cut: cut})
	}
}

// client is the client's address, or that of the peer for a request that was
// refused before it was known.
func client(q *plugin.Request) string {
	if q.Canonical.Client.IsValid() {
		return q.Canonical.Client.String()
	}
	return q.HTTP.RemoteAddr
}

// path is the path as received; empty for a target that is none, which may hold
// a password.
func path(q *plugin.Request) string {
	if q.Canonical.RawPath != "" {
		return q.Canonical.RawPath
	}
	if target := q.HTTP.RequestURI; strings.HasPrefix(target, "/") {
		before, _, _ := strings.Cut(target, "?")
		return before
	}
	return ""
}
