package admin

import (
	"errors"
	"net/http"
	"strings"

	"sallyport/internal/store"
)

// exportConfig answers GET /config with the configuration as a declarative
// file.
func (a *API) exportConfig(*call) (reply, error) {
	text, err := a.store.View().Export()
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"config": string(text)})
}

// loadConfig answers POST /config: the document replaces everything, or
// changes nothing. It works in both modes (decision 20).
func (a *API) loadConfig(c *call) (reply, error) {
	args, err := query(c.r)
	if err != nil {
		return reply{}, err
	}
	b, err := readBody(c, true)
	if err != nil {
		return reply{}, err
	}
	text := document(b)
	if text == "" {
		return reply{}, failure(http.StatusBadRequest, "expected a declarative configuration")
	}
	if !a.loading.TryLock() {
		busy := failure(http.StatusTooManyRequests, "another configuration is being loaded")
		busy.header = http.Header{"Retry-After": {"1"}}
		return reply{}, busy
	}
	defer a.loading.Unlock()
	doc, err := store.ParseDeclarative("config", []byte(text), a.ordered)
	if err != nil {
		return documentReply(err, args.Get("flatten_errors"))
	}
	if args.Get("check_hash") == "1" && doc.Hash() == a.store.View().Hash() {
		return reply{status: http.StatusNotModified}, nil
	}
	if _, err := a.store.Load(c.r.Context(), doc); err != nil {
		return documentReply(err, args.Get("flatten_errors"))
	}
	return created(a.store.View().Entities())
}

// document is the text of the declarative configuration in a body: the field
// "config" of a form or of a JSON object that is no document itself, or the
// body as a whole. It is empty when there is none.
func document(b body) string {
	text, wrapped := b.get("config")
	if !wrapped && !b.form && (b.object == nil || len(b.object) > 0) {
		text = b.text
	}
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return text
}

// documentReply answers a refused document with what is wrong in it.
func documentReply(err error, flatten string) (reply, error) {
	refused, ok := errors.AsType[*store.DocumentError](err)
	if !ok {
		return reply{}, err
	}
	return reply{status: http.StatusBadRequest, body: refused.Body(truthy(flatten))}, nil
}

func truthy(text string) bool {
	switch strings.ToLower(text) {
	case "1", "true", "on", "yes":
		return true
	}
	return false
}
