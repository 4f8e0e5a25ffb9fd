package plugin

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// kept is what a misbehaving handler keeps.
type kept struct {
	w      http.ResponseWriter
	r      *http.Request
	header http.Header
	values []string
	body   io.ReadCloser
	url    interface{ String() string }
}

func (k *kept) Serve(w http.ResponseWriter, q *Request, next Next) error {
	*k = kept{w: w, r: q.HTTP, header: q.HTTP.Header, values: q.HTTP.Header["Cookie"], body: q.HTTP.Body, url: q.HTTP.URL}
	return next(w, q)
}

func servePoisoned(t *testing.T, h Handler, last Next) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/private?a=1", strings.NewReader("a=1&b=2"))
	r.Header.Set("Content-Type", urlencoded)
	r.Header.Set("Cookie", "session=secret")
	q, w := &Request{HTTP: r}, httptest.NewRecorder()
	if err := Compose([]Link{{"h", 1, Poison(h)}}, PoisonNext(last))(w, q); err != nil {
		t.Fatal(err)
	}
	if q.HTTP != r {
		t.Error("the request was not put back")
	}
	if r.Header.Get("Cookie") != "session=secret" || r.URL.Path != "/private" {
		t.Error("the original request was changed")
	}
	return w
}

func respond(w http.ResponseWriter, _ *Request) error {
	w.Header().Set("X-A", "1")
	w.WriteHeader(http.StatusTeapot)
	_, err := io.WriteString(w, "body")
	return err
}

func TestPoisonMakesWhatAHandlerKeptUseless(t *testing.T) {
	t.Parallel()
	k := &kept{}
	servePoisoned(t, k, respond)
	for name, violation := range map[string]func() bool{
		"header map":          func() bool { return k.header.Get("Cookie") == "" && len(k.header) == 0 },
		"header of request":   func() bool { return k.r.Header.Get("Cookie") == "" && k.r.Method == "POISONED" },
		"slice of values":     func() bool { return k.values[0] == PoisonedValue },
		"url":                 func() bool { return strings.HasPrefix(k.url.String(), "poisoned:") },
		"body":                func() bool { _, err := io.ReadAll(k.body); return errors.Is(err, ErrPoisoned) },
		"body of request":     func() bool { _, err := io.ReadAll(k.r.Body); return errors.Is(err, ErrPoisoned) },
		"closing the body":    func() bool { return errors.Is(k.body.Close(), ErrPoisoned) },
		"writer: Header":      func() bool { return panics(func() { k.w.Header() }) },
		"writer: Write":       func() bool { return panics(func() { _, _ = k.w.Write(nil) }) },
		"writer: WriteHeader": func() bool { return panics(func() { k.w.WriteHeader(200) }) },
		"writer: Flush":       func() bool { return panics(func() { _ = http.NewResponseController(k.w).Flush() }) },
	} {
		if !violation() {
			t.Errorf("%s: a violation of the lifetime rules goes unnoticed", name)
		}
	}
}

func TestPoisonMakesWhatTheEndOfTheChainKeptUseless(t *testing.T) {
	t.Parallel()
	k := &kept{}
	servePoisoned(t, handlerFunc(func(w http.ResponseWriter, q *Request, next Next) error { return next(w, q) }),
		func(w http.ResponseWriter, q *Request) error { return k.Serve(w, q, respond) })
	if len(k.header) != 0 || !panics(func() { k.w.Header() }) {
		t.Error("a violation of the lifetime rules goes unnoticed")
	}
}

func TestPoisonDoesNotDisturbAHandlerThatObeys(t *testing.T) {
	t.Parallel()
	var body, cookie string
	obedient := handlerFunc(func(w http.ResponseWriter, q *Request, next Next) error {
		cookie = strings.Clone(q.HTTP.Header.Get("Cookie"))
		form, ok, err := q.PeekForm()
		if err != nil || !ok || len(form) != 2 {
			return errors.New("form not seen")
		}
		return next(w, q)
	})
	w := servePoisoned(t, obedient, func(w http.ResponseWriter, q *Request) error {
		if b, err := io.ReadAll(q.HTTP.Body.(rewinder).Rewind()); err != nil || string(b) != "a=1&b=2" {
			t.Errorf("rewound body is %q, %v", b, err)
		}
		b, err := io.ReadAll(q.HTTP.Body)
		body = string(b)
		if err != nil {
			return err
		}
		return respond(w, q)
	})
	if cookie != "session=secret" || body != "a=1&b=2" {
		t.Errorf("cookie %q, body %q", cookie, body)
	}
	if w.Code != http.StatusTeapot || w.Body.String() != "body" || w.Header().Get("X-A") != "1" {
		t.Errorf("response is %d %q", w.Code, w.Body)
	}
}

func TestPoisonedHandlerIsClosed(t *testing.T) {
	t.Parallel()
	c := &closer{}
	Poison(c).(Closer).Close()
	if !c.closed {
		t.Error("Close did not get through")
	}
	Poison(handlerFunc(nil)).(Closer).Close() // has nothing to close
}

type closer struct{ closed bool }

func (c *closer) Serve(w http.ResponseWriter, q *Request, next Next) error { return next(w, q) }
func (c *closer) Close()                                                   { c.closed = true }

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
