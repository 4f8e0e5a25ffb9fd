package server

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

func TestAnAnswerThatTheStopCutsIsAReset(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		answer(w, q, http.StatusOK, "half")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-q.HTTP.Context().Done()
	}, func(o *ProxyOptions) { o.Grace = 50 * time.Millisecond })
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
	<-begun
	r.stop()
	if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reading ended with %v: to HTTP/1.0 the answer looks complete", err)
	}
}

func TestChunksThatCarryNextToNothingAreRefused(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		n, err := io.Copy(io.Discard, q.HTTP.Body)
		answer(w, q, http.StatusOK, fmt.Sprint(n, " ", err != nil))
	})
	for name, tt := range map[string]struct {
		chunk string
		count int
		want  string
	}{
		"one byte behind a long extension": {"1;" + strings.Repeat("x", 240) + "\r\na\r\n", 200, "true"},
		"one byte each":                    {"1\r\na\r\n", 5000, "5000 false"},
	} {
		c := dial(t, r.addr)
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(tt.chunk, tt.count)+"0\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if !strings.HasSuffix(string(body), tt.want) {
			t.Errorf("%s: %d %q, want %q", name, res.StatusCode, body, tt.want)
		}
	}
}

func TestABodyThatEndsWithTheTLSConnectionIsWhole(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for version, number := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		got := make(chan string, 1)
		r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
			time.Sleep(100 * time.Millisecond) // the end is there before the body is read
			n, err := io.Copy(io.Discard, q.HTTP.Body)
			got <- fmt.Sprint(n, " ", err)
			answer(w, q, http.StatusOK, "")
		}, func(o *ProxyOptions) {
			o.Certificates = []tls.Certificate{cert}
			o.Listen = []Listen{{Addr: "127.0.0.1:0", TLS: true}}
		})
		c := tls.Client(dial(t, r.addr), &tls.Config{RootCAs: pool, ServerName: "a.test", MinVersion: number, MaxVersion: number})
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10000\r\n\r\n")
		_, _ = io.WriteString(c, strings.Repeat("b", 10000))
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if text := <-got; text != "10000 <nil>" {
			t.Errorf("TLS %s: %s", version, text)
		}
	}
}

func TestAResetIsNoticedBehindUnreadBytes(t *testing.T) {
	t.Parallel()
	gone := make(chan time.Duration, 1)
	r := start(t, func(_ http.ResponseWriter, q *plugin.Request) {
		begun := time.Now()
		select {
		case <-q.HTTP.Context().Done():
		case <-time.After(5 * time.Second):
		}
		gone <- time.Since(begun)
	})
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET /next"} {
		_, _ = io.WriteString(c, part)
		time.Sleep(50 * time.Millisecond) // so that the second part is left unread
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
	if took := <-gone; took > 3*time.Second {
		t.Errorf("noticed after %v", took)
	}
}
