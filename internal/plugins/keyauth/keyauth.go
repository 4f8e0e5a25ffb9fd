package keyauth

import (
	"errors"
	"net/http"
	"time"

	"sallyport/internal/httperror"
	"sallyport/internal/plugin"
	"sallyport/internal/schema"
)

// priority is Kong's.
const priority = 1250

// maxKey bounds a key that is looked up, in bytes.
const maxKey = 4096

// Deps are what the plugin needs from outside.
type Deps struct {
	Version string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Definition introduces the plugin.
func Definition(d Deps) plugin.Definition {
	if d.Now == nil {
		d.Now = time.Now
	}
	return plugin.Definition{
		Name: "key-auth", Priority: priority, Version: d.Version, NoConsumer: true,
		Config: func() *schema.Record { return new(settings).record() },
		New: func(i plugin.Instance) (plugin.Handler, error) {
			s, err := compile(i.Config)
			if err != nil {
				return nil, err
			}
			return &handler{settings: s, now: d.Now}, nil
		},
	}
}

type handler struct {
	*settings
	now func() time.Time
}

// Serve implements plugin.Handler.
func (h *handler) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	q.ForgetIdentity()
	if !h.preflight && q.HTTP.Method == http.MethodOptions {
		return next(w, q)
	}
	if h.anonymous != "" && q.Authenticated {
		return next(w, q) // Kong's OR: any of the plugins that have a stand-in suffices
	}
	refusal := h.authenticate(q)
	if refusal == nil {
		return next(w, q)
	}
	if h.anonymous == "" || refusal.Status != http.StatusUnauthorized {
		return refusal
	}
	if !q.StandIn(h.anonymous) {
		return httperror.Wrap(http.StatusInternalServerError, httperror.StatusMessage(http.StatusInternalServerError),
			errors.New("key-auth: config.anonymous names no consumer"))
	}
	return next(w, q)
}

// authenticate finds the key and its consumer.
func (h *handler) authenticate(q *plugin.Request) *httperror.Error {
	key, refusal := h.find(q)
	if refusal != nil {
		return refusal
	}
	credential, consumer := q.Consumers.Key(key, h.now())
	if credential == nil || len(key) > maxKey {
		return h.refuse("Unauthorized")
	}
	q.Authenticate(consumer, credential.ID)
	return nil
}

// find looks for a key under each name, in the header, then in the query, then
// in the body. The first name under which something comes decides.
func (h *handler) find(q *plugin.Request) (string, *httperror.Error) {
	for i, name := range h.names {
		key, n, err := h.under(q, name, h.headers[i])
		if err != nil {
			return "", httperror.From(err)
		}
		if n == 0 {
			continue
		}
		if h.hide {
			q.Upstream.RemoveSpellings(name)
			q.DropArguments(name)
			if h.inBody {
				q.DropFields(name)
			}
		}
		if n > 1 {
			return "", h.refuse("Duplicate API key found")
		}
		return key, nil
	}
	return "", h.refuse("No API key found in request")
}

func (h *handler) under(q *plugin.Request, name, header string) (key string, n int, err error) {
	if h.header {
		if values := q.HTTP.Header[header]; len(values) > 0 && values[0] != "" {
			return values[0], len(values), nil
		}
	}
	if h.query {
		if key, n = q.Argument(name); n > 0 {
			return key, n, nil
		}
	}
	if !h.inBody {
		return "", 0, nil
	}
	fields, ok, err := q.PeekFields()
	if err != nil || !ok {
		return "", 0, err
	}
	values := fields.Values(name)
	if len(values) == 0 || values[0] == "" {
		return "", 0, nil
	}
	return values[0], len(values), nil
}

// refuse is a 401 with Kong's challenge.
func (h *handler) refuse(message string) *httperror.Error {
	challenge := "Key"
	if h.realm != "" {
		challenge += ` realm="` + h.realm + `"`
	}
	e := httperror.New(http.StatusUnauthorized, message)
	e.Header = http.Header{"Www-Authenticate": {challenge}}
	return e
}
