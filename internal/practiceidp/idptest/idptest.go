// Package idptest starts a practice IdP for a test. It is apart from
// practiceidp so that no program links net/http/httptest.
package idptest

import (
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"

	"sallyport/internal/practiceidp"
)

// sharedKeys saves every test the making of RSA keys.
var sharedKeys = sync.OnceValues(func() (*practiceidp.Keys, error) { return practiceidp.NewKeys(rand.Reader) })

// Start serves a provider on loopback until the test ends. An empty
// Options.Issuer becomes the server's URL, nil Keys become keys that all tests
// of the process share.
func Start(t testing.TB, o practiceidp.Options) *practiceidp.Provider {
	t.Helper()
	return start(t, o, "http", (*httptest.Server).Start)
}

// StartTLS is Start under TLS, by a certificate that nobody trusts. Clients are
// asked for one of theirs, and need not have it.
func StartTLS(t testing.TB, o practiceidp.Options) *practiceidp.Provider {
	t.Helper()
	return start(t, o, "https", func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // handshakes that a test means to fail
		s.StartTLS()
	})
}

func start(t testing.TB, o practiceidp.Options, scheme string, serve func(*httptest.Server)) *practiceidp.Provider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	if o.Issuer == "" {
		o.Issuer = scheme + "://" + server.Listener.Addr().String()
	}
	if o.Keys == nil {
		keys, err := sharedKeys()
		if err != nil {
			t.Fatal(err)
		}
		o.Keys = keys
	}
	p, err := practiceidp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = p
	serve(server)
	t.Cleanup(func() {
		server.CloseClientConnections() // ends answers that never end
		server.Close()
	})
	return p
}
