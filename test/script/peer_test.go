package script

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sallyport/internal/echo"
)

func dialTo(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp4", addr)
	}
}

// seen is what the upstream is told about who asks.
type seen struct{ forwardedFor, realIP, proto, host string }

// asked sends head, a request with these header lines, and reads what the
// upstream was told. It is the zero value where there is no answer.
func asked(t *testing.T, addr, head, lines string) seen {
	t.Helper()
	c, err := net.DialTimeout("tcp4", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(4 * patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, head+"GET / HTTP/1.1\r\nHost: a.test\r\n"+lines+"\r\n"); err != nil {
		return seen{}
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return seen{}
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct{ Headers map[string]string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	h := answer.Headers
	return seen{h["X-Forwarded-For"], h["X-Real-Ip"], h["X-Forwarded-Proto"], h["X-Forwarded-Host"]}
}

// Who asks is the peer, unless a trusted peer says otherwise; a header counts
// only as far as it was written by somebody who is trusted.
func TestWhoAsks(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(new(echo.Handler))
	t.Cleanup(upstream.Close)
	const (
		peer    = "127.0.0.1"
		lies    = "X-Real-IP: 198.51.100.9\r\nX-Forwarded-For: 198.51.100.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n"
		forward = "X-Forwarded-For: 198.51.100.9, 203.0.113.5, 127.0.0.2\r\n"
		balance = "PROXY TCP4 203.0.113.5 127.0.0.1 1234 80\r\n"
	)
	gateways := map[string]*gateway{}
	for name, tc := range map[string]struct {
		env    []string
		listen string
		args   []string
	}{
		"nobody is trusted":  {nil, "127.0.0.1:0", nil},
		"others are trusted": {nil, "127.0.0.1:0", []string{"--trusted-ips", "10.0.0.0/8"}},
		"the peer is":        {nil, "127.0.0.1:0", []string{"--trusted-ips", "127.0.0.0/8"}},
		"with another header": {
			[]string{"SALLYPORT_TRUSTED_IPS=127.0.0.0/8", "SALLYPORT_REAL_IP_HEADER=X-Forwarded-For"}, "127.0.0.1:0", nil,
		},
		"recursively": {
			[]string{"SALLYPORT_REAL_IP_RECURSIVE=true"},
			"127.0.0.1:0",
			[]string{"--trusted-ips", "127.0.0.0/8", "--real-ip-header", "X-Forwarded-For"},
		},
		"PROXY protocol": {
			nil, "127.0.0.1:0 proxy_protocol",
			[]string{"--trusted-ips", "127.0.0.0/8", "--real-ip-header", "proxy_protocol"},
		},
		"PROXY protocol from others": {nil, "127.0.0.1:0 proxy_protocol", []string{"--trusted-ips", "10.0.0.0/8"}},
	} {
		g := startGateway(t, tc.env, 1, append(tc.args, "--proxy-listen", tc.listen)...)
		g.ask(t, "PUT", "/services/s", map[string]any{"url": upstream.URL})
		g.ask(t, "PUT", "/services/s/routes/r", map[string]any{"paths": []string{"/"}})
		gateways[name] = g
	}
	for _, tc := range []struct {
		gateway, head, lines string
		want                 seen
	}{
		{"nobody is trusted", "", "", seen{peer, peer, "http", "a.test"}},
		{"nobody is trusted", "", lies, seen{"198.51.100.9, " + peer, peer, "http", "a.test"}},
		{"others are trusted", "", lies, seen{"198.51.100.9, " + peer, peer, "http", "a.test"}},
		{"the peer is", "", lies, seen{"198.51.100.9, " + peer, "198.51.100.9", "https", "evil.test"}},
		{"the peer is", "", "X-Real-IP: nonsense\r\n", seen{peer, peer, "http", "a.test"}},
		{"with another header", "", "X-Real-IP: 198.51.100.9\r\n" + forward, seen{"198.51.100.9, 203.0.113.5, 127.0.0.2, " + peer, "127.0.0.2", "http", "a.test"}},
		{"recursively", "", forward, seen{"198.51.100.9, 203.0.113.5, 127.0.0.2, " + peer, "203.0.113.5", "http", "a.test"}},
		{"PROXY protocol", balance, "", seen{"203.0.113.5", "203.0.113.5", "http", "a.test"}},
		{"PROXY protocol", balance, lies, seen{"198.51.100.9, 203.0.113.5", "203.0.113.5", "http", "a.test"}},
		{"PROXY protocol", "", "", seen{}},
		{"PROXY protocol from others", balance, "", seen{}},
	} {
		if got := asked(t, gateways[tc.gateway].proxies[0], tc.head, tc.lines); got != tc.want {
			t.Errorf("%s: %q%q: got %+v, want %+v", tc.gateway, tc.head, tc.lines, got, tc.want)
		}
	}
	gateways["PROXY protocol from others"].logs(t, "connection refused: PROXY protocol")
}
