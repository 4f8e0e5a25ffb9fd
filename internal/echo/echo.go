package echo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Limits of what one request can ask for.
const (
	maxBody   = 8 << 20          // bytes shown of a body
	maxDelay  = 60 * time.Second // of /delay
	maxStream = 10_000           // lines of /stream
	maxBytes  = 64 << 20         // of /bytes
)

// Handler is the upstream. The zero value is ready to use; it is safe for
// concurrent use.
//
//	/anything, /anything/…  the request as JSON, any method
//	/status/N               an answer with status N
//	/delay/N                the request as JSON after N seconds (fractions work)
//	/stream/N               N lines of JSON, flushed one by one, ?gap=50ms between them
//	/bytes/N                N bytes
//	/upload                 the number of body bytes received
//	/response-headers       the query as response headers
//	/ws                     a WebSocket that sends back what it gets
//
// Any other path answers like /anything.
type Handler struct {
	hits atomic.Int64
}

// Hits is the number of requests received so far.
func (h *Handler) Hits() int { return int(h.hits.Load()) }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.hits.Add(1)
	name, argument, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch name {
	case "status":
		serveStatus(w, argument)
	case "delay":
		serveDelay(w, r, argument)
	case "stream":
		serveStream(w, r, argument)
	case "bytes":
		serveBytes(w, argument)
	case "upload":
		n, err := io.Copy(io.Discard, r.Body)
		writeJSON(w, http.StatusOK, map[string]any{"received": n, "complete": err == nil})
	case "response-headers":
		for header, values := range r.URL.Query() {
			w.Header()[http.CanonicalHeaderKey(header)] = values
		}
		writeJSON(w, http.StatusOK, r.URL.Query())
	case "ws":
		serveWebSocket(w, r)
	default:
		serveAnything(w, r)
	}
}

// answer is the JSON of /anything.
type answer struct {
	Args    map[string]any    `json:"args"`
	Data    string            `json:"data"`
	Files   map[string]any    `json:"files"`
	Form    map[string]any    `json:"form"`
	Headers map[string]string `json:"headers"`
	JSON    any               `json:"json"`
	Method  string            `json:"method"`
	Origin  string            `json:"origin"`
	URL     string            `json:"url"`
}

func serveAnything(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	a := answer{
		Args: flatten(r.URL.Query()), Files: map[string]any{}, Form: map[string]any{},
		Headers: headers(r), Method: r.Method, Origin: origin(r), URL: address(r),
	}
	contentType := r.Header.Get("Content-Type")
	if form, err := url.ParseQuery(string(body)); err == nil && strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		a.Form = flatten(form)
	} else {
		a.Data = text(body)
		_ = json.Unmarshal(body, &a.JSON) // null when the body is not JSON
	}
	writeJSON(w, http.StatusOK, a)
}

// flatten gives single values as text and repeated ones as lists.
func flatten(v url.Values) map[string]any {
	flat := map[string]any{}
	for name, values := range v {
		if len(values) == 1 {
			flat[name] = values[0]
		} else {
			flat[name] = values
		}
	}
	return flat
}

func headers(r *http.Request) map[string]string {
	h := map[string]string{"Host": r.Host}
	for name, values := range r.Header {
		h[name] = strings.Join(values, ",")
	}
	return h
}

func origin(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-For"); forwarded != "" {
		return forwarded
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// address is the URL that the user agent asked for, as far as the gateway in
// front says: scheme and host as forwarded, path and query as received.
func address(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if forwarded := r.Header.Get("X-Forwarded-Proto"); forwarded != "" {
		scheme = forwarded
	}
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
		host = forwarded
	}
	return scheme + "://" + host + r.URL.RequestURI()
}

// text is body as a JSON string can hold it: bytes that are no UTF-8 are given
// as a data URL.
func text(body []byte) string {
	if utf8.Valid(body) {
		return string(body)
	}
	return fmt.Sprintf("data:application/octet-stream;hex,%x", body)
}

func serveStatus(w http.ResponseWriter, argument string) {
	status, err := strconv.Atoi(argument)
	if err != nil || status < 200 || status > 599 {
		http.Error(w, "status must be 200 to 599", http.StatusBadRequest)
		return
	}
	if status >= 300 && status < 400 {
		w.Header().Set("Location", "/anything")
	}
	w.WriteHeader(status)
}

func serveDelay(w http.ResponseWriter, r *http.Request, argument string) {
	seconds, err := strconv.ParseFloat(argument, 64)
	delay := time.Duration(seconds * float64(time.Second))
	if err != nil || delay < 0 || delay > maxDelay {
		http.Error(w, "delay must be 0 to 60 seconds", http.StatusBadRequest)
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		serveAnything(w, r)
	case <-r.Context().Done():
	}
}

func serveStream(w http.ResponseWriter, r *http.Request, argument string) {
	n, err := strconv.Atoi(argument)
	gap, gapErr := time.ParseDuration(cmp.Or(r.URL.Query().Get("gap"), "0s"))
	if err != nil || gapErr != nil || n < 0 || n > maxStream || gap < 0 || gap > maxDelay {
		http.Error(w, "stream must be 0 to 10000 lines with a gap of at most 60s", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	for i := range n {
		if i > 0 && gap > 0 {
			select {
			case <-time.After(gap):
			case <-r.Context().Done():
				return
			}
		}
		if _, err := fmt.Fprintf(w, "{\"line\":%d}\n", i); err != nil || flush.Flush() != nil {
			return
		}
	}
}

func serveBytes(w http.ResponseWriter, argument string) {
	n, err := strconv.Atoi(argument)
	if err != nil || n < 0 || n > maxBytes {
		http.Error(w, "bytes must be 0 to 67108864", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", argument)
	chunk := make([]byte, 32<<10)
	for i := range chunk {
		chunk[i] = 'a' + byte(i%26)
	}
	for n > 0 {
		written, err := w.Write(chunk[:min(n, len(chunk))])
		if err != nil {
			return
		}
		n -= written
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone
}
