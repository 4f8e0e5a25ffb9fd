//go:build integration

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"sallyport/internal/echo"
	"sallyport/test/process"
)

// gateway is a gateway on free ports of loopback.
type gateway struct {
	*process.Process
	proxy, admin string // host:port
}

// newGateway chooses the ports; start runs the program.
func newGateway(t *testing.T) *gateway {
	t.Helper()
	return &gateway{proxy: "127.0.0.1:" + mustFreePort(t), admin: "127.0.0.1:" + mustFreePort(t)}
}

// start runs the built program, as talkative as it can be, until the test
// ends.
func (g *gateway) start(t *testing.T, env []string, args ...string) {
	t.Helper()
	var err error
	g.Process, err = process.Start(process.Program{
		Name: "sallyport", Env: append(env, "SALLYPORT_LOG_LEVEL=debug"), Path: program(t),
		Args: append([]string{"start", "--proxy-listen", g.proxy, "--admin-listen", g.admin}, args...),
	})
	if err != nil {
		t.Fatal(err)
	}
	watch(t.Name(), &g.Output)
	t.Cleanup(func() {
		g.Stop()
		if t.Failed() {
			t.Logf("output of the gateway:\n%s", &g.Output)
		}
	})
	if err := g.WaitFor(patience, func() bool { return answers("http://" + g.admin + "/status") }); err != nil {
		t.Fatal(err)
	}
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	text   string
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.text), &m); err != nil {
		t.Fatalf("not a JSON object: %v: %.300s", err, r.text)
	}
	return m
}

// member walks down a JSON object; nil where there is nothing.
func member(v any, path ...string) any {
	for _, name := range path {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

// adminJSON calls the Admin API with a JSON body and demands the status.
func (g *gateway) adminJSON(t *testing.T, status int, method, path string, body any) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return g.adminCall(t, status, method, path, "application/json", string(encoded))
}

// adminForm calls the Admin API as `http -f` does.
func (g *gateway) adminForm(t *testing.T, status int, method, path string, pairs ...string) map[string]any {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(pairs[i]) + "=" + url.QueryEscape(pairs[i+1]))
	}
	return g.adminCall(t, status, method, path, "application/x-www-form-urlencoded; charset=utf-8", b.String())
}

func (g *gateway) adminCall(t *testing.T, status int, method, path, contentType, body string) map[string]any {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	answer := send(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, r)
	if answer.status != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, answer.status, status, answer.text)
	}
	if answer.text == "" {
		return nil
	}
	return answer.json(t)
}

// get asks the proxy under a host name, without following redirects.
func (g *gateway) get(t *testing.T, target string, header http.Header) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	client := &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       g.dial,
		},
	}
	return send(t, client, r)
}

// dial takes hosts of .test for the gateway.
func (g *gateway) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if name, _, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(name, ".test") {
		address = g.proxy
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func send(t *testing.T, client *http.Client, r *http.Request) reply {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

// host is the name under which the browser and the route know the proxy.
const host = "service.test"

// url is an address on the proxy as the browser sees it.
func (g *gateway) url(pathAndQuery string) string {
	_, port, err := net.SplitHostPort(g.proxy)
	if err != nil {
		panic(err)
	}
	return "http://" + net.JoinHostPort(host, port) + pathAndQuery
}

// upstream is an echo upstream for one test.
type upstream struct {
	*echo.Handler
	host, port string
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{Handler: &echo.Handler{}}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	var err error
	if u.host, u.port, err = net.SplitHostPort(server.Listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return u
}
