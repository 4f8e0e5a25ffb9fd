package plugin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// handlerFunc is a Handler made of a function.
type handlerFunc func(w http.ResponseWriter, q *Request, next Next) error

func (f handlerFunc) Serve(w http.ResponseWriter, q *Request, next Next) error { return f(w, q, next) }

// noting is a handler that notes its name before and after the rest.
func noting(log *[]string, name string) Handler {
	return handlerFunc(func(w http.ResponseWriter, q *Request, next Next) error {
		*log = append(*log, name)
		err := next(w, q)
		*log = append(*log, "/"+name)
		return err
	})
}

func TestComposeOrder(t *testing.T) {
	t.Parallel()
	var log []string
	links := []Link{
		{Name: "acl", Priority: 950, Handler: noting(&log, "acl")},
		{Name: "aaa", Priority: 1050, Handler: noting(&log, "aaa")},
		{Name: "cors", Priority: 2000, Handler: noting(&log, "cors")},
		{Name: "openid-connect", Priority: 1050, Handler: noting(&log, "openid-connect")},
	}
	next := Compose(links, func(http.ResponseWriter, *Request) error {
		log = append(log, "upstream")
		return nil
	})
	if err := next(nil, &Request{}); err != nil {
		t.Fatal(err)
	}
	want := "cors openid-connect aaa acl upstream /acl /aaa /openid-connect /cors"
	if diff := cmp.Diff(want, strings.Join(log, " ")); diff != "" {
		t.Error(diff)
	}
	if links[0].Name != "acl" {
		t.Error("the caller's list was sorted in place")
	}
}

func TestComposeStopsWhereAHandlerDoesNotGoOn(t *testing.T) {
	t.Parallel()
	refusal := errors.New("refused")
	var log []string
	next := Compose([]Link{
		{Name: "outer", Priority: 2, Handler: noting(&log, "outer")},
		{Name: "inner", Priority: 1, Handler: handlerFunc(func(http.ResponseWriter, *Request, Next) error { return refusal })},
	}, func(http.ResponseWriter, *Request) error {
		log = append(log, "upstream")
		return nil
	})
	if err := next(nil, &Request{}); !errors.Is(err, refusal) {
		t.Errorf("got %v, want the handler's error", err)
	}
	if diff := cmp.Diff("outer /outer", strings.Join(log, " ")); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkChain(b *testing.B) {
	pass := handlerFunc(func(w http.ResponseWriter, q *Request, next Next) error { return next(w, q) })
	next := Compose([]Link{{"a", 1, pass}, {"b", 2, pass}, {"c", 3, pass}}, func(http.ResponseWriter, *Request) error { return nil })
	w, q := httptest.NewRecorder(), &Request{}
	b.ReportAllocs()
	for b.Loop() {
		if err := next(w, q); err != nil {
			b.Fatal(err)
		}
	}
}
