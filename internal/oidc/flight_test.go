package oidc

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A panic while a foreign document is parsed is an error to all that wait, and
// not the end of the process; nor does it block what comes later.
func TestPanicInAFetchIsAnError(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){
		"a panic":                 func() { panic("planted") },
		"an end of its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var f flights[int]
				goOn := make(chan struct{})
				var wait sync.WaitGroup
				for range 5 {
					wait.Go(func() {
						_, _, err := f.join(t.Context(), func(context.Context) (int, error) {
							<-goOn
							fail()
							return 1, nil
						})
						if err == nil || !strings.HasPrefix(err.Error(), "oidc: ") {
							t.Errorf("error %v", err)
						}
					})
				}
				synctest.Wait()
				close(goOn)
				wait.Wait()
				value, started, err := f.join(t.Context(), func(context.Context) (int, error) { return 2, nil })
				if value != 2 || !started || err != nil {
					t.Errorf("control: %d, %v, %v", value, started, err)
				}
				f.close()
			})
		})
	}
}

// panicking stands for a parser that a foreign document makes panic.
type panicking struct{}

func (panicking) RoundTrip(*http.Request) (*http.Response, error) { panic("planted") }

// Callers get such an error as one of the class that they know.
func TestPanicInAFetchIsUnreachable(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	honest := p.http.client.Transport
	p.http.client.Transport = panicking{}
	if _, err := p.Metadata(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("document: %v", err)
	}
	p.http.client.Transport = honest
	if _, err := p.Metadata(t.Context()); err != nil {
		t.Fatalf("control: %v", err)
	}
	p.http.client.Transport = panicking{}
	if err := verify(t, p, tp, idToken(t, tp.claims())); !errors.Is(err, ErrUnreachable) {
		t.Errorf("keys: %v", err)
	}
	p.http.client.Transport = honest
	tp.clock.advance(retryAfterFailure)
	if err := verify(t, p, tp, idToken(t, tp.claims())); err != nil {
		t.Errorf("control: %v", err)
	}
}
