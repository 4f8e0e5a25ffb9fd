package upstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"sallyport/internal/entity"
	"sallyport/internal/message"
)

// nullWriter is a ResponseWriter that costs nothing.
type nullWriter struct{ h http.Header }

func (w *nullWriter) Header() http.Header       { return w.h }
func (*nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)           { clear(w.h) }

// static is an upstream that answers each request with the same bytes.
func static(b testing.TB) *entity.Service {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: static\r\nContent-Length: 12\r\n\r\nhello, world")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == 2 {
						if _, err := c.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	address := l.Addr().(*net.TCPAddr)
	return &entity.Service{ID: "s1", Protocol: "http", Host: address.IP.String(), Port: address.Port, Enabled: true}
}

func browserRequest(b testing.TB) (*http.Request, message.Request) {
	b.Helper()
	r := httptest.NewRequest(http.MethodGet, "/anything?hello=world", nil)
	r.Host = "service.test"
	for name, value := range map[string]string{
		"User-Agent": "Mozilla/5.0", "Accept": "text/html", "Accept-Language": "en", "Accept-Encoding": "gzip, br",
		"Cookie": "theme=dark; session=AQEBAQEBAQEBAQEB", "Sec-Fetch-Mode": "navigate", "Connection": "keep-alive",
	} {
		r.Header.Set(name, value)
	}
	canonical, err := message.New(r, message.Options{ListenPort: 8000})
	if err != nil {
		b.Fatal(err)
	}
	return r, canonical
}

// exchangeOf is what a browser with a session asks of a static upstream.
func exchangeOf(b testing.TB) (*Target, *Exchange, *http.Request) {
	b.Helper()
	p := New(Options{})
	target := p.Target(static(b))
	b.Cleanup(target.Close)
	r, canonical := browserRequest(b)
	overlay := &message.Overlay{}
	overlay.RemoveSpellings("X-Userinfo")
	overlay.Set("Authorization", "Bearer token")
	return target, &Exchange{
		Canonical: &canonical, Route: &entity.Route{ResponseBuffering: true}, Path: canonical.Path,
		RequestID: "0123456789abcdef0123456789abcdef", Header: overlay,
		DropCookies: []string{"session"}, OwnCookies: []message.OwnCookie{{Name: "session"}},
	}, r
}

// BenchmarkServe measures an exchange over loopback with a kept connection.
func BenchmarkServe(b *testing.B) {
	target, x, r := exchangeOf(b)
	w := &nullWriter{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := target.Serve(b.Context(), w, r, x); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRoundTrip is what of that net/http's transport needs alone.
func BenchmarkRoundTrip(b *testing.B) {
	s := static(b)
	p := New(Options{})
	t := p.transport(p.dialer(transportKey{}))
	defer t.CloseIdleConnections()
	authority, _, _ := hostForms(s, false)
	r, _ := browserRequest(b)
	out := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: authority, Path: "/anything"}, Header: r.Header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	b.ReportAllocs()
	for b.Loop() {
		res, err := t.RoundTrip(out.WithContext(b.Context()))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
	}
}

func BenchmarkPrepare(b *testing.B) {
	p := New(Options{})
	target := p.Target(&entity.Service{Protocol: "http", Host: "127.0.0.1", Port: 80})
	defer target.Close()
	r, canonical := browserRequest(b)
	route := &entity.Route{}
	b.ReportAllocs()
	for b.Loop() {
		e := &exchange{
			Exchange: &Exchange{Canonical: &canonical, Route: route, Path: canonical.Path, DropCookies: []string{"session"}},
			ctx:      b.Context(), t: target, r: r,
		}
		if err := e.prepare(); err != nil {
			b.Fatal(err)
		}
	}
}
