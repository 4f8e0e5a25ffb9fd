package script

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/internal/certificate/certtest"
	"sallyport/internal/echo"
)

// presented is the name of the certificate that the gateway shows for a server
// name.
func presented(t *testing.T, addr, serverName string) string {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// over is a client that reaches the gateway at addr under any name, and trusts
// root alone.
func over(addr string, root *certtest.Pair, h2 bool) *http.Client {
	return &http.Client{
		Timeout: 2 * time.Minute,
		Transport: &http.Transport{
			ForceAttemptHTTP2: h2, DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: root.Pool()},
			DialContext:     dialTo(addr),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// admin asks the Admin API and demands a success.
func (g *gateway) ask(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fetch(method, g.admin+path, "", "application/json", bytes.NewReader(data))
	if err != nil || got.status >= 300 {
		t.Fatalf("%s %s: %d %v: %s", method, path, got.status, err, got.text)
	}
	var answer map[string]any
	_ = json.Unmarshal([]byte(got.text), &answer)
	return answer
}

// pairFiles writes a pair and gives the arguments that name it.
func pairFiles(t *testing.T, dir, name string, p *certtest.Pair) []string {
	t.Helper()
	return []string{
		"--tls-cert", writeFile(t, filepath.Join(dir, name+".crt"), p.Cert),
		"--tls-key", writeFile(t, filepath.Join(dir, name+".key"), p.Key),
	}
}

func TestServerNamesChooseTheCertificate(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	issue := func(name string) *certtest.Pair { return root.Issue(t, certtest.Spec{Names: []string{name}}) }
	dir := t.TempDir()
	args := append(pairFiles(t, dir, "one", issue("one.files.test")), pairFiles(t, dir, "two", issue("two.files.test"))...)
	g := startGateway(t, nil, 1, append(args, "--proxy-listen", "127.0.0.1:0 ssl http2")...)
	addr := g.proxies[0]
	exact, wild := issue("a.shop.test"), issue("*.shop.test")
	id := g.ask(t, "POST", "/certificates", map[string]any{"cert": exact.Cert, "key": exact.Key, "snis": []string{"a.shop.test"}})["id"].(string)
	g.ask(t, "POST", "/certificates", map[string]any{"cert": wild.Cert, "key": wild.Key, "snis": []string{"*.shop.test", "shop.*"}})
	for name, want := range map[string]string{
		"a.shop.test": "a.shop.test", "b.shop.test": "*.shop.test", "shop.example": "*.shop.test", "a.b.shop.test": "one.files.test",
		"two.files.test": "two.files.test", "other.test": "one.files.test", "": "one.files.test",
	} {
		if got := presented(t, addr, name); got != want {
			t.Errorf("%q shows the certificate of %s, want that of %s", name, got, want)
		}
	}

	// A change is in force before its answer is sent.
	renewed := root.Issue(t, certtest.Spec{Names: []string{"renewed"}, RSA: true})
	g.ask(t, "PATCH", "/certificates/"+id, map[string]any{"cert": renewed.Cert, "key": renewed.Key})
	if got := presented(t, addr, "a.shop.test"); got != "renewed" {
		t.Errorf("after the change: %s", got)
	}
	g.ask(t, "DELETE", "/certificates/"+id, nil)
	if got := presented(t, addr, "a.shop.test"); got != "*.shop.test" {
		t.Errorf("after the deletion: %s", got)
	}
	for _, line := range strings.Split(renewed.Key, "\n")[1:3] {
		if strings.Contains(g.text(), line) {
			t.Error("the log holds a key")
		}
	}
}

// Files change while a request waits for its next one and a download is under
// way: both go on, and who comes later sees the new certificate.
func TestFilesAreSwappedUnderTraffic(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	first, second := root.Issue(t, certtest.Spec{Names: []string{"a.test"}}), root.Issue(t, certtest.Spec{Names: []string{"a.test", "b.test"}})
	goOn := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/long" {
			return
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), 64<<10))
		_ = http.NewResponseController(w).Flush()
		<-goOn
		_, _ = w.Write(bytes.Repeat([]byte("y"), 64<<10))
	}))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	g := startGateway(t, nil, 1, append(pairFiles(t, dir, "tls", first), "--proxy-listen", "127.0.0.1:0 ssl http2")...)
	g.ask(t, "PUT", "/services/s", map[string]any{"url": upstream.URL})
	g.ask(t, "PUT", "/services/s/routes/r", map[string]any{"paths": []string{"/"}})
	addr := g.proxies[0]

	kept, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: root.Pool(), ServerName: "a.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	keptReader := bufio.NewReader(kept)
	again := func() {
		t.Helper()
		if _, err := io.WriteString(kept, "GET /kept HTTP/1.1\r\nHost: a.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(keptReader, nil)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("the kept connection: %v", err)
		}
		_ = res.Body.Close()
	}
	again()
	var downloads []func()
	for _, h2 := range []bool{false, true} {
		res, err := over(addr, root, h2).Get("https://a.test/long")
		if err != nil {
			t.Fatal(err)
		}
		if (res.ProtoMajor == 2) != h2 {
			t.Errorf("HTTP/%d", res.ProtoMajor)
		}
		defer func() { _ = res.Body.Close() }()
		if _, err := io.CopyN(io.Discard, res.Body, 64<<10); err != nil {
			t.Fatal(err)
		}
		downloads = append(downloads, func() {
			if n, err := io.Copy(io.Discard, res.Body); n != 64<<10 || err != nil {
				t.Errorf("HTTP/%d: the rest of the download: %d bytes, %v", res.ProtoMajor, n, err)
			}
		})
	}

	pairFiles(t, dir, "tls", second)
	g.logs(t, "certificate reloaded")
	if res, err := over(addr, root, true).Get("https://b.test/kept"); err != nil {
		t.Errorf("the new certificate: %v", err)
	} else {
		_ = res.Body.Close()
	}
	writeFile(t, filepath.Join(dir, "tls.key"), first.Key)
	g.logs(t, "certificate not reloaded: the one in use stays")
	g.logs(t, "certificate does not match key")
	if res, err := over(addr, root, false).Get("https://b.test/kept"); err != nil {
		t.Errorf("after a bad file: %v", err)
	} else {
		_ = res.Body.Close()
	}
	again()
	close(goOn)
	for _, finish := range downloads {
		finish()
	}
}

// The gateway shows the whole chain; a client that knows the root alone takes it,
// and refuses one that has expired.
func TestChainsAreShownWhole(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	good := root.Issue(t, certtest.Spec{Names: []string{"middle"}, Authority: true}).Issue(t, certtest.Spec{Names: []string{"a.test"}})
	old := root.Issue(t, certtest.Spec{Names: []string{"old middle"}, Authority: true, NotAfter: time.Now().Add(-time.Hour)}).
		Issue(t, certtest.Spec{Names: []string{"b.test"}})
	dir := t.TempDir()
	args := append(pairFiles(t, dir, "good", good), pairFiles(t, dir, "old", old)...)
	g := startGateway(t, nil, 1, append(args, "--proxy-listen", "127.0.0.1:0 ssl")...)
	if res, err := over(g.proxies[0], root, false).Get("https://a.test/"); err != nil {
		t.Error(err)
	} else {
		_ = res.Body.Close()
	}
	res, err := over(g.proxies[0], root, false).Get("https://b.test/")
	if err == nil {
		_ = res.Body.Close()
		t.Fatal("a chain that has expired is accepted")
	}
	if !strings.Contains(err.Error(), "expired") {
		t.Errorf("got %v", err)
	}
	data, err := json.Marshal(map[string]any{"cert": old.Cert, "key": old.Key})
	if err != nil {
		t.Fatal(err)
	}
	got, err := fetch("POST", g.admin+"/certificates", "", "application/json", bytes.NewReader(data))
	if err != nil || got.status != 400 || !strings.Contains(got.text, "cert: invalid certificate: certificate 2 of the chain expired on ") {
		t.Errorf("the Admin API takes it: %d %s %v", got.status, got.text, err)
	}
}

func TestASelfSignedCertificateIsCalledThat(t *testing.T) {
	t.Parallel()
	g := startGateway(t, nil, 1, "--proxy-listen", "127.0.0.1:0 ssl", "--tls-min-version", "1.3")
	g.logs(t, "self-signed certificate made, for development only")
	c, err := tls.Dial("tcp", g.proxies[0], &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	leaf := c.ConnectionState().PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	if !strings.Contains(g.text(), hex.EncodeToString(sum[:])) {
		t.Error("the log does not tell its fingerprint")
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "127.0.0.1"}); err != nil {
		t.Error(err)
	}
	if c, err := tls.Dial("tcp", g.proxies[0], &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		_ = c.Close()
		t.Error("TLS 1.2 is accepted although 1.3 is the least")
	}
}

// Routes for https alone, and routes by server name, over real listeners.
func TestRoutesAndTLS(t *testing.T) {
	t.Parallel()
	root := certtest.Root(t, "root")
	pair := root.Issue(t, certtest.Spec{Names: []string{"a.test", "b.test", "x.wild.test"}})
	upstream := httptest.NewServer(new(echo.Handler))
	t.Cleanup(upstream.Close)
	g := startGateway(t, nil, 2, append(pairFiles(t, t.TempDir(), "tls", pair),
		"--proxy-listen", "127.0.0.1:0", "--proxy-listen", "127.0.0.1:0 ssl http2")...)
	plain, secure := g.proxies[0], g.proxies[1]
	g.ask(t, "PUT", "/services/s", map[string]any{"url": upstream.URL})
	for name, route := range map[string]map[string]any{
		"upgrade":  {"paths": []string{"/upgrade"}, "protocols": []string{"https"}},
		"moved":    {"paths": []string{"/moved"}, "protocols": []string{"https"}, "https_redirect_status_code": 301},
		"repeat":   {"paths": []string{"/repeat"}, "protocols": []string{"https"}, "https_redirect_status_code": 308},
		"name":     {"paths": []string{"/sni"}, "protocols": []string{"https"}, "snis": []string{"a.test"}},
		"wildcard": {"paths": []string{"/wild"}, "protocols": []string{"https"}, "snis": []string{"*.wild.test"}},
	} {
		g.ask(t, "PUT", "/services/s/routes/"+name, route)
	}
	for _, tc := range []struct {
		name, target string
		h2           bool
		status       int
		location     string
	}{
		{"426 by default", "http://a.test/upgrade?x=1", false, 426, ""},
		{"301 keeps path and query", "http://a.test/moved/a%2Fb?x=1&y", false, 301, "https://a.test/moved/a%2Fb?x=1&y"},
		{"308", "http://a.test/repeat?", false, 308, "https://a.test/repeat?"},
		{"over TLS it is served", "https://a.test/upgrade", false, 200, ""},
		{"over HTTP/2 too", "https://a.test/moved", true, 200, ""},
		{"the server name matches", "https://a.test/sni", false, 200, ""},
		{"over HTTP/2 it matches", "https://a.test/sni", true, 200, ""},
		{"another server name", "https://b.test/sni", false, 404, ""},
		{"another one over HTTP/2", "https://b.test/sni", true, 404, ""},
		{"a server name by wildcard", "https://x.wild.test/wild", false, 200, ""},
		{"a server name beside the wildcard", "https://a.test/wild", false, 404, ""},
		{"without TLS no server name is asked for", "http://b.test/sni", false, 426, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := secure
			if strings.HasPrefix(tc.target, "http:") {
				addr = plain
			}
			client := over(addr, root, tc.h2)
			client.Transport.(*http.Transport).DisableKeepAlives = false // Connection is to be ours
			defer client.CloseIdleConnections()
			res, err := client.Get(tc.target)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != tc.status || res.Header.Get("Location") != tc.location || (res.ProtoMajor == 2) != tc.h2 {
				t.Errorf("HTTP/%d %d %q, want %d %q", res.ProtoMajor, res.StatusCode, res.Header.Get("Location"), tc.status, tc.location)
			}
			if tc.status == 426 && (res.Header.Get("Upgrade") != "TLS/1.2, HTTP/1.1" || res.Header.Get("Connection") != "Upgrade") {
				t.Errorf("headers %v", res.Header)
			}
		})
	}
	// The name in the handshake counts, whatever Host says.
	r, err := http.NewRequest(http.MethodGet, "https://b.test/sni", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "a.test"
	res, err := over(secure, root, false).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("Host chooses a route by server name: %d", res.StatusCode)
	}
}
