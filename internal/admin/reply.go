package admin

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// reply is what a handler answers: a status, a value that is written as JSON
// (nil for an answer without a body), and further headers; or a handler that
// writes all of it.
type reply struct {
	status int
	body   any
	header http.Header
	handle http.Handler
}

func ok(body any) (reply, error)      { return reply{status: http.StatusOK, body: body}, nil }
func created(body any) (reply, error) { return reply{status: http.StatusCreated, body: body}, nil }
func noContent() (reply, error)       { return reply{status: http.StatusNoContent}, nil }

// message is the body of the simple answers.
type message struct {
	Message string `json:"message"`
}

// serverToken names sallyport in the Server header.
func (a *API) serverToken() string { return "sallyport/" + a.version }

// commonHeaders sets what every answer carries. Only
// pages of a configured origin may read answers.
func (a *API) commonHeaders(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Server", a.serverToken())
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Origin")
	if origin, ok := a.guard.allowedForeign(r); ok {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// write sends rep. Answers to HEAD have the headers of GET and no body.
func (a *API) write(w http.ResponseWriter, r *http.Request, start time.Time, rep reply) error {
	h := w.Header()
	maps.Copy(h, rep.header)
	h.Set("X-Kong-Admin-Latency", strconv.FormatInt(a.now().Sub(start).Milliseconds(), 10))
	if rep.handle != nil {
		rep.handle.ServeHTTP(w, r)
		return nil
	}
	if rep.body == nil {
		w.WriteHeader(rep.status)
		return nil
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(rep.body); err != nil {
		return err
	}
	text := bytes.TrimSuffix(body.Bytes(), []byte("\n"))
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(rep.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // a client that left cannot be told
	}
	return nil
}
