package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/httperror"
)

// A context that derives from the request's learns in a goroutine of its own
// that the user agent is gone. The upload knows at once, and ends the upstream
// connection: that must not be taken for the upstream's doing. Here the context
// of the exchange never learns.
func TestUserAgentThatLeavesWithinABodyIsNotTheUpstreamsFailure(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		for name, leaves := range map[string]bool{"user agent leaves": true, "upstream leaves": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				upstream := serve(t, func(_ http.ResponseWriter, r *http.Request) {
					if leaves {
						_, _ = io.Copy(io.Discard, r.Body) // it breaks off
					}
					panic(http.ErrAbortHandler)
				})
				b := start(t, upstream, func(s *setup) {
					s.context = func(r *http.Request) context.Context { return context.WithoutCancel(r.Context()) }
				})
				c, err := net.Dial("tcp", b.front.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				const length = 1_000_000 // more than an upstream that gave up reads
				if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat("x", 50_000)); err != nil {
					t.Fatal(err)
				}
				want := http.StatusBadGateway
				if leaves {
					want = httperror.StatusClientGone
					_ = c.Close() // that is the point
				}
				deadline := time.Now().Add(20 * time.Second)
				for b.lastError() == nil {
					if time.Now().After(deadline) {
						t.Fatal("the exchange does not end")
					}
					time.Sleep(5 * time.Millisecond)
				}
				if e, ok := errors.AsType[*httperror.Error](b.lastError()); !ok || e.Status != want {
					t.Errorf("got %v, want status %d", b.lastError(), want)
				}
			})
		}
	})
}
