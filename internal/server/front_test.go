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
	"runtime"
	"strings"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// quick makes all that clients may take 150 ms.
func quick(o *ProxyOptions) {
	o.ReadHeaderTimeout, o.IdleTimeout, o.ClientTimeout = 150*time.Millisecond, 150*time.Millisecond, 150*time.Millisecond
}

func TestSlowClientsAreCut(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		if q.HTTP.URL.Path == "/large" {
			q.Access.Status = 200
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}
		_, _ = io.Copy(io.Discard, q.HTTP.Body)
		answer(w, q, 200, "")
	}, quick)
	for name, tc := range map[string]struct{ first, second string }{
		"silent":          {"", ""},
		"a slow head":     {"GET / HTTP/1.1\r\n", "X"},
		"a slow body":     {"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n", ""},
		"a slow chunk":    {"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n", "a"},
		"no next request": {"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", ""},
		"a slow reader":   {"GET /large HTTP/1.1\r\nHost: a.test\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, r.addr)
			_, _ = io.WriteString(c, tc.first)
			began := time.Now()
			time.Sleep(50 * time.Millisecond)
			_, _ = io.WriteString(c, tc.second)
			if name == "a slow reader" {
				time.Sleep(500 * time.Millisecond)
			}
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is open")
			}
			if took := time.Since(began); took > 2*time.Second || took < 100*time.Millisecond {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A handler that takes longer than a client may is not the client's fault.
func TestSlowHandlersAreNotCut(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		time.Sleep(500 * time.Millisecond)
		answer(w, q, 200, "slow")
	}, quick)
	if got := get(t, "http://"+r.addr+"/"); got.text != "slow" {
		t.Errorf("%+v", got)
	}
}

func TestClientGoneEndsTheContext(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	entered, ended := make(chan struct{}), make(chan error, 1)
	r := start(t, func(_ http.ResponseWriter, q *plugin.Request) {
		_, _ = io.Copy(io.Discard, q.HTTP.Body)
		derived, cancel := context.WithCancel(q.HTTP.Context())
		defer cancel()
		entered <- struct{}{}
		select {
		case <-derived.Done():
			ended <- derived.Err()
		case <-time.After(3 * time.Second):
			ended <- nil
		}
	}, func(o *ProxyOptions) {
		o.Certificates = []tls.Certificate{cert}
		o.Listen = append(o.Listen, Listen{Addr: "127.0.0.1:0", TLS: true})
	})
	plain := func() net.Conn { return dial(t, r.addr) }
	for name, tc := range map[string]struct {
		dial func() net.Conn
		end  func(net.Conn)
	}{
		"closed": {plain, func(c net.Conn) { _ = c.Close() }},
		"half closed": {plain, func(c net.Conn) {
			_ = c.(*net.TCPConn).CloseWrite()
		}},
		"reset": {plain, func(c net.Conn) {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}},
		"closed under TLS": {func() net.Conn {
			c, err := tls.Dial("tcp", r.Addrs()[1].String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}, func(c net.Conn) { _ = c.Close() }},
	} {
		c := tc.dial()
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx")
		<-entered
		tc.end(c)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the context ends with %v", name, err)
		}
	}
}

func TestContextOfARequest(t *testing.T) {
	t.Parallel()
	kept := make(chan context.Context, 2)
	ran := make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		ctx := q.HTTP.Context()
		context.AfterFunc(ctx, func() { close(ran) })
		if stop := context.AfterFunc(ctx, func() { t.Error("stopped, and runs") }); !stop() {
			t.Error("cannot be stopped")
		}
		if ctx.Err() != nil || ctx.Value(http.LocalAddrContextKey).(net.Addr).String() == "" {
			t.Error("the context is over, or knows no address")
		}
		kept <- ctx
		answer(w, q, 200, "")
	})
	get(t, "http://"+r.addr+"/")
	ctx := <-kept
	<-ran
	<-ctx.Done()
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("Err is %v", ctx.Err())
	}
	late := make(chan struct{})
	context.AfterFunc(ctx, func() { close(late) })
	<-late
}

// The address at which a request without a Host arrived is the connection's,
// not the listener's.
func TestARequestWithoutHostIsForTheLocalAddress(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, q.Canonical.Host) },
		func(o *ProxyOptions) { o.Listen = []Listen{{Addr: "0.0.0.0:0"}} })
	_, port, _ := net.SplitHostPort(r.addr)
	if got, _ := talk(t, net.JoinHostPort("127.0.0.1", port), "GET / HTTP/1.0\r\n\r\n"); got.text != "127.0.0.1" {
		t.Errorf("%+v", got)
	}
}

func TestHijackHandsOverWhatWasRead(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		q.Access.Status = 101
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		c, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		ahead, _ := buffered.Peek(buffered.Reader.Buffered())
		_, _ = io.WriteString(c, "ahead:"+string(ahead)+";")
		_, _ = io.Copy(c, c)
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("a later Write gives %v", err)
		}
	})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
	reader := bufio.NewReader(c)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		head += line
	}
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") || strings.Contains(head, "Content-Length") || strings.Contains(head, "close") {
		t.Errorf("head %q", head)
	}
	if s, err := reader.ReadString(';'); err != nil || s != "ahead:early;" {
		t.Errorf("%q, %v", s, err)
	}
	_, _ = io.WriteString(c, "later")
	_ = c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(reader); err != nil || string(rest) != "later" {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestDeadlinesEndWithTheirRequest(t *testing.T) {
	t.Parallel()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		if q.HTTP.URL.Path == "/deadline" {
			c := http.NewResponseController(w)
			_ = c.EnableFullDuplex()
			if c.SetReadDeadline(time.Now().Add(30*time.Millisecond)) != nil || c.SetWriteDeadline(time.Now().Add(time.Minute)) != nil {
				t.Error("no deadline can be set")
			}
			if q.HTTP.Method == http.MethodPost {
				if _, err := q.HTTP.Body.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Read gives %v", err)
				}
			}
		}
		answer(w, q, 200, q.HTTP.URL.Path)
	})
	c := dial(t, r.addr)
	reader := bufio.NewReader(c)
	_, _ = io.WriteString(c, "POST /deadline HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\n")
	if got := readReply(t, reader); got.text != "/deadline" {
		t.Errorf("%+v", got)
	}
	_, _ = io.WriteString(c, "xGET /deadline HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if got := readReply(t, reader); got.text != "/deadline" {
		t.Errorf("%+v", got)
	}
	time.Sleep(50 * time.Millisecond)
	_, _ = io.WriteString(c, "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if got := readReply(t, reader); got.text != "/next" {
		t.Errorf("%+v", got)
	}
}

func TestPlainHTTPOnATLSPort(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, func(http.ResponseWriter, *plugin.Request) { t.Error("served") }, func(o *ProxyOptions) {
		o.Certificates, o.Listen = []tls.Certificate{cert}, []Listen{{Addr: "127.0.0.1:0", TLS: true}}
	})
	got, rest := talk(t, r.addr, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	if got.status != 400 || got.err != nil || !strings.Contains(got.text, "HTTPS port") || rest != "" {
		t.Errorf("%+v, then %q", got, rest)
	}
}

// Bodies go both ways at once and in order, over plain TCP and TLS.
func TestStreamsGoBothWays(t *testing.T) {
	t.Parallel()
	certFile, keyFile, pool := certificate(t, "a.test")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		q.Access.Status = 200
		p := make([]byte, 1000)
		for {
			n, err := q.HTTP.Body.Read(p)
			_, _ = w.Write(p[:n])
			_ = http.NewResponseController(w).Flush()
			if err != nil {
				return
			}
		}
	}, func(o *ProxyOptions) {
		o.Certificates = []tls.Certificate{cert}
		o.Listen = append(o.Listen, Listen{Addr: "127.0.0.1:0", TLS: true})
	})
	for i, url := range []string{"http://" + r.addr, "https://" + r.Addrs()[1].String()} {
		body, in := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "a.test"}}
		go func() { _, _ = io.WriteString(in, "first") }()
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 5)
		for _, piece := range []string{"first", "again", "third"} {
			if _, err := io.ReadFull(resp.Body, p); err != nil || string(p) != piece {
				t.Errorf("%d: %q, %v", i, p, err)
			}
			go func() { _, _ = io.WriteString(in, map[string]string{"first": "again", "again": "third"}[piece]) }()
		}
		_ = in.Close()
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
			t.Errorf("%d: %q, %v", i, rest, err)
		}
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
	}
}

func TestStopTellsClientsToClose(t *testing.T) {
	t.Parallel()
	entered, proceed := make(chan struct{}), make(chan struct{})
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		close(entered)
		<-proceed
		answer(w, q, 200, "finished")
	})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
	<-entered
	r.stop()
	waitFor(t, "the listener to close", func() bool {
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	close(proceed)
	if got := readReply(t, bufio.NewReader(c)); got.text != "finished" || !got.closed {
		t.Errorf("%+v", got)
	}
}

// Many connections of every kind leave no goroutine behind. It runs alone,
// since it counts those of the process.
func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
		_, _ = io.Copy(io.Discard, q.HTTP.Body)
		answer(w, q, 200, "x")
	}, func(o *ProxyOptions) { o.Access = nil })
	for i := range 300 {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, []string{"", "GET", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", "\n"}[i%5])
		_ = c.Close()
	}
	waitFor(t, "the connections to end", func() bool { return r.Stats().Active == 0 })
	r.wait(t)
	waitFor(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// Connections that wait hold no buffer, and those whose head is slow do not
// stop others. It runs alone, since it measures the process.
func TestManyConnections(t *testing.T) {
	const many = 1000
	r := start(t, func(w http.ResponseWriter, q *plugin.Request) { answer(w, q, 200, "x") }, func(o *ProxyOptions) { o.Access = nil })
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := memory()
	for range many {
		c := dial(t, r.addr)
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
		p := make([]byte, 1)
		for end := ""; end != "\r\n\r\nx"; {
			if _, err := c.Read(p); err != nil {
				t.Fatal(err)
			}
			end = (end + string(p))[max(0, len(end)-4):]
		}
	}
	if each := (memory() - before) / many; each > 12<<10 {
		t.Errorf("an idle connection costs %d bytes", each)
	} else {
		t.Logf("an idle connection costs %d bytes, the client's side included", each)
	}
	for range many {
		_, _ = io.WriteString(dial(t, r.addr), "GET / HTTP/1.1\r\nHost: a.test\r\nX-Slow: ")
	}
	if got := get(t, "http://"+r.addr+"/"); got.text != "x" {
		t.Errorf("%+v", got)
	}
}
