package upstream

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheBodyOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://a.test/", io.NopCloser(strings.NewReader("whole")))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 5
	body := newBodySource(r, true).open()
	*r = http.Request{} // the front uses it for the next request
	if got, err := io.ReadAll(body); string(got) != "whole" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestARetriedBodyHasNoHole(t *testing.T) {
	t.Parallel()
	pr, pw := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://a.test/", pr)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = -1
	s := newBodySource(r, true)
	s.used.Store(true)
	write := func(c string, n int) { _, _ = pw.Write(bytes.Repeat([]byte(c), n)) }
	first := s.open()
	go write("a", 40000)
	if _, err := io.ReadFull(first, make([]byte, 40000)); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { // the attempt that failed still reads
		defer close(over)
		_, _ = first.Read(make([]byte, 32<<10))
	}()
	time.Sleep(20 * time.Millisecond)
	second := make(chan int, 1)
	body := s.open()
	go func() {
		all, _ := io.ReadAll(body)
		second <- len(all)
	}()
	time.Sleep(20 * time.Millisecond)
	write("b", 30000)
	<-over
	write("c", 4)
	_ = pw.Close()
	if got := <-second; got != 70004 {
		t.Errorf("the second attempt sends %d of 70004 bytes", got)
	}
}

func TestAHeadOfTooManyFieldsIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fields string
		good   bool
	}{
		"as many as may be":          {strings.Repeat("A: b\r\n", maxResponseFields), true},
		"one more":                   {strings.Repeat("A: b\r\n", maxResponseFields+1), false},
		"a long Connection":          {"Connection: " + strings.Repeat("b,", maxResponseFields+1) + "b\r\nA: b\r\n", false},
		"a Connection that is usual": {"Connection: keep-alive, x-hop\r\nA: b\r\n", true},
	} {
		var h responseHead
		if err := h.parse([]byte("HTTP/1.1 200 OK\r\n" + tt.fields + "\r\n")); (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUploadUsesAKeptConnectionAfterTheReadTimeout(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	addr := listen(t, func(c net.Conn, r *bufio.Reader) {
		connections.Add(1)
		for {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	b := start(t, addr, func(s *setup) { s.service.ReadTimeout = 200 * time.Millisecond })
	for range 3 {
		if res := b.do(t, http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 40000))); res.StatusCode != http.StatusOK {
			t.Errorf("got %d", res.StatusCode)
		}
		time.Sleep(300 * time.Millisecond) // longer than the read timeout
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections for three uploads", got)
	}
}
