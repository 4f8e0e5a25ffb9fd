package server

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// overHTTP2 runs a proxy for HTTP/2 and gives what sends a POST to it.
func overHTTP2(t *testing.T, handler func(w http.ResponseWriter, q *plugin.Request)) (post func(body io.Reader) reply) {
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
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+r.addr, body)
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
