package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// selfSigned is a certificate of a client that no authority knows.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// shownServer answers with the name in the client's certificate. It asks for one
// where asks says so, of everybody but plain.test.
func shownServer(t *testing.T, asks *atomic.Bool) *running {
	t.Helper()
	return tlsServer(t, func(o *ProxyOptions) {
		o.Handler = func(w http.ResponseWriter, q *plugin.Request) {
			shown := "nobody"
			if certs := q.HTTP.TLS.PeerCertificates; len(certs) > 0 {
				shown = certs[0].Subject.CommonName
			}
			answer(w, q, http.StatusOK, shown)
		}
		o.ClientCertificate = func(hello *tls.ClientHelloInfo) bool { return asks.Load() && hello.ServerName != "plain.test" }
	})
}

// spoke sends one request over a connection of its own and gives the answer and
// whether the handshake went on with an earlier one.
func spoke(t *testing.T, addr string, config *tls.Config) (text string, resumed bool) {
	t.Helper()
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body)), c.ConnectionState().DidResume
}

// TestClientCertificateReachesTheRequest: over HTTP/1.1 and HTTP/2, from nobody
// who was not asked, and without any authority's word.
func TestClientCertificateReachesTheRequest(t *testing.T) {
	t.Parallel()
	var asks atomic.Bool
	asks.Store(true)
	r, cert := shownServer(t, &asks), selfSigned(t, "ada")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, want := range map[string]string{"a.test": "ada", "plain.test": "nobody"} {
			config := &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, ServerName: name, Certificates: []tls.Certificate{cert}}
			if got, _ := spoke(t, r.addr, config); got != want {
				t.Errorf("%s, TLS %x: %s, want %s", name, version, got, want)
			}
			without := config.Clone()
			without.Certificates = nil
			if got, _ := spoke(t, r.addr, without); got != "nobody" {
				t.Errorf("%s, TLS %x, without a certificate: %s", name, version, got)
			}
			client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: config, DisableKeepAlives: true}}
			res, err := client.Get("https://" + r.addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err != nil || res.ProtoMajor != 2 || strings.TrimSpace(string(body)) != want {
				t.Errorf("%s, TLS %x: HTTP/%d %s %v", name, version, res.ProtoMajor, body, err)
			}
		}
	}
	stranger := selfSigned(t, "eve")
	stranger.PrivateKey = selfSigned(t, "another key").PrivateKey
	if c, err := tls.Dial("tcp", r.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, ServerName: "a.test", Certificates: []tls.Certificate{stranger}}); err == nil {
		_ = c.Close()
		t.Error("a certificate without its key is accepted")
	}
}

// TestResumedConnectionsKeepTheCertificate: a client goes on with the certificate
// that it showed, and never with a handshake in which it was not asked for one.
func TestResumedConnectionsKeepTheCertificate(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			var asks atomic.Bool
			r := shownServer(t, &asks)
			config := &tls.Config{
				InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, ServerName: "a.test",
				Certificates: []tls.Certificate{selfSigned(t, "ada")}, ClientSessionCache: tls.NewLRUClientSessionCache(8),
			}
			for i, step := range []struct {
				asks    bool
				want    string
				resumed bool
			}{
				{false, "nobody", false},
				{false, "nobody", true},
				{true, "ada", false}, // the ticket is of a handshake without the question
				{true, "ada", true},
			} {
				asks.Store(step.asks)
				if got, resumed := spoke(t, r.addr, config); got != step.want || resumed != step.resumed {
					t.Errorf("step %d: %s, resumed %t; want %s, %t", i, got, resumed, step.want, step.resumed)
				}
			}
		})
	}
}
