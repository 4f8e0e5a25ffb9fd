package plugin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

var errRevoked = errors.New("session revoked")

func TestCancelReachesTheContextWithItsCause(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]func(q *Request){
		"made before":      {func(q *Request) { q.Context() }, func(q *Request) { q.Cancel(errRevoked) }},
		"made after":       {func(q *Request) { q.Cancel(errRevoked) }},
		"first cause wins": {func(q *Request) { q.Cancel(errRevoked) }, func(q *Request) { q.Cancel(errors.New("later")) }},
		"release after it": {func(q *Request) { q.Cancel(errRevoked) }, func(q *Request) { q.Release() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &Request{HTTP: httptest.NewRequest(http.MethodGet, "/", nil)}
			for _, step := range order {
				step(q)
			}
			ctx := q.Context()
			if !errors.Is(context.Cause(ctx), errRevoked) {
				t.Errorf("cause is %v, want %v", context.Cause(ctx), errRevoked)
			}
		})
	}
}

func TestContextIsDoneWhenTheRequestIs(t *testing.T) {
	t.Parallel()
	parent, gone := context.WithCancel(t.Context())
	q := &Request{HTTP: httptest.NewRequest(http.MethodGet, "/", nil).WithContext(parent)}
	ctx := q.Context()
	if ctx.Err() != nil {
		t.Fatal("done before anything happened")
	}
	if q.Context() != ctx {
		t.Error("a second context was made")
	}
	gone()
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Error("the context outlives the user agent")
	}

	released := &Request{HTTP: httptest.NewRequest(http.MethodGet, "/", nil)}
	ctx = released.Context()
	done := make(chan struct{})
	context.AfterFunc(ctx, func() { close(done) })
	released.Release()
	<-done
}
