package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/gateway"
	"sallyport/internal/server"
)

// front is the server with the gateway and its proxy before an upstream, and
// without patience. It gives its address.
func front(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	g := gateway.New(gateway.Options{})
	service := &entity.Service{ID: "s", Protocol: "http", Host: "127.0.0.1", Port: up.Listener.Addr().(*net.TCPAddr).Port, Enabled: true}
	route := &entity.Route{ID: "r", ServiceID: "s", Paths: []string{"/"}, Protocols: []string{"http"}, ResponseBuffering: true}
	install, err := g.Compile(&entity.Set{Services: []*entity.Service{service}, Routes: []*entity.Route{route}})
	if err != nil {
		t.Fatal(err)
	}
	install()
	s, err := server.New(server.ProxyOptions{
		Common: server.Common{
			Name: "proxy", Listen: []server.Listen{{Addr: "127.0.0.1:0"}}, Grace: time.Second, ClientTimeout: 300 * time.Millisecond,
		},
		Handler: g.Serve,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ended by the cleanup, which waits
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		g.Close()
	})
	return s.Addrs()[0].String()
}

// send writes the beginning of a request to a connection of its own.
func send(t *testing.T, addr, begin string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(8 * time.Second))
	if _, err := io.WriteString(c, begin); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func TestAnUploadOutlivesTheHeadOfItsAnswerOnTheWholeWay(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	addr := front(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = control.Flush()
		body, err := io.ReadAll(r.Body)
		got <- fmt.Sprint(string(body), err)
	})
	c, reader := send(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	if line, err := reader.ReadString('\n'); !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Fatalf("%q %v", line, err)
	}
	want := ""
	for i := range 20 {
		_, _ = fmt.Fprintf(c, "4\r\n<%02d>\r\n", i)
		want += fmt.Sprintf("<%02d>", i)
	}
	_, _ = io.WriteString(c, "0\r\n\r\n")
	if text := <-got; text != want+"<nil>" {
		t.Errorf("the upstream got %q", text)
	}
}

func TestAnUploadThatStallsOnTheWholeWayIsRefused(t *testing.T) {
	t.Parallel()
	addr := front(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	for body, want := range map[string]string{"ab": "HTTP/1.1 408", "abcd": "HTTP/1.1 200"} {
		_, reader := send(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"+body)
		if line, err := reader.ReadString('\n'); !strings.HasPrefix(line, want) {
			t.Errorf("%q got %q %v", body, line, err)
		}
	}
}
