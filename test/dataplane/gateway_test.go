//go:build integration

package dataplane

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/test/process"
)

// gateway is a running gateway. proxy, secured and admin are the addresses of
// its listeners: HTTP, HTTPS with HTTP/2, and the Admin API.
type gateway struct {
	*process.Process
	stdout                process.Output // the access records
	proxy, secured, admin string
	roots                 *x509.CertPool
	atStart               counts

	mu         sync.Mutex
	transports []*http.Transport // of clients
}

// uncollected has a gateway keep what it forgets to close: the collector would
// close it, and hide the leak.
var uncollected = []string{"GOGC=off"}

// service is one of a gateway's configuration, with a route of its own.
type service struct {
	path string // of the route, which is not taken off
	url  string
	more string // YAML of the service, each line with two blanks before it
	kind string // protocols of the route; empty means http and https
}

func yaml(services ...service) string {
	b := strings.Builder{}
	b.WriteString("_format_version: \"3.0\"\nservices:\n")
	for i, s := range services {
		protocols := s.kind
		if protocols == "" {
			protocols = "http, https"
		}
		_, _ = fmt.Fprintf(&b, "- name: s%d\n  url: %s\n  routes: [{name: r%d, paths: [%q], protocols: [%s], strip_path: false, preserve_host: true}]\n%s", i, s.url, i, s.path, protocols, s.more)
	}
	return b.String()
}

// startGateway runs a build of the gateway until the test ends, and sees that it
// has lost nothing by then.
func startGateway(t *testing.T, program string, env []string, config string) *gateway {
	t.Helper()
	return startGatewayAt(t, freeAddr(t), program, env, config)
}

// startGatewayAt is startGateway with its plain address.
func startGatewayAt(t *testing.T, proxy, program string, env []string, config string) *gateway {
	t.Helper()
	dir := t.TempDir()
	g := &gateway{proxy: proxy, secured: freeAddr(t), admin: freeAddr(t)}
	certFile, keyFile := g.certificate(t, dir)
	file := filepath.Join(dir, "kong.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	g.Process = startProcess(t, process.Program{Path: program, Env: env, Stdout: &g.stdout, Args: []string{
		"start", "--config", file, "--log-format", "json",
		"--proxy-listen", g.proxy, "--proxy-listen", g.secured + " ssl http2", "--admin-listen", g.admin,
		"--tls-cert", certFile, "--tls-key", keyFile, "--shutdown-grace", "3s",
	}}, g.proxy, g.admin)
	g.atStart = g.holds(t)
	t.Cleanup(func() {
		if !t.Failed() {
			g.settles(t)
		}
		g.Stop()
		if text := g.Output.String() + g.stdout.String(); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic") {
			t.Errorf("the gateway says:\n%.8000s", text)
		}
	})
	return g
}

// certificate writes a certificate for 127.0.0.1.
func (g *gateway) certificate(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	pair, pool := newCertificate(t)
	g.roots = pool
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// dial opens a connection to one of the gateway's plain or, for secured, TLS
// addresses.
func (g *gateway) dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if addr == g.secured {
		c = tls.Client(c, &tls.Config{RootCAs: g.roots, ServerName: "127.0.0.1", NextProtos: []string{"http/1.1"}})
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience)) // a closed one says so later
	return c
}

// client speaks HTTP/1.1 with the gateway or, with http2, HTTP/2.
func (g *gateway) client(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: g.roots}, DisableCompression: true, Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(!http2)
	tr.Protocols.SetHTTP2(http2)
	t.Cleanup(tr.CloseIdleConnections)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.transports = append(g.transports, tr)
	return &http.Client{Transport: tr}
}

// record is an access record.
type record struct {
	ID       string `json:"request_id"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	Status   int    `json:"status"`
	Agent    string `json:"user_agent"`
	Cut      bool   `json:"cut"`
	Message  string `json:"msg"`
	Upstream string `json:"upstream"`
}

// records are the access records so far.
func (g *gateway) records(t *testing.T) map[string]record {
	t.Helper()
	found := map[string]record{}
	for line := range bytes.Lines([]byte(g.stdout.String())) {
		var r record
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue // half of it is still to come
		}
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("not a record: %q: %v", line, err)
		}
		if r.Message == "request" {
			found[r.ID] = r
		}
	}
	return found
}

// count reads a number from the gateway's metrics.
func (g *gateway) count(t *testing.T, series string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+g.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + series + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("no series %s in %.2000s", series, text)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// memory reads a line of the gateway's status, in bytes: VmRSS, or VmHWM for
// the most since resetPeak.
func (g *gateway) memory(t *testing.T, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.PID()))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("no %s in %s", name, text)
	}
	n, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

func (g *gateway) resetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", g.PID()), []byte("5"), 0o600); err != nil {
		t.Fatal(err)
	}
}
