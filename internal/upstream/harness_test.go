package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log" //nolint:depguard // the type of http.Server.ErrorLog
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/httperror"
	"sallyport/internal/message"
)

// bench is a front with a Target behind it.
type bench struct {
	front   *httptest.Server
	proxy   *Proxy
	target  *Target
	service *entity.Service
	route   *entity.Route
	log     *syncBuffer

	mu      sync.Mutex // guards what follows
	records []record
	cuts    []error
	errs    []error
}

type record struct {
	start   time.Time
	latency time.Duration
	status  int
	addr    string
}

// setup is what a test may change before the front starts.
type setup struct {
	opts    Options
	service entity.Service
	route   entity.Route
	message message.Options
	// exchange changes what is asked; context gives the exchange's context.
	exchange func(x *Exchange)
	context  func(r *http.Request) context.Context
	// header stands in the response's header before Serve is called.
	header http.Header
	// rare lets http.Transport ask whatever it is.
	rare bool
}

type starter func(t *testing.T, addr string, change func(s *setup)) *bench

// bothClients runs a test with the lean client and with http.Transport.
func bothClients(t *testing.T, test func(t *testing.T, start starter)) {
	t.Helper()
	for _, rare := range []bool{false, true} {
		t.Run(map[bool]string{false: "lean", true: "rare"}[rare], func(t *testing.T) {
			t.Parallel()
			test(t, func(t *testing.T, addr string, change func(s *setup)) *bench {
				t.Helper()
				return start(t, addr, func(s *setup) {
					if s.rare = rare; change != nil {
						change(s)
					}
				})
			})
		})
	}
}

func (b *bench) RecordUpstream(start time.Time, latency time.Duration, status int, addr string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, record{start, latency, status, addr})
}

func (b *bench) RecordCut(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cuts = append(b.cuts, err)
}

func (b *bench) lastRecord() record {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.records) == 0 {
		return record{}
	}
	return b.records[len(b.records)-1]
}

func (b *bench) lastCut() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.cuts) == 0 {
		return nil
	}
	return b.cuts[len(b.cuts)-1]
}

// lastError is what Serve returned last.
func (b *bench) lastError() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errs) == 0 {
		return nil
	}
	return b.errs[len(b.errs)-1]
}

// start runs a front before the upstream at addr, which is a URL or host:port.
func start(t *testing.T, addr string, change func(s *setup)) *bench {
	t.Helper()
	s := setup{
		service: entity.Service{
			ID: "s1", Name: "orders", Protocol: "http", Enabled: true,
			ConnectTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		},
		route:   entity.Route{ID: "r1", ResponseBuffering: true, RequestBuffering: true},
		message: message.Options{ListenPort: 8000},
	}
	if u, err := url.Parse(addr); err == nil && u.Host != "" {
		s.service.Protocol, addr = u.Scheme, u.Host
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	s.service.Host = host
	s.service.Port, _ = strconv.Atoi(port)
	b := &bench{log: &syncBuffer{}}
	s.opts.Logger = slog.New(slog.NewTextHandler(b.log, nil))
	if change != nil {
		change(&s)
	}
	b.service, b.route = &s.service, &s.route
	b.proxy = New(s.opts)
	target := b.proxy.Target(b.service)
	b.target = target
	target.plainName = target.plainName && !s.rare
	b.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		canonical, err := message.New(r, s.message)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		x := &Exchange{
			Canonical: &canonical, Route: b.route, Path: canonical.Path,
			RequestID: "0123456789abcdef0123456789abcdef", Recorder: b,
		}
		if s.exchange != nil {
			s.exchange(x)
		}
		maps.Copy(w.Header(), s.header)
		ctx := r.Context()
		if s.context != nil {
			ctx = s.context(r)
		}
		if err := target.Serve(ctx, w, r, x); err != nil {
			b.mu.Lock()
			b.errs = append(b.errs, err)
			b.mu.Unlock()
			if _, ok := errors.AsType[*httperror.Error](err); !ok {
				t.Errorf("Serve returned %T: %v", err, err)
			}
			httperror.Render(w, httperror.Request{Method: r.Method}, err)
		}
	}))
	t.Cleanup(func() {
		b.front.Close()
		target.Close()
		b.proxy.Close()
	})
	return b
}

// serve runs an upstream.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// listen runs a raw upstream: talk gets each connection and is done with it
// when it returns.
func listen(t *testing.T, talk func(c net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = c.Close() }()
				talk(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// readHead reads a request head as it stands on the wire.
func readHead(r *bufio.Reader) (lines []string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return lines, err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return lines, nil
		}
		lines = append(lines, line)
	}
}

// capture is an upstream that keeps the heads it gets and answers with 204.
func capture(t *testing.T) (addr string, heads func() []string) {
	t.Helper()
	var mu sync.Mutex
	var last []string
	addr = listen(t, func(c net.Conn, r *bufio.Reader) {
		for {
			lines, err := readHead(r)
			if err != nil {
				return
			}
			mu.Lock()
			last = lines
			mu.Unlock()
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	return addr, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return last
	}
}

// header gives the values of a header in a raw head; the name is compared as
// it stands there.
func header(head []string, name string) []string {
	var values []string
	for _, line := range head[1:] {
		if n, v, _ := strings.Cut(line, ": "); n == name {
			values = append(values, v)
		}
	}
	return values
}

// raw sends bytes to the front and gives the whole answer. The request must ask
// to close the connection.
func (b *bench) raw(t *testing.T, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", b.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// get sends a GET with headers given as name, value pairs.
func (b *bench) get(t *testing.T, path string, headers ...string) reply {
	t.Helper()
	return b.do(t, http.MethodGet, path, nil, headers...)
}

func (b *bench) do(t *testing.T, method, path string, body io.Reader, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.front.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := (&http.Transport{DisableKeepAlives: true, DisableCompression: true}).RoundTrip(r)
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

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// quiet is for servers whose handshakes fail on purpose.
func quiet() *log.Logger { return slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) }

func tlsUpstream(t *testing.T) string {
	return serveTLS(t, func(http.ResponseWriter, *http.Request) {})
}

// serveTLS is serve behind TLS.
func serveTLS(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}
