package server

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"sallyport/internal/plugin"
)

// record writes the access record. It says nothing of the query, in which codes
// and tokens travel, and nothing of cookies and credentials.
func (p *proxy) record(q *plugin.Request, cut bool) {
	r, a := q.HTTP, &q.Access
	if p.opts.Access == nil {
		return
	}
	// The request's own context may be over; the record is written all the same.
	ctx := context.WithoutCancel(r.Context())
	if !p.opts.Access.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := make([]slog.Attr, 0, 24)
	attrs = append(attrs,
		slog.String("request_id", q.ID),
		slog.String("client", client(q)),
		slog.String("method", r.Method),
		slog.String("scheme", q.Canonical.Scheme),
		slog.String("host", q.Canonical.Host),
		slog.String("path", path(q)),
		slog.String("protocol", r.Proto),
		slog.Int("status", a.Status),
		slog.Int64("bytes_sent", a.BytesSent),
		milliseconds("duration_ms", p.opts.Now().Sub(q.Start)),
	)
	if !a.UpstreamStart.IsZero() {
		attrs = append(attrs, milliseconds("upstream_ms", a.UpstreamLatency),
			slog.Int("upstream_status", a.UpstreamStatus), slog.String("upstream", a.UpstreamAddr))
	}
	if q.Route != nil {
		attrs = append(attrs, slog.String("route_id", q.Route.ID))
	}
	if q.Service != nil {
		attrs = append(attrs, slog.String("service_id", q.Service.ID))
	}
	if q.Consumer != nil {
		attrs = append(attrs, slog.String("consumer_id", q.Consumer.ID))
	}
	if q.FlowID != "" {
		attrs = append(attrs, slog.String("flow_id", q.FlowID))
	}
	if agent := r.Header.Get("User-Agent"); agent != "" {
		attrs = append(attrs, slog.String("user_agent", agent))
	}
	if cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	if a.Err != nil {
		attrs = append(attrs, slog.String("error", a.Err.Error()))
	}
	p.opts.Access.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

func milliseconds(key string, d time.Duration) slog.Attr {
	return slog.Float64(key, float64(d.Microseconds())/1000)
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
