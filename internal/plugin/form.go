package plugin

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"sallyport/internal/httperror"
)

const (
	// MaxForm is the longest body, in bytes, that PeekForm looks into.
	MaxForm = 64 << 10
	// MaxFormPairs is how many fields such a form may have.
	MaxFormPairs = 256
)

// Pair is one field of a form, decoded.
type Pair struct{ Name, Value string }

// Form holds the fields of a form in the order in which they were sent, those
// of one name included.
type Form []Pair

// Values lists the values sent under name, in order.
func (f Form) Values(name string) []string {
	var values []string
	for _, p := range f {
		if p.Name == name {
			values = append(values, p.Value)
		}
	}
	return values
}

// Get gives the first value sent under name, and whether there is one.
func (f Form) Get(name string) (value string, ok bool) {
	for _, p := range f {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

type peekedForm struct {
	form Form
	ok   bool
	err  error
	data []byte // the body as it came
}

// PeekForm looks into the body without taking it from the upstream, which gets
// it byte for byte. ok tells whether it is a form that is looked into:
// application/x-www-form-urlencoded with a Content-Length of at most MaxForm, at
// most MaxFormPairs fields and correct escapes. Any other body stays unread, or
// is replayed, and is no error. err is an *httperror.Error that the handler
// returns: the body could not be read. The second call gives what the first
// gave.
func (q *Request) PeekForm() (form Form, ok bool, err error) {
	if q.peeked == nil {
		q.peeked = &peekedForm{}
		*q.peeked = peekForm(q.HTTP)
	}
	return q.peeked.form, q.peeked.ok, q.peeked.err
}

func peekForm(r *http.Request) (p peekedForm) {
	if r.ContentLength < 0 || r.ContentLength > MaxForm || !isForm(r.Header) {
		return p
	}
	if r.ContentLength == 0 {
		return peekedForm{ok: true}
	}
	if p.data, p.err = peekBody(r); p.err == nil {
		p.form, p.ok = parseForm(string(p.data))
	}
	return p
}

// peekBody reads a body of known length and leaves it to be replayed.
func peekBody(r *http.Request) ([]byte, error) {
	data := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, data); err != nil {
		r.Body = failedBody{err}
		status := http.StatusBadRequest
		if errors.Is(err, os.ErrDeadlineExceeded) {
			status = http.StatusRequestTimeout
		}
		return nil, httperror.Wrap(status, httperror.StatusMessage(status), err)
	}
	r.Body = newReplay(data)
	return data, nil
}

// isForm reports whether the header describes an urlencoded form, sent as it
// is. Two Content-Types are as good as none.
func isForm(h http.Header) bool { return hasType(h, "application/x-www-form-urlencoded") }

func hasType(h http.Header, want string) bool {
	types := h["Content-Type"]
	if len(types) != 1 || len(h["Content-Encoding"]) > 0 {
		return false
	}
	media, _, _ := strings.Cut(types[0], ";")
	return strings.EqualFold(strings.TrimSpace(media), want)
}

// parseForm decodes a form as the URL standard does, but refuses what it would
// guess at.
func parseForm(s string) (Form, bool) {
	form := make(Form, 0, min(strings.Count(s, "&")+1, MaxFormPairs))
	for more := true; more; {
		var field string
		field, s, more = strings.Cut(s, "&")
		if field == "" {
			continue
		}
		if len(form) == MaxFormPairs {
			return nil, false
		}
		rawName, rawValue, _ := strings.Cut(field, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return nil, false
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, false
		}
		form = append(form, Pair{Name: name, Value: value})
	}
	return form, true
}

// replay is a body that was read and can be sent as often as an attempt to
// reach the upstream needs it.
type replay struct {
	bytes.Reader
	data []byte
}

func newReplay(data []byte) *replay {
	b := &replay{data: data}
	b.Reset(data)
	return b
}

// Close implements io.Closer.
func (*replay) Close() error { return nil }

// Rewind gives the same body from its beginning; upstream looks for this
// method.
func (b *replay) Rewind() io.ReadCloser { return newReplay(b.data) }

// failedBody is what is left of a body that could not be read.
type failedBody struct{ err error }

// Read implements io.Reader.
func (b failedBody) Read([]byte) (int, error) { return 0, b.err }

// Close implements io.Closer.
func (failedBody) Close() error { return nil }
