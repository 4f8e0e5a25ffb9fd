package gateway

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
)

const requestID = "0123456789abcdef0123456789abcdef"

// handlerFunc is a plugin.Handler made of a function.
type handlerFunc func(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error

func (f handlerFunc) Serve(w http.ResponseWriter, q *plugin.Request, next plugin.Next) error {
	return f(w, q, next)
}

// define is a plugin whose instances all run h.
func define(name string, priority int, h handlerFunc) plugin.Definition {
	return plugin.Definition{Name: name, Priority: priority, New: func(plugin.Instance) (plugin.Handler, error) { return h, nil }}
}

// front is a listener with a Gateway behind it, and poisoning on.
type front struct {
	*httptest.Server
	gateway *Gateway
	log     *syncBuffer

	mu   sync.Mutex // guards last
	last plugin.Access
}

var trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newFront(t *testing.T, definitions ...plugin.Definition) *front {
	t.Helper()
	f := &front{log: &syncBuffer{}}
	f.gateway = New(Options{Definitions: definitions, Logger: slog.New(slog.NewTextHandler(f.log, nil)), Poison: true})
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(func() {
		f.Close()
		f.gateway.Close()
	})
	return f
}

func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	canonical, err := message.New(r, message.Options{ListenPort: 8000, Trusted: trusted})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q := &plugin.Request{HTTP: r, Canonical: canonical, ID: requestID, Start: time.Now()}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.last = q.Access
	}()
	f.gateway.Serve(w, q)
}

func (f *front) access() plugin.Access {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// install compiles and installs a configuration.
func (f *front) install(t *testing.T, set *entity.Set) {
	t.Helper()
	install, err := f.gateway.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	install()
}

// get sends a GET for host with headers given as name, value pairs.
func (f *front) get(t *testing.T, host, path string, headers ...string) reply {
	t.Helper()
	return f.do(t, http.MethodGet, host, path, nil, headers...)
}

func (f *front) do(t *testing.T, method, host, path string, body io.Reader, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := f.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return reply{res}
}

// reply is a response whose body is closed when the test ends.
type reply struct{ *http.Response }

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// upstreamAt runs an upstream and gives the service for it.
func upstreamAt(t *testing.T, h http.HandlerFunc) *entity.Service {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return serviceAt(t, s.URL)
}

func serviceAt(t *testing.T, address string) *entity.Service {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return &entity.Service{
		ID: "s1", Name: "orders", Protocol: u.Scheme, Host: host, Port: n, Enabled: true,
		ConnectTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
	}
}

// route is a route for a host; serviceID may be empty.
func route(id, serviceID, host string) *entity.Route {
	return &entity.Route{
		ID: id, ServiceID: serviceID, Protocols: []string{"http", "https"}, Hosts: []string{host}, Paths: []string{"/"},
		StripPath: true, PathHandling: "v0", HTTPSRedirectStatusCode: 426, RequestBuffering: true, ResponseBuffering: true,
	}
}

func globally(id, name string) *entity.Plugin {
	return &entity.Plugin{ID: id, Name: name, Enabled: true, Protocols: []string{"http", "https"}}
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Got", r.Header.Get("X-Marks"))
	_, _ = io.WriteString(w, "hello")
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

var errBroken = errors.New("broken")
