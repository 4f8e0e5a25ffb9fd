package admin

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sallyport/internal/plugin"
)

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := a.now()
	a.commonHeaders(w, r)
	if err := a.guard.check(r); err != nil {
		a.finish(w, r, start, "", reply{}, err)
		return
	}
	if m, ok := a.mounted(r.URL.EscapedPath()); ok {
		a.serveMount(w, r, start, m)
		return
	}
	rep, pattern, err := a.answer(w, r)
	a.finish(w, r, start, pattern, rep, err)
}

// finish writes and logs the answer, rep or that of err. It is the one place
// where an error becomes a response.
func (a *API) finish(w http.ResponseWriter, r *http.Request, start time.Time, pattern string, rep reply, err error) {
	var cause error
	if err != nil {
		var known bool
		if rep, known = errorReply(err); !known {
			cause = err
		}
	}
	if err := a.write(w, r, start, rep); err != nil {
		cause = err
		rep, _ = errorReply(err)
		_ = a.write(w, r, start, rep) // a fixed text: it can be encoded
	}
	a.log(r, pattern, rep.status, start, cause)
}

// mounted gives the claim of a plugin on a path or on what is above it.
func (a *API) mounted(path string) (plugin.AdminPath, bool) {
	path = strings.TrimSuffix(path, "/")
	for _, m := range a.mounts {
		if path == m.Path || strings.HasPrefix(path, m.Path+"/") {
			return m, true
		}
	}
	return plugin.AdminPath{}, false
}

// answer runs the handler of the request. A panic of a handler is an error
// like any other: nothing was written yet.
func (a *API) answer(w http.ResponseWriter, r *http.Request) (rep reply, pattern string, err error) {
	path, ok := splitPath(r.URL.EscapedPath())
	if !ok {
		return reply{}, "", failure(http.StatusBadRequest, "the path is badly encoded")
	}
	e, args, ok := a.find(path)
	if !ok {
		return reply{}, "", notFound()
	}
	pattern = e.pattern()
	if r.Method == http.MethodOptions {
		h := w.Header()
		h.Set("Allow", e.allow())
		h.Set("Access-Control-Allow-Methods", e.allow())
		h.Set("Access-Control-Allow-Headers", "Content-Type")
		rep, err = noContent()
		return rep, pattern, err
	}
	handle, ok := e.methods[r.Method]
	if !ok {
		refused := failure(http.StatusMethodNotAllowed, "Method not allowed")
		refused.header = http.Header{"Allow": {e.allow()}}
		return reply{}, pattern, refused
	}
	if strings.Count(r.URL.RawQuery, "&") >= maxArguments {
		return reply{}, pattern, tooManyArguments()
	}
	defer func() {
		if p := recover(); p != nil {
			rep, err = reply{}, fmt.Errorf("admin: %s %s panicked: %v", r.Method, pattern, p)
		}
	}()
	rep, err = handle(&call{r: r, w: w, args: args})
	return rep, pattern, err
}

// log writes the line of one request: never its path or query, which may hold
// a key, and nothing of its body.
func (a *API) log(r *http.Request, pattern string, status int, start time.Time, cause error) {
	level := slog.LevelInfo
	switch {
	case cause != nil:
		level = slog.LevelError
	case status == http.StatusForbidden || status == http.StatusMisdirectedRequest:
		level = slog.LevelWarn
	case readOnlyMethod(r.Method):
		level = slog.LevelDebug
	}
	if !a.logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("endpoint", pattern), slog.Int("status", status),
		slog.Duration("duration", a.now().Sub(start)),
	}
	if cause != nil {
		attrs = append(attrs, slog.String("error", cause.Error()))
	}
	a.logger.LogAttrs(r.Context(), level, "admin request", attrs...)
}
