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
	"sallyport/internal/httperror"
	"sallyport/internal/plugin"
	"sallyport/internal/server"
)

// front is the server with the gateway, plugins and its proxy before an
// upstream, and without patience. It gives its address.
func front(t *testing.T, h http.HandlerFunc, plugins ...plugin.Definition) string {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	g := gateway.New(gateway.Options{Definitions: plugins})
	service := &entity.Service{ID: "s", Protocol: "http", Host: "127.0.0.1", Port: up.Listener.Addr().(*net.TCPAddr).Port, Enabled: true}
	route := &entity.Route{ID: "r", ServiceID: "s", Paths: []string{"/"}, Protocols: []string{"http"}, ResponseBuffering: true}
	set := &entity.Set{Services: []*entity.Service{service}, Routes: []*entity.Route{route}}
	for _, d := range plugins {
		set.Plugins = append(set.Plugins, &entity.Plugin{ID: d.Name, Name: d.Name, Enabled: true, Protocols: []string{"http"}})
	}
	install, err := g.Compile(set)
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

// handlerFunc is a plugin.Handler made of a function.
type handlerFunc func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error

// Serve implements plugin.Handler.
func (f handlerFunc) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	return f(w, q, next)
}

// The context of a request of the front is the one that Cancel ends: that the
// user agent has left must not be read from it.
func TestACancelledRequestIsAnsweredAsItsCauseSays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cause error
		want  string
	}{
		"an answer":                        {httperror.New(http.StatusUnauthorized, "Session ended"), "HTTP/1.1 401"},
		"an answer that wraps what it met": {httperror.Wrap(http.StatusServiceUnavailable, "Away", context.Canceled), "HTTP/1.1 503"},
		"a mere error":                     {io.ErrNoProgress, "HTTP/1.1 500"},
	} {
		for _, request := range []string{
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", // http.Transport's
		} {
			method, _, _ := strings.Cut(request, "\r\n\r\n")
			t.Run(name+" to "+strings.ReplaceAll(method, "\r\n", ", "), func(t *testing.T) {
				t.Parallel()
				ended := make(chan func(), 1)
				addr := front(t, func(_ http.ResponseWriter, r *http.Request) {
					(<-ended)()
					_, _ = io.Copy(io.Discard, r.Body) // without it nobody looks whether the connection has ended
					<-r.Context().Done()
				}, plugin.Definition{Name: "ending", Priority: 1, New: func(plugin.Instance) (plugin.Handler, error) {
					return handlerFunc(func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
						ended <- func() { q.Cancel(tc.cause) }
						return next(w, q)
					}), nil
				}})
				_, reader := send(t, addr, request)
				line, err := reader.ReadString('\n')
				for strings.HasPrefix(line, "HTTP/1.1 100") || line == "\r\n" {
					line, err = reader.ReadString('\n')
				}
				if !strings.HasPrefix(line, tc.want) {
					t.Errorf("got %q %v, want %s", line, err, tc.want)
				}
			})
		}
	}
}
