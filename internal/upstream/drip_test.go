package upstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A head that has begun must come within the read timeout; what comes before
// it may take as long, and so may each piece of the body.
func TestAHeadThatDripsIsTimedOut(t *testing.T) {
	t.Parallel()
	const timeout = 600 * time.Millisecond
	bothClients(t, func(t *testing.T, start starter) {
		for _, tc := range []struct {
			name, body string
			pieces     []string
			pause      time.Duration
			status     int
		}{
			{"a byte now and then", "", strings.Split("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""), timeout / 6, 504},
			{"after a body that is still on its way", strings.Repeat("x", 1<<20), strings.Split("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""), timeout / 6, 504},
			{"control: a head in pieces", "", []string{"HTTP/1.1 200", " OK\r\nContent-Le", "ngth: 0\r\n\r\n"}, timeout / 12, 200},
			{
				"control: heads one after the other", "",
				[]string{"HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
				timeout / 2, 200,
			},
			{
				"control: a body in pieces", "",
				[]string{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "a", "b", "c", "d"},
				timeout / 2, 200,
			},
		} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				addr := listen(t, func(c net.Conn, r *bufio.Reader) {
					if _, err := readHead(r); err != nil {
						return
					}
					for i, piece := range tc.pieces {
						if i > 0 {
							time.Sleep(tc.pause)
						}
						if _, err := io.WriteString(c, piece); err != nil {
							return
						}
					}
				})
				b := start(t, addr, func(s *setup) { s.service.ReadTimeout, s.service.Retries = timeout, 0 })
				method, body := http.MethodGet, io.Reader(nil)
				if tc.body != "" {
					method, body = http.MethodPost, strings.NewReader(tc.body)
				}
				res := b.do(t, method, "/", body)
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != tc.status {
					t.Errorf("status %d, %v; want %d", res.StatusCode, err, tc.status)
				}
			})
		}
	})
}

func TestAProxyThatKeepsNothing(t *testing.T) {
	t.Parallel()
	bothClients(t, func(t *testing.T, start starter) {
		for maxIdle, want := range map[int]int64{-1: 3, 0: 1, 1: 1} {
			addr, connections := counted(t, func(_ int64, c net.Conn, r *bufio.Reader) {
				for {
					if _, err := readHead(r); err != nil {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			})
			b := start(t, addr, func(s *setup) { s.opts.MaxIdle = maxIdle })
			for range 3 {
				if res := b.get(t, "/"); res.StatusCode != http.StatusOK {
					t.Errorf("MaxIdle %d: got %d", maxIdle, res.StatusCode)
				}
			}
			if got := connections.Load(); got != want {
				t.Errorf("MaxIdle %d: %d connections, want %d", maxIdle, got, want)
			}
		}
	})
}
