//go:build integration

package dataplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sallyport/test/process"
)

// sighting is a request that an upstream saw, or something that it could not
// read as one.
type sighting struct {
	ID         string `json:"id"`
	Method     string `json:"method"`
	Target     string `json:"target"`
	Unreadable string `json:"unreadable"`
}

// recorder is an upstream that records what it sees, and says in X-Seen which
// request it answers. It answers a target with "ignore" in it before it has the
// body.
type recorder struct {
	addr string
	seen func(t *testing.T) []sighting
}

// goRecorder is net/http.
func goRecorder(t *testing.T) recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all []sighting
	add := func(s sighting) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, s)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		add(sighting{ID: r.Header.Get("X-Kong-Request-Id"), Method: r.Method, Target: r.RequestURI})
		if !strings.Contains(r.RequestURI, "ignore") {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI)
		_, _ = io.WriteString(w, "ok")
	})}
	go func() { _ = server.Serve(watchedListener{l, add}) }() // ends with the server
	t.Cleanup(func() { _ = server.Close() })
	return recorder{l.Addr().String(), func(*testing.T) []sighting {
		mu.Lock()
		defer mu.Unlock()
		return append([]sighting(nil), all...)
	}}
}

// watchedListener tells when net/http refuses a request by itself.
type watchedListener struct {
	net.Listener
	add func(sighting)
}

func (l watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return watchedConn{c, l.add}, nil
}

type watchedConn struct {
	net.Conn
	add func(sighting)
}

func (c watchedConn) Write(p []byte) (int, error) {
	if line, _, _ := bytes.Cut(p, []byte("\r\n")); bytes.HasPrefix(line, []byte("HTTP/1.1 4")) || bytes.HasPrefix(line, []byte("HTTP/1.1 5")) {
		c.add(sighting{Unreadable: string(line)})
	}
	return c.Conn.Write(p)
}

// nodeRecorder is Node.
func nodeRecorder(t *testing.T) recorder {
	t.Helper()
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	p := startProcess(t, process.Program{Path: "node", Args: []string{filepath.Join("testdata", "recorder.js"), port}}, addr)
	return recorder{addr, func(t *testing.T) []sighting { return lines[sighting](t, p.Output.String()) }}
}

// lines are the complete lines of a log in JSON.
func lines[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for line := range strings.Lines(text) {
		var one T
		if !strings.HasSuffix(line, "\n") {
			continue // half of it is still to come
		}
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

// startNginx runs nginx with a server at addr; log gives the text of its log,
// whose format is called "json".
func startNginx(t *testing.T, addr, more, server string) (log func(t *testing.T) string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "access.log")
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
	log_format json escape=json %[2]s;
	access_log %[1]s/access.log json;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	client_max_body_size 0;
	keepalive_requests 100000;
	keepalive_timeout 1h;
	# As lenient as it can be.
	underscores_in_headers on;
	ignore_invalid_headers off;
	merge_slashes off;
	%[3]s
	server {
		listen %[4]s;
		%[5]s
	}
}
`, dir, `'{"id":"$http_x_kong_request_id","front":"$request_id","method":"$request_method","target":"$request_uri","status":"$status","line":"$request"}'`, more, addr, server)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startProcess(t, process.Program{Path: "nginx", Args: []string{"-c", config, "-p", dir}}, addr)
	return func(t *testing.T) string {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// nginxLine is a line of nginx's log.
type nginxLine struct {
	sighting
	Front  string `json:"front"`
	Status string `json:"status"`
	Line   string `json:"line"`
}

// nginxRecorder is nginx.
func nginxRecorder(t *testing.T) recorder {
	t.Helper()
	addr := freeAddr(t)
	log := startNginx(t, addr, "", `location / {
		add_header X-Seen "$request_method $request_uri" always;
		return 200 "ok";
	}`)
	return recorder{addr, func(t *testing.T) []sighting {
		var all []sighting
		for _, line := range lines[nginxLine](t, log(t)) {
			s := line.sighting
			if line.Status == "400" || line.Status[0] == '5' {
				s.Unreadable = line.Line
			}
			all = append(all, s)
		}
		return all
	}}
}

// nginxFront puts nginx before a gateway. It tells the gateway in User-Agent
// which of its requests it sends on; routed are those.
func nginxFront(t *testing.T, gateway string) (addr string, routed func(t *testing.T) map[string]nginxLine) {
	t.Helper()
	addr = freeAddr(t)
	log := startNginx(t, addr, `upstream gateway { server `+gateway+`; keepalive 16; }`, `location / {
		proxy_pass http://gateway;
		proxy_http_version 1.1;
		proxy_request_buffering off;
		proxy_set_header Connection "";
		proxy_set_header Host $http_host;
		proxy_set_header User-Agent $request_id;
	}`)
	return addr, func(t *testing.T) map[string]nginxLine {
		all := map[string]nginxLine{}
		for _, line := range lines[nginxLine](t, log(t)) {
			all[line.Front] = line
		}
		return all
	}
}
