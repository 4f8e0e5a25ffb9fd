package gateway

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

// serverName is how the gateway calls itself in Server.
const serverName = "sallyport"

// head is the ResponseWriter of a request. It lets informational responses pass
// and completes the final head: the changes that plugins recorded, who answered
// and how long it took. It keeps the access record.
type head struct {
	w http.ResponseWriter
	g *Gateway
	q *plugin.Request
	// wrote tells that the final head is out, proxied that it is an upstream's.
	wrote, proxied bool
}

// Header implements http.ResponseWriter.
func (h *head) Header() http.Header { return h.w.Header() }

// Unwrap lets http.ResponseController through to what head does not do itself.
func (h *head) Unwrap() http.ResponseWriter { return h.w }

// WriteHeader implements http.ResponseWriter.
func (h *head) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		h.w.WriteHeader(status)
		return
	}
	if h.wrote {
		return
	}
	h.wrote = true
	h.proxied = h.q.Access.UpstreamStatus != 0 && h.q.Access.Err == nil
	h.q.Access.Status = status
	h.complete()
	h.w.WriteHeader(status)
}

// WriteHead implements message.HeadWriter for an answer on which no plugin has a
// say, but for cookies on one that forbids caching by itself, and in which nothing
// may have to be replaced by a field of ours.
func (h *head) WriteHead(status int, fields []message.Field) bool {
	w, ok := h.w.(message.HeadWriter)
	if !ok || h.wrote || status < 200 || len(h.w.Header()) > 0 {
		return false
	}
	if !h.q.Response.Empty() {
		if !uncached(fields) {
			return false
		}
		if fields, ok = h.q.Response.AppendAdded(fields, "Set-Cookie"); !ok {
			return false
		}
	}
	named := false
	for i := range fields {
		if strings.HasPrefix(fields[i].Name, "X-Kong-") {
			return false
		}
		named = named || fields[i].Name == "Server"
	}
	h.proxied = h.q.Access.UpstreamStatus != 0 && h.q.Access.Err == nil
	fields = append(fields, message.Field{Name: "X-Kong-Request-Id", Value: h.q.ID})
	if !named {
		fields = append(fields, message.Field{Name: "Server", Value: serverName})
	}
	fields = h.latencies(fields)
	h.wrote, h.q.Access.Status = true, status
	if !w.WriteHead(status, fields) {
		h.wrote, h.q.Access.Status = false, 0
		return false
	}
	return true
}

// latencies appends who answered and how long it took.
func (h *head) latencies(fields []message.Field) []message.Field {
	access := &h.q.Access
	if !h.proxied {
		return append(fields, message.Field{Name: "X-Kong-Response-Latency", Value: milliseconds(h.g.now().Sub(h.q.Start))})
	}
	return append(fields,
		message.Field{Name: "X-Kong-Proxy-Latency", Value: milliseconds(access.UpstreamStart.Sub(h.q.Start))},
		message.Field{Name: "X-Kong-Upstream-Latency", Value: milliseconds(access.UpstreamLatency)})
}

// Write implements http.ResponseWriter.
func (h *head) Write(p []byte) (int, error) {
	if !h.wrote {
		h.WriteHeader(http.StatusOK)
	}
	n, err := h.w.Write(p)
	h.q.Access.BytesSent += int64(n)
	return n, err
}

// FlushError is what http.ResponseController calls.
func (h *head) FlushError() error {
	if !h.wrote {
		h.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(h.w).Flush()
}

// Hijack is what http.ResponseController calls. The head must be out: nobody
// may answer past it.
func (h *head) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !h.wrote {
		return nil, nil, http.ErrNotSupported
	}
	return http.NewResponseController(h.w).Hijack()
}

// complete puts everything of ours on the final head.
func (h *head) complete() {
	header := h.w.Header()
	if !h.q.Response.Empty() {
		for _, name := range h.q.Response.Apply(header) {
			h.g.logger.WarnContext(h.q.HTTP.Context(), "response header value refused",
				"header", name, "request_id", h.q.ID)
		}
	}
	if len(h.q.Response.Values("Set-Cookie")) > 0 || !h.proxied && len(header["Set-Cookie"]) > 0 {
		forbidCaching(header)
	}
	header["X-Kong-Request-Id"] = []string{h.q.ID}
	if header["Server"] == nil {
		header["Server"] = server
	}
	var fields [2]message.Field
	for _, f := range h.latencies(fields[:0]) {
		header[f.Name] = []string{f.Value}
	}
}

var server = []string{serverName}

func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(d, 0).Milliseconds(), 10)
}

// forbidCaching keeps a response that carries a cookie of ours out of every
// cache, whatever the upstream said, also to the caches that have a header of
// their own (RFC 9213) or nginx's.
func forbidCaching(header http.Header) {
	header["Cache-Control"] = []string{"no-store"}
	for name := range header {
		if speaksToCaches(name, header.Get(name)) {
			delete(header, name)
		}
	}
}

// speaksToCaches tells whether a header other than Cache-Control says how long a
// response may be kept. What forbids it to the caches of HTTP/1.0 does not.
func speaksToCaches(name, value string) bool {
	return strings.HasSuffix(name, "Cdn-Cache-Control") || name == "Surrogate-Control" || name == "X-Accel-Expires" ||
		name == "Expires" || name == "Pragma" && value != "no-cache"
}

// uncached tells whether forbidCaching would change nothing.
func uncached(fields []message.Field) bool {
	controls := 0
	for i := range fields {
		switch f := &fields[i]; {
		case f.Name == "Cache-Control" && f.Value == "no-store":
			controls++
		case f.Name == "Cache-Control" || speaksToCaches(f.Name, f.Value):
			return false
		}
	}
	return controls == 1
}
