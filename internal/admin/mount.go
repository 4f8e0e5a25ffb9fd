package admin

import (
	"fmt"
	"net/http"
	"time"

	"sallyport/internal/plugin"
)

// serveMount lets a plugin's handler answer, under the same recovery and with
// the same log line as every other request.
func (a *API) serveMount(w http.ResponseWriter, r *http.Request, start time.Time, m plugin.AdminPath) {
	noted := &statusWriter{ResponseWriter: w}
	defer func() {
		p := recover()
		if p == nil {
			a.log(r, m.Path, noted.sent(), start, nil)
			return
		}
		err := fmt.Errorf("admin: %s %s panicked: %v", r.Method, m.Path, p)
		if noted.status == 0 {
			a.finish(w, r, start, m.Path, reply{}, err)
			return
		}
		a.log(r, m.Path, noted.status, start, err)
		panic(http.ErrAbortHandler) // what was begun must not look complete
	}()
	m.Handler.ServeHTTP(noted, r)
}

// statusWriter is a ResponseWriter that knows the status it sent, 0 before it.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// sent is the status of an answer whose handler has returned.
func (w *statusWriter) sent() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(p []byte) (int, error) {
	w.status = w.sent()
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
