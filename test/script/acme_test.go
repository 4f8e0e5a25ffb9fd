//go:build integration

package script

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sallyport/internal/certificate/certtest"
)

// authority is Pebble, Let's Encrypt's ACME server for tests, with a name server
// for which every name is on loopback.
type authority struct {
	directory, rootFile string
	management          string
	roots               *x509.CertPool // of the directory
	stop                func()
}

// pebbles builds the two programs once.
var pebbles = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(binaries, "pebble")
	build := exec.CommandContext(context.Background(), "go", "build", "-C", "../../tools/pebble", "-o", dir+string(filepath.Separator),
		"github.com/letsencrypt/pebble/v2/cmd/pebble", "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return dir, build.Run()
})

// newAuthority starts one that asks at these ports.
func newAuthority(t *testing.T, httpPort, tlsPort int) *authority {
	t.Helper()
	programs, err := pebbles()
	if err != nil {
		t.Fatalf("build Pebble: %v", err)
	}
	dir := t.TempDir()
	root := certtest.Root(t, "directory root")
	own := root.Issue(t, certtest.Spec{Names: []string{"127.0.0.1"}})
	var addrs [4]string
	for i := range addrs {
		if addrs[i], err = freeAddress(); err != nil {
			t.Fatal(err)
		}
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": addrs[0], "managementListenAddress": addrs[1], "httpPort": httpPort, "tlsPort": tlsPort, "keyAlgorithm": "ecdsa",
		"certificate": writeFile(t, filepath.Join(dir, "cert.pem"), own.Cert), "privateKey": writeFile(t, filepath.Join(dir, "key.pem"), own.Key),
		"retryAfter": map[string]any{"authz": 1, "order": 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	a := &authority{
		directory: "https://" + addrs[0] + "/dir", management: "https://" + addrs[1], roots: root.Pool(),
		rootFile: writeFile(t, filepath.Join(dir, "root.pem"), root.Cert),
	}
	var running sync.WaitGroup
	a.stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(a.stop)
	run := func(name string, args ...string) {
		t.Helper()
		log, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, filepath.Join(programs, name), args...)
		cmd.Stdout, cmd.Stderr = log, log
		cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			_ = cmd.Wait() // it is killed
			_ = log.Close()
		})
	}
	run("pebble-challtestsrv", "-dnsserver", addrs[2], "-management", addrs[3], "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	run("pebble", "-config", writeFile(t, filepath.Join(dir, "pebble.json"), string(config)), "-dnsserver", addrs[2])
	waitFor(t, "Pebble", func() bool { return a.get(t, a.directory) != "" })
	return a
}

// get reads from the authority; empty while it does not answer.
func (a *authority) get(t *testing.T, url string) string {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: a.roots},
	}}
	res, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// issued are the roots of what the authority issues.
func (a *authority) issued(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(a.get(t, a.management+"/roots/0"))) {
		t.Fatal("Pebble has no root")
	}
	return pool
}

// shownTo is the certificate that a client gets that trusts those roots; nil
// where it refuses what it is shown.
func shownTo(addr, name string, roots *x509.CertPool) *x509.Certificate {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, &tls.Config{ServerName: name, RootCAs: roots})
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0]
}

// nowhere is a port at which nobody answers.
func nowhere(t *testing.T) int {
	t.Helper()
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return portOf(t, addr)
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return tcp.Port
}

func TestCertificatesByACME(t *testing.T) {
	t.Parallel()
	const host = "shop.example.test"
	for name, reach := range map[string]func(t *testing.T, plain, secure int) (*testing.T, int, int){
		"TLS-ALPN-01": func(t *testing.T, _, secure int) (*testing.T, int, int) { return t, nowhere(t), secure },
		"HTTP-01":     func(t *testing.T, plain, _ int) (*testing.T, int, int) { return t, plain, nowhere(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var addrs [2]string
			for i := range addrs {
				var err error
				if addrs[i], err = freeAddress(); err != nil {
					t.Fatal(err)
				}
			}
			plain, secure := addrs[0], addrs[1]
			a := newAuthority(reach(t, portOf(t, plain), portOf(t, secure)))
			args := []string{
				"--proxy-listen", plain, "--proxy-listen", secure + " ssl http2", "--acme-domain", host, "--acme-accept-terms",
				"--acme-storage", filepath.Join(t.TempDir(), "acme"), "--acme-directory", a.directory, "--acme-directory-root", a.rootFile,
				"--log-level", "debug",
			}
			var obtained *x509.Certificate
			t.Run("obtained", func(t *testing.T) {
				g := startGateway(t, nil, 2, args...)
				// A route for everything does not stand in the way.
				g.ask(t, "PUT", "/routes/all", map[string]any{"paths": []string{"/"}})
				roots := a.issued(t)
				waitFor(t, "a certificate", func() bool { obtained = shownTo(secure, host, roots); return obtained != nil })
				if got := shownTo(secure, strings.ToUpper(host), roots); got == nil || !got.Equal(obtained) {
					t.Error("the name in capitals gets another certificate")
				}
				if got := presented(t, secure, "other.example.test"); !strings.Contains(got, "self-signed") {
					t.Errorf("another name is shown %q", got)
				}
				if shownTo(secure, "other.example.test", roots) != nil {
					t.Error("a certificate was obtained for another name")
				}
				got, err := fetch("GET", "http://"+plain+"/.well-known/acme-challenge/x", host, "", nil)
				if err != nil || got.status != http.StatusServiceUnavailable {
					t.Errorf("without a challenge the route answers: %d %v", got.status, err)
				}
				wanted := map[string]string{"TLS-ALPN-01": "tls-alpn-01", "HTTP-01": "http-01"}[name]
				if !strings.Contains(g.text(), `step="served key authentication`) || !strings.Contains(g.text(), "challenge="+wanted) {
					t.Errorf("the log does not tell that %s was answered\n%s", wanted, g.text())
				}
				if strings.Contains(g.text(), "PRIVATE KEY") {
					t.Error("the log holds a key")
				}
			})
			roots := a.issued(t)
			a.stop() // a restart needs no authority
			t.Run("kept", func(t *testing.T) {
				startGateway(t, nil, 2, args...)
				var kept *x509.Certificate
				waitFor(t, "the certificate that was stored", func() bool { kept = shownTo(secure, host, roots); return kept != nil })
				if obtained == nil || !kept.Equal(obtained) {
					t.Error("it is another one")
				}
			})
		})
	}
}
