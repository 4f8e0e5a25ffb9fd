package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// soon bounds what must not take a grace period.
const soon = 1500 * time.Millisecond

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	entered, proceed := make(chan struct{}), make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		close(entered)
		<-proceed
		answer(w, q, 200, "finished")
	})
	got := make(chan string, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.addr+"/", nil)
		if err != nil {
			got <- err.Error()
			return
		}
		resp, err := new(http.Client).Do(req)
		if err != nil {
			got <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		body, _ := io.ReadAll(resp.Body)
		got <- string(body)
	}()
	<-entered
	r.stop()
	waitFor(t, "the listener to close", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	close(proceed)
	if body := <-got; body != "finished" {
		t.Errorf("the request in flight got %q", body)
	}
	if took := r.wait(t); took > soon {
		t.Errorf("stopping took %v", took)
	}
}

// waitFor polls a condition that the test cannot be told of.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestStopClosesIdleAndSilentConnectionsAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, "") })
	silent, idle := dial(t, r.addr), dial(t, r.addr)
	if _, err := io.WriteString(idle, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(idle)
	if got := readReply(t, reader); got.status != 200 {
		t.Fatalf("status %d", got.status)
	}
	waitFor(t, "both connections", func() bool { s := r.Stats(); return s.Active == 2 && s.Writing == 0 })
	if took := r.wait(t); took > soon {
		t.Errorf("stopping took %v", took)
	}
	for name, c := range map[string]io.Reader{"silent": silent, "idle": reader} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("the %s connection is open", name)
		}
	}
}

func TestStopCutsWhatOutlivesTheGrace(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]func(w http.ResponseWriter, q *plugin.Request){
		"a tunnel": func(w http.ResponseWriter, q *plugin.Request) {
			q.Access.Status = http.StatusSwitchingProtocols
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer func() { _ = c.Close() }()
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		},
		"a handler that waits for the user agent": func(w http.ResponseWriter, q *plugin.Request) {
			answer(w, q, 200, strings.Repeat("x", 10_000))
			<-q.HTTP.Context().Done()
		},
		"a handler that knows it by its writes alone": func(w http.ResponseWriter, q *plugin.Request) {
			q.Access.Status = http.StatusOK
			for range 1000 { // longer than the test waits
				if _, err := io.WriteString(w, "x"); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, handler, func(o *ProxyOptions) { o.Grace = 300 * time.Millisecond })
			c := dial(t, r.addr)
			upgrade := ""
			if name == "a tunnel" {
				upgrade = "Connection: Upgrade\r\nUpgrade: x\r\n"
			}
			if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\n"+upgrade+"\r\n"); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(c)
			if _, err := reader.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if took := r.wait(t); took < 250*time.Millisecond || took > 300*time.Millisecond+soon {
				t.Errorf("stopping took %v", took)
			}
			if _, err := io.Copy(io.Discard, reader); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is open")
			}
			if n := len(r.log.records(t, "connections cut at the end of the grace period")); n != 1 {
				t.Errorf("%d log lines tell of it", n)
			}
			if n := len(r.log.records(t, "request")); n != 1 {
				t.Errorf("%d access records: the handler has not returned", n)
			}
		})
	}
}

func TestStopLetsATunnelEndByItself(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, _ *plugin.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(c, "tunnel\n")
		go func() { // owned by the connection: ends when the peer closes it
			defer func() { _ = c.Close() }()
			_, _ = io.Copy(io.Discard, c)
		}()
	}, func(o *ProxyOptions) { o.Grace = 8 * time.Second })
	c := dial(t, r.addr)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "tunnel\n" {
		t.Fatalf("%q %v", line, err)
	}
	r.stop()
	_ = c.Close()
	if took := r.wait(t); took > soon {
		t.Errorf("stopping took %v", took)
	}
}

func TestBusyAddressIsNamedAndNothingStaysBound(t *testing.T) {
	t.Parallel()
	busy := start(t, func(http.ResponseWriter, *plugin.Request) {})
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	first := free.Addr().String()
	_ = free.Close()
	s, err := NewHTTP(HTTPOptions{Common: Common{Name: "admin", Listen: []Listen{{Addr: first}, {Addr: busy.addr}}}, Handler: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Listen(t.Context())
	if err == nil || !strings.Contains(err.Error(), "admin listener "+busy.addr) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v", err)
	}
	if len(s.Addrs()) != 0 {
		t.Errorf("bound: %v", s.Addrs())
	}
	again, err := net.Listen("tcp4", first)
	if err != nil {
		t.Errorf("the first address is still bound: %v", err)
	} else {
		_ = again.Close()
	}
}

func TestGenericServerStopsTheSameWay(t *testing.T) {
	t.Parallel()
	entered, proceed := make(chan struct{}), make(chan struct{})
	s, err := NewHTTP(HTTPOptions{
		Common: Common{Name: "admin", Listen: []Listen{{Addr: "127.0.0.1:0"}}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-proceed
			_, _ = io.WriteString(w, "finished")
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, s, new(logBuffer))
	go func() {
		<-entered
		r.stop()
		close(proceed)
	}()
	if got := get(t, "http://"+r.addr+"/"); got.text != "finished" {
		t.Errorf("got %q", got.text)
	}
	if stats := s.Stats(); stats.Requests != 1 || stats.Accepted < 1 || stats.Handled != stats.Accepted {
		t.Errorf("stats %+v", stats)
	}
	if took := r.wait(t); took > soon {
		t.Errorf("stopping took %v", took)
	}
	if stats := s.Stats(); stats.Active != 0 || stats.Writing != 0 {
		t.Errorf("stats %+v", stats)
	}
}

func TestTLSListener(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		answer(w, q, 200, q.HTTP.Proto+" "+q.Canonical.Scheme+" "+q.Canonical.SNI)
	}, func(o *ProxyOptions) {
		o.Certificates = []tls.Certificate{cert}
		o.Listen = []Listen{{Addr: "127.0.0.1:0", TLS: true, HTTP2: true}, {Addr: "127.0.0.1:0", TLS: true}}
	})
	for i, want := range []string{"HTTP/2.0 https a.test", "HTTP/1.1 https a.test"} {
		transport := &http.Transport{
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{RootCAs: pool},
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, r.Addrs()[i].String())
			},
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		if string(body) != want {
			t.Errorf("listener %d: %q, want %q", i, body, want)
		}
	}
	old := &tls.Config{RootCAs: pool, ServerName: "a.test", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if c, err := tls.Dial("tcp", r.addr, old); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is accepted")
	}
}

func TestConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := New(ProxyOptions{Common: Common{Name: "proxy"}}); err == nil {
		t.Error("no address is accepted")
	}
	if _, err := New(ProxyOptions{Common: Common{Name: "proxy", Listen: []Listen{{Addr: "127.0.0.1:0", TLS: true}}}}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("TLS without a certificate: %v", err)
	}
	balanced := []Listen{{Addr: "127.0.0.1:0", ProxyProtocol: true}}
	if _, err := New(ProxyOptions{Common: Common{Name: "proxy", Listen: balanced}}); err == nil || !strings.Contains(err.Error(), "trusted_ips") {
		t.Errorf("PROXY protocol from nobody: %v", err)
	}
	if _, err := NewHTTP(HTTPOptions{Common: Common{Name: "admin", Listen: balanced}}); err == nil || !strings.Contains(err.Error(), "PROXY") {
		t.Errorf("PROXY protocol for an ordinary handler: %v", err)
	}
}

// What has begun is finished, also a request whose head is not complete, and
// one over HTTP/2.
func TestStopFinishesWhatHasBegun(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	entered, proceed := make(chan struct{}, 2), make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		entered <- struct{}{}
		<-proceed
		answer(w, q, 200, "finished")
	}, func(o *ProxyOptions) {
		o.Certificates, o.Listen = []tls.Certificate{cert}, append(o.Listen, Listen{Addr: "127.0.0.1:0", TLS: true, HTTP2: true})
	})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost:")
	second := make(chan reply, 1)
	go func() {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "a.test"}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+r.Addrs()[1].String(), nil)
		if err != nil {
			second <- reply{err: err}
			return
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			second <- reply{err: err}
			return
		}
		defer func() { _ = resp.Body.Close() }()
		second <- read(resp)
	}()
	<-entered
	waitFor(t, "the head to begin", func() bool {
		r.conns.mu.Lock()
		defer r.conns.mu.Unlock()
		for open := range r.conns.open {
			if p, _ := split(open.word.Load()); p == head {
				return true
			}
		}
		return false
	})
	r.stop()
	waitFor(t, "the listener to close", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	_, _ = io.WriteString(c, " a.test\r\n\r\n")
	<-entered
	close(proceed)
	if got := readReply(t, bufio.NewReader(c)); got.text != "finished" || !got.closed {
		t.Errorf("HTTP/1.1: %+v", got)
	}
	if got := <-second; got.text != "finished" || got.err != nil {
		t.Errorf("HTTP/2: %+v", got)
	}
	if took := r.wait(t); took > soon {
		t.Errorf("stopping took %v", took)
	}
}
