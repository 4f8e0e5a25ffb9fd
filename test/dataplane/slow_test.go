//go:build integration

package dataplane

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// traffic sends ordinary requests from a few clients at once, each of which must
// be answered.
func (g *gateway) traffic(t *testing.T, base string, http2 bool) {
	t.Helper()
	var clients sync.WaitGroup
	client := g.client(t, http2)
	for range 4 {
		clients.Go(func() {
			for range 50 {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/down/1000", nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				n, err := io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode != http.StatusOK || n != 1000 || err != nil {
					t.Errorf("got %d, %d bytes, %v", res.StatusCode, n, err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { // ends with the clients
		clients.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("ordinary requests are held up")
	}
}

// Those who read or send slowly hold up nobody but themselves, on connections
// of their own and on other streams of one HTTP/2 connection, and get all of
// their answer in the end.
func TestSlowClientsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	g := startGateway(t, watched(t), nil, yaml(service{path: "/", url: bulk(t)}))
	const size, slow = 32 << 20, 10
	for _, tc := range []struct {
		name, base string
		http2      bool
	}{
		{"HTTP/1.1", "http://" + g.proxy, false},
		{"HTTP/1.1 with TLS", "https://" + g.secured, false},
		{"HTTP/2", "https://" + g.secured, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client := g.client(t, tc.http2)
			var readers []io.Reader
			for range slow {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tc.base+"/down/"+strconv.Itoa(size), nil)
				if err != nil {
					t.Fatal(err)
				}
				res, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = res.Body.Close() }()
				if _, err := io.ReadFull(res.Body, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				readers = append(readers, res.Body)
			}
			answers := make(chan string, slow)
			var writers []*io.PipeWriter
			for range slow {
				body, w := io.Pipe()
				defer func() { _ = w.Close() }()
				writers = append(writers, w)
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, tc.base+"/up", body)
				if err != nil {
					t.Fatal(err)
				}
				go func() { // ends with its body, which the test ends
					res, err := client.Do(r)
					if err != nil {
						answers <- err.Error()
						return
					}
					text, _ := io.ReadAll(res.Body)
					_ = res.Body.Close()
					answers <- string(text)
				}()
				if _, err := io.WriteString(w, "x"); err != nil {
					t.Fatal(err)
				}
			}
			g.traffic(t, tc.base, tc.http2)
			if len(answers) > 0 {
				t.Fatalf("a body that has not ended was answered: %s", <-answers)
			}
			for _, w := range writers {
				_, _ = io.WriteString(w, "y")
				_ = w.Close()
			}
			for range writers {
				if got := <-answers; got != "2 <nil> -1" {
					t.Errorf("a slow upload ends with %q", got)
				}
			}
			for i, body := range readers {
				if i >= 3 && !long {
					break // the others leave in the middle
				}
				if n, err := io.Copy(io.Discard, body); n != size-1 || err != nil {
					t.Errorf("a slow download ends after %d bytes of %d: %v", n, size-1, err)
				}
			}
		})
	}
}

// crowd is how many connections send their request head too slowly.
const crowd = 5000

// Clients that drip a request head do not stop traffic, and are cut.
func TestACrowdOfSlowHeadsStopsNothing(t *testing.T) {
	t.Parallel()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < crowd+1000 {
		t.Fatalf("the machine lets a process have %d descriptors, %d are needed (ulimit -Hn)", limit.Max, crowd+1000)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, program(t), nil, yaml(service{path: "/", url: bulk(t)}))
	var cut atomic.Int64
	var dripping sync.WaitGroup
	began := time.Now()
	for i := range crowd {
		c, err := net.Dial("tcp", g.proxy)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		_, _ = fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: a.test\r\nX: ", i)
		// It ends when the gateway closes the connection, or after patience.
		dripping.Go(func() {
			defer func() { _ = c.Close() }()
			for time.Since(began) < 2*patience {
				_ = c.SetReadDeadline(time.Now().Add(2 * time.Second)) // a closed one says so below
				if _, err := c.Read(make([]byte, 1)); err == nil {
					return // an answer, which is none of what is to come
				} else if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() { //nolint:errorlint // as net gives it
					cut.Add(1)
					return
				}
				_, _ = c.Write([]byte("x")) // a byte now and then is no reason to wait longer
			}
		})
	}
	if now := g.holds(t); now.clients < crowd && time.Since(began) < 20*time.Second {
		t.Errorf("only %d connections are open", now.clients)
	}
	g.traffic(t, "http://"+g.proxy, false)
	g.traffic(t, "https://"+g.secured, true)
	dripping.Wait()
	if cut.Load() != crowd {
		t.Errorf("%d of %d connections were cut", cut.Load(), crowd)
	}
}
