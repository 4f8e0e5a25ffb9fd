//go:build integration

package dataplane

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// What streams in each direction: some ways take a gibibyte each time, the
// others a quarter of it, and with SALLYPORT_LONG all do.
const (
	gibibyte = 1 << 30
	quarter  = gibibyte / 4
)

// headroom is how much the gateway's memory may grow while it streams, in
// bytes.
const headroom = 32 << 20

// zeros are bytes without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bulk is an upstream that sends as much as /down/N says, with its length or,
// with ?chunked, without, and counts what comes for /up.
func bulk(t *testing.T) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 256<<10)
		if r.URL.Path == "/up" {
			n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, buffer)
			_, _ = fmt.Fprint(w, n, " ", err, " ", r.ContentLength)
			return
		}
		n, _ := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/down/"), 10, 64)
		if r.URL.RawQuery == "" {
			w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		}
		_, _ = io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(zeros{}, n), buffer)
	}))
}

// stream is one way to send much.
type stream struct {
	name    string
	http2   bool
	secured bool
	up      bool
	chunked bool
	size    int64
}

// A body of any size costs the gateway no more memory than one of 32 MiB.
func TestStreamsLeaveTheMemoryFlat(t *testing.T) {
	t.Parallel()
	up := bulk(t)
	g := startGateway(t, program(t), nil, yaml(service{path: "/", url: up}))
	all := []stream{
		{name: "down, with its length", size: gibibyte},
		{name: "down, in chunks", chunked: true, size: quarter},
		{name: "up, with its length", up: true, size: quarter},
		{name: "up, in chunks", up: true, chunked: true, size: gibibyte},
		{name: "down, HTTP/1.1 with TLS", secured: true, size: quarter},
		{name: "up, HTTP/1.1 with TLS", secured: true, up: true, size: quarter},
		{name: "down, HTTP/2 with TLS", http2: true, secured: true, size: quarter},
		{name: "up, HTTP/2 with TLS", http2: true, secured: true, up: true, size: quarter},
	}
	for _, s := range all { // one after the other, so that the memory is that of one
		t.Run(s.name, func(t *testing.T) {
			g.stream(t, s, 32<<20)
			g.resetPeak(t)
			before := g.memory(t, "VmHWM")
			if long {
				s.size = gibibyte
			}
			g.stream(t, s, s.size)
			if peak := g.memory(t, "VmHWM"); peak > before+headroom {
				t.Errorf("%d MiB before, %d MiB at most", before>>20, peak>>20)
			} else {
				t.Logf("%d MiB before, %d MiB at most", before>>20, peak>>20)
			}
		})
	}
}

// stream sends or fetches size bytes and sees that all of them come.
func (g *gateway) stream(t *testing.T, s stream, size int64) {
	t.Helper()
	base := "http://" + g.proxy
	if s.secured {
		base = "https://" + g.secured
	}
	method, target, body := http.MethodGet, base+"/down/"+strconv.FormatInt(size, 10), io.Reader(nil)
	if s.up {
		method, target, body = http.MethodPut, base+"/up", io.LimitReader(zeros{}, size)
	} else if s.chunked {
		target += "?chunked"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	if s.up {
		if r.ContentLength = -1; !s.chunked {
			r.ContentLength = size
		}
	}
	res, err := g.client(t, s.http2).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if s.up {
		text, err := io.ReadAll(res.Body)
		if want := fmt.Sprint(size, " <nil> ", r.ContentLength); string(text) != want || err != nil {
			t.Errorf("the upstream got %q (%v), want %q", text, err, want)
		}
		return
	}
	buffer := make([]byte, 256<<10)
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{res.Body}, buffer)
	if n != size || err != nil || res.ProtoMajor == 2 != s.http2 || (res.ContentLength < 0) != s.chunked {
		t.Errorf("got %d bytes of %d, %v, with length %d over %s", n, size, err, res.ContentLength, res.Proto)
	}
}

// The upstream sends an event only when the client has the one before: an event
// that is held back would be waited for in vain.
func TestEventsPassOneByOne(t *testing.T) {
	t.Parallel()
	const events = 50
	got := make(chan int)
	up := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			w.Header().Set("Content-Length", r.URL.RawQuery)
		}
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for i := range events {
			_, _ = fmt.Fprintf(w, "data: %03d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-got:
			case <-r.Context().Done():
				return
			}
		}
	}))
	g := startGateway(t, watched(t), nil, yaml(service{path: "/", url: up}))
	for _, tc := range []struct {
		name, url string
		http2     bool
	}{
		{"HTTP/1.1", "http://" + g.proxy + "/", false},
		{"HTTP/1.1, of known length", "http://" + g.proxy + "/?" + strconv.Itoa(events*len("data: 000\n\n")), false},
		{"HTTP/1.1 with TLS", "https://" + g.secured + "/", false},
		{"HTTP/2", "https://" + g.secured + "/", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience/2)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, tc.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := g.client(t, tc.http2).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			scanner, i := bufio.NewScanner(res.Body), 0
			for scanner.Scan() {
				line := scanner.Text()
				if line == "" {
					continue
				}
				if want := fmt.Sprintf("data: %03d", i); line != want {
					t.Fatalf("got %q, want %q", line, want)
				}
				i++
				select {
				case got <- i:
				case <-ctx.Done():
					t.Fatal("the upstream is gone")
				}
			}
			if err := scanner.Err(); err != nil || i != events {
				t.Errorf("%d events, then %v", i, err)
			}
		})
	}
}
