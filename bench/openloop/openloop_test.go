package openloop

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func options(t *testing.T, handler http.HandlerFunc) Options {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return Options{
		Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Request: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		Connections: 4, Rate: 200, Duration: 500 * time.Millisecond,
	}
}

func TestEveryRequestThatFellDueIsMadeAndCounted(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	o := options(t, func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		_, _ = io.WriteString(w, strings.Repeat("x", 1500))
	})
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Latencies) != 100 || served.Load() != 100 {
		t.Errorf("%d latencies, %d requests served, want 100", len(r.Latencies), served.Load())
	}
}

// The server answers nothing for a while: requests that were due meanwhile have
// waited for as long, although they were sent only when it was over.
func TestARequestThatWasHeldUpCountsFromWhenItWasDue(t *testing.T) {
	t.Parallel()
	const stall = 400 * time.Millisecond
	var first atomic.Bool
	o := options(t, func(w http.ResponseWriter, _ *http.Request) {
		if first.CompareAndSwap(false, true) {
			time.Sleep(stall)
		}
		_, _ = io.WriteString(w, "ok")
	})
	o.Connections = 1
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, latency := range r.Latencies {
		if latency > stall/2 {
			late++
		}
	}
	if late < 30 { // due in the first half of the stall: 40 at 200 a second
		t.Errorf("%d of %d requests were late, want at least 30: median %v", late, len(r.Latencies), r.Percentile(50))
	}
}

func TestAnAnswerThatIsNotRightEndsTheRun(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"another status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "ok")
		},
		"closed": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Run(t.Context(), options(t, handler)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestAnswerInPieces(t *testing.T) {
	t.Parallel()
	const text = "HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH: 5\r\n\r\nhello"
	for cut := range len(text) {
		var a answer
		for range 2 { // it is ready for the next one
			whole, err := a.feed([]byte(text[:cut]))
			if err != nil || whole {
				t.Fatalf("cut at %d: %v, %v", cut, whole, err)
			}
			if whole, err = a.feed([]byte(text[cut:])); err != nil || !whole {
				t.Fatalf("cut at %d: %v, %v", cut, whole, err)
			}
		}
	}
	var a answer
	if _, err := a.feed([]byte(text + "more")); err == nil {
		t.Error("a body that is too long was accepted")
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var r Result
	for i := range 1000 {
		r.Latencies = append(r.Latencies, time.Duration(i+1))
	}
	for p, want := range map[float64]time.Duration{0: 1, 50: 500, 99: 990, 99.9: 999, 100: 1000} {
		if got := r.Percentile(p); got != want {
			t.Errorf("%v: %d, want %d", p, got, want)
		}
	}
	if got := (Result{}).Percentile(99); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
