// Package idptest starts a practice IdP for a test. It is apart from
// practiceidp so that no program links net/http/httptest.
package idptest

import (
	"crypto/rand"
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
	server := httptest.NewUnstartedServer(nil)
	if o.Issuer == "" {
		o.Issuer = "http://" + server.Listener.Addr().String()
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
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections() // ends answers that never end
		server.Close()
	})
	return p
}
