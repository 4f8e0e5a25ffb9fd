package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sallyport/internal/plugin"
)

// logBuffer is a log that a test reads while the server writes it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// records are the lines with that message.
func (l *logBuffer) records(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range bytes.Lines([]byte(l.String())) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}

// running is a server under test.
type running struct {
	*Server
	addr string
	log  *logBuffer
	stop context.CancelFunc
	done chan error
}

// start runs a proxy with handler on a free port of the loopback.
func start(t *testing.T, handler func(w http.ResponseWriter, q *plugin.Request), change ...func(*ProxyOptions)) *running {
	t.Helper()
	log := new(logBuffer)
	access := newAccessLog(t, AccessOptions{Writer: log})
	o := ProxyOptions{Handler: handler, Access: access}
	o.Common = Common{Name: "proxy", Listen: []Listen{{Addr: "127.0.0.1:0"}}, Logger: log.logger(), Grace: 2 * time.Second}
	for _, f := range change {
		f(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, s, log, access)
}

// newAccessLog returns a log that has not been run.
func newAccessLog(t testing.TB, o AccessOptions) *AccessLog {
	t.Helper()
	l, err := NewAccessLog(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run runs s, and access logs until it has stopped.
func run(t *testing.T, s *Server, log *logBuffer, access ...*AccessLog) *running {
	t.Helper()
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // ended by the cleanup, which waits
	r := &running{Server: s, addr: s.Addrs()[0].String(), log: log, stop: cancel, done: make(chan error, 1)}
	go func() {
		writing, flush := context.WithCancel(context.Background())
		var writers sync.WaitGroup
		for _, l := range access {
			writers.Go(func() { _ = l.Run(writing) })
		}
		err := s.Run(ctx)
		flush()
		writers.Wait()
		r.done <- err
		close(r.done) // so that a second wait returns at once
	}()
	t.Cleanup(func() { r.wait(t) })
	return r
}

// wait stops the server and returns how long that took.
func (r *running) wait(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run does not return")
	}
	return time.Since(began)
}

// answer sends status and text as the gateway would.
func answer(w http.ResponseWriter, q *plugin.Request, status int, text string) {
	q.Access.Status = status
	w.WriteHeader(status)
	n, _ := io.WriteString(w, text)
	q.Access.BytesSent += int64(n)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(8 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// certificate writes a fresh self-signed certificate for the host names.
func certificate(t *testing.T, names ...string) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	if ip := net.ParseIP(names[0]); ip != nil {
		template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, data := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}
