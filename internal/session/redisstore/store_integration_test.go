//go:build integration

package redisstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sallyport/internal/redis"
	"sallyport/internal/secret"
	"sallyport/internal/session"
	"sallyport/internal/session/redisstore"
	"sallyport/internal/session/storetest"
)

func TestRedisStoreContract(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	var n atomic.Int64
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T, maxMarks int) (one, other session.Store, pass func(time.Duration)) {
			t.Helper()
			opts := redisstore.Options{Prefix: "p" + strconv.FormatInt(n.Add(1), 10), MaxMarks: maxMarks}
			return s.open(t, opts), s.open(t, opts), time.Sleep
		},
	})
	for key := range strings.FieldsSeq(s.CLI(t, "--scan")) {
		if ttl := strings.TrimSpace(s.CLI(t, "PTTL", key)); ttl == "-1" {
			t.Errorf("key %s has no time to live", key)
		}
	}
}

func TestPrefixesAndDatabasesAreApart(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	ctx := t.Context()
	for name, opts := range map[string]redisstore.Options{
		"no prefix": {}, "a prefix": {Prefix: "a"}, "another prefix": {Prefix: "b"}, "a database": {Redis: redis.Options{Database: 3}, Prefix: "a"},
	} {
		store := s.open(t, opts)
		if err := store.Create(ctx, "session:k", []byte(name), time.Hour); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r, err := store.Load(ctx, "session:k")
		if err != nil || string(r.Data) != name {
			t.Errorf("%s: record %q, %v", name, r.Data, err)
		}
	}
	if keys := s.CLI(t, "--scan"); len(strings.Fields(keys)) != 3 {
		t.Errorf("keys of database 0: %s", keys)
	}
	if keys := strings.TrimSpace(s.CLI(t, "-n", "3", "--scan")); keys != "a:session:k" {
		t.Errorf("keys of database 3: %s", keys)
	}
}

// Item 11 of what must be survived: Redis down at the start, down later,
// hanging.
func TestRedisDownAtStartIsUnavailableAndHeals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	store := s.open(t, redisstore.Options{})
	for range 3 {
		if err := within(t, time.Second, ask(store)); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("Redis is down: %v, want ErrUnavailable", err)
		}
	}
	s.start(t)
	heals(t, store)
}

func TestRedisDownLaterIsUnavailableAndHeals(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	store := s.open(t, redisstore.Options{})
	if err := within(t, 3*time.Second, ask(store)); err != nil {
		t.Fatalf("Redis is up: %v", err)
	}
	s.Stop(t)
	for range 3 {
		if err := within(t, time.Second, ask(store)); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("Redis is down: %v, want ErrUnavailable", err)
		}
	}
	s.start(t)
	heals(t, store)
}

func TestHangingRedisIsUnavailableInTimeAndHeals(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	calls := func(store *redisstore.Store) map[string]func(context.Context) error {
		return map[string]func(context.Context) error{
			"load":   ask(store),
			"create": func(ctx context.Context) error { return store.Create(ctx, "session:x", nil, time.Hour) },
			"swap":   func(ctx context.Context) error { return store.CompareAndSwap(ctx, "session:x", 1, nil, time.Hour) },
			"mark":   func(ctx context.Context) error { return store.Mark(ctx, "x", time.Hour) },
			"find":   func(ctx context.Context) error { _, err := store.FindListings(ctx, "x", 1); return err },
		}
	}
	for _, connected := range []bool{true, false} {
		t.Run("connected before: "+strconv.FormatBool(connected), func(t *testing.T) {
			t.Parallel()
			s := newServer(t).start(t)
			store := s.open(t, redisstore.Options{Redis: redis.Options{Timeout: limit}})
			if connected {
				heals(t, store)
			}
			s.Signal(t, syscall.SIGSTOP)
			for name, call := range calls(store) {
				if err := within(t, 3*limit, call); !errors.Is(err, session.ErrUnavailable) {
					t.Errorf("%s: %v, want ErrUnavailable", name, err)
				}
			}
			s.Signal(t, syscall.SIGCONT)
			heals(t, store)
		})
	}
}

// A watch that may have missed something says so.
func TestWatchEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	store := s.open(t, redisstore.Options{})
	noticed := make(chan struct{}, 1000)
	done := make(chan error, 1)
	go func() { done <- store.Watch(t.Context(), func(string) { noticed <- struct{}{} }) }()
	for watching := false; !watching; {
		if err := store.Delete(t.Context(), "session:k"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-noticed:
			watching = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.Stop(t)
	select {
	case err := <-done:
		if !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("watch: %v, want ErrUnavailable", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the watch goes on without a connection")
	}
	if err := store.Watch(t.Context(), func(string) {}); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("watch while Redis is down: %v, want ErrUnavailable", err)
	}
}

func TestRequestsThatEndDoNotBreakTheConnectionOfOthers(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	store := s.open(t, redisstore.Options{})
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if err := ask(store)(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("a request that is left: %v", err)
		}
		if err := ask(store)(t.Context()); err != nil {
			t.Fatalf("a request beside one that was left: %v", err)
		}
	}
}

func TestRedisUserAndPassword(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	s.CLI(t, "ACL", "SETUSER", "gate", "on", ">right", "~*", "&*", "+@all")
	s.CLI(t, "ACL", "SETUSER", "default", "off")
	good := s.open(t, redisstore.Options{Redis: redis.Options{Username: "gate", Password: secret.New("right")}})
	if err := ask(good)(t.Context()); err != nil {
		t.Errorf("right password: %v", err)
	}
	for name, opts := range map[string]redisstore.Options{
		"wrong password": {Redis: redis.Options{Username: "gate", Password: secret.New("planted-wrong-password")}},
		"no user":        {},
	} {
		err := ask(s.open(t, opts))(t.Context())
		if !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestRedisOnASocket(t *testing.T) {
	t.Parallel()
	s := newServer(t).start(t)
	store, err := redisstore.New(redisstore.Options{Redis: redis.Options{Socket: s.Socket, Host: "does.not.exist.invalid"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if err := ask(store)(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRedisWithTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := certificate(t, dir)
	s := newServer(t)
	plain := s.Port
	s.Port = 0 // TLS alone, on the port that was found free
	s.Args = []string{
		"--tls-port", strconv.Itoa(plain), "--tls-auth-clients", "no",
		"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"),
	}
	s.start(t)
	s.Port = plain
	if err := ask(s.open(t, redisstore.Options{Redis: redis.Options{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}))(t.Context()); err != nil {
		t.Errorf("trusted certificate: %v", err)
	}
	for name, config := range map[string]*tls.Config{
		"unknown authority":   {MinVersion: tls.VersionTLS12},
		"another name":        {RootCAs: pool, ServerName: "other.test", MinVersion: tls.VersionTLS12},
		"plain to a TLS port": nil,
	} {
		if err := within(t, 5*time.Second, ask(s.open(t, redisstore.Options{Redis: redis.Options{TLS: config}}))); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

// certificate writes a certificate for 127.0.0.1 and its key to dir.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		text := pem.EncodeToMemory(block)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(text)
	}
	return pool
}
