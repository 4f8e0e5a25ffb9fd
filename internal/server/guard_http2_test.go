package server

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"sallyport/internal/plugin"
)

// overHTTP2 runs a proxy for HTTP/2 and gives what sends a POST to it. arrived
// are called when an answer begins to come.
func overHTTP2(t *testing.T, handler func(w http.ResponseWriter, q *plugin.Request), arrived ...func()) (post func(body io.Reader) reply) {
	t.Helper()
	certFile, keyFile, pool := certificate(t, "127.0.0.1")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, handler, withImpatience, func(o *ProxyOptions) {
		o.Certificates = []tls.Certificate{cert}
		o.Listen = []Listen{{Addr: "127.0.0.1:0", TLS: true, HTTP2: true}}
	})
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}}
	t.Cleanup(transport.CloseIdleConnections)
	return func(body io.Reader) reply {
		ctx := t.Context()
		for _, f := range arrived {
			ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: f})
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+r.addr, body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.ProtoMajor != 2 {
			t.Errorf("HTTP/%d", resp.ProtoMajor)
		}
		return read(resp)
	}
}

// Writes without a deadline stand on this.
func TestSmallAnswersOverHTTP2WaitUntilTheyAreComplete(t *testing.T) {
	t.Parallel()
	for size, waits := range map[int]bool{heldBack: true, heldBack + 1: false} {
		arrived := make(chan struct{})
		early := make(chan bool, 1)
		post := overHTTP2(t, func(w http.ResponseWriter, q *plugin.Request) {
			q.Access.Status = http.StatusOK
			_, _ = w.Write(make([]byte, size))
			select {
			case <-arrived:
				early <- true
			case <-time.After(impatient):
				early <- false
			}
		}, func() { close(arrived) })
		if got := post(http.NoBody); got.err != nil || len(got.text) != size {
			t.Errorf("%d octets: %d, %v", size, len(got.text), got.err)
		}
		if got := <-early; got == waits {
			t.Errorf("%d octets: sent before the handler was done: %v", size, got)
		}
	}
}

func TestAnAnswerOverHTTP2ThatNobodyTakesIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		size, window int
		whole        bool
	}{
		"held back":        {100, 0, false},
		"a large one":      {10 << 10, 0, false},
		"positive control": {10 << 10, 10 << 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certFile, keyFile, pool := certificate(t, "127.0.0.1")
			cert, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err != nil {
				t.Fatal(err)
			}
			r := start(t, func(w http.ResponseWriter, q *plugin.Request) {
				q.Access.Status = http.StatusOK
				_, _ = w.Write(make([]byte, tc.size))
			}, withImpatience, func(o *ProxyOptions) {
				o.Certificates = []tls.Certificate{cert}
				o.Listen = []Listen{{Addr: "127.0.0.1:0", TLS: true, HTTP2: true}}
			})
			c, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", NextProtos: []string{"h2"}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = io.WriteString(c, http2.ClientPreface)
			framer := http2.NewFramer(c, c)
			_ = framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(tc.window)})
			var block bytes.Buffer
			fields := hpack.NewEncoder(&block)
			for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "127.0.0.1"}, {":path", "/"}} {
				_ = fields.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
			}
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
			for {
				frame, err := framer.ReadFrame()
				if err != nil {
					t.Fatal(err)
				}
				switch frame := frame.(type) {
				case *http2.RSTStreamFrame:
					if tc.whole {
						t.Errorf("reset: %v", frame.ErrCode)
					}
					return
				case *http2.DataFrame:
					if frame.StreamEnded() {
						if !tc.whole {
							t.Error("it came although nobody took it")
						}
						return
					}
				}
			}
		})
	}
}

func TestAStalledUploadOverHTTP2IsRefused(t *testing.T) {
	t.Parallel()
	post := overHTTP2(t, takeBody)
	for _, stalls := range []bool{true, false} {
		body, send := io.Pipe()
		go func() { // ends with the request, which closes body
			for range 8 { // longer than the timeout all in all
				if !stalls {
					time.Sleep(impatient / 6)
				}
				_, _ = io.WriteString(send, "x")
			}
			if !stalls {
				_ = send.Close()
			}
		}()
		got := post(body)
		_ = body.Close()
		if want := map[bool]string{true: "stalled", false: "xxxxxxxx"}[stalls]; got.text != want {
			t.Errorf("stalls %v: %+v", stalls, got)
		}
	}
}

// There a deadline that is left standing ends the stream by itself.
func TestTheTimeoutCountsWhileAUserAgentOverHTTP2IsWaitedFor(t *testing.T) {
	t.Parallel()
	post := overHTTP2(t, func(w http.ResponseWriter, q *plugin.Request) {
		q.Access.Status = http.StatusOK
		piece := make([]byte, 2)
		for range 2 {
			if _, err := io.ReadFull(q.HTTP.Body, piece); err != nil {
				t.Error(err)
			}
			_, _ = w.Write(piece)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(2 * impatient)
		}
	})
	body, send := io.Pipe()
	go func() { // ends with the request
		_, _ = io.WriteString(send, "bo")
		time.Sleep(impatient * 3 / 2) // while nobody reads
		_, _ = io.WriteString(send, "dy")
		_ = send.Close()
	}()
	if got := post(body); got.err != nil || got.text != "body" {
		t.Errorf("got %+v", got)
	}
}
