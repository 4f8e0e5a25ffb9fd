package server

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// TestEveryRequestIsObservedOnce: answered, refused before the handler, cut and
// panicking ones alike, also without an access log.
func TestEveryRequestIsObservedOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var statuses []int
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		switch q.Canonical.Path {
		case "/panic":
			panic("planted panic")
		case "/cut":
			answer(w, q, 200, strings.Repeat("x", 10_000))
			panic(http.ErrAbortHandler)
		}
		answer(w, q, 204, "")
	}, func(o *ProxyOptions) {
		o.Access = nil
		o.Observe = func(q *plugin.Request, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			statuses = append(statuses, q.Access.Status)
			if took <= 0 || took > time.Minute {
				t.Errorf("it took %v", took)
			}
		}
	})
	for _, head := range []string{
		"GET / HTTP/1.1\r\nHost: a.test", "GET /panic HTTP/1.1\r\nHost: a.test", "GET /cut HTTP/1.1\r\nHost: a.test",
		"GET /a%00b HTTP/1.1\r\nHost: a.test",
	} {
		c := dial(t, r.addr)
		if _, err := io.WriteString(c, head+"\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c) // a cut answer ends with an error
	}
	r.wait(t)
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(statuses)
	if !slices.Equal(statuses, []int{200, 204, 400, 500}) {
		t.Errorf("statuses %v", statuses)
	}
}
