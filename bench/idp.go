package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sallyport/internal/practiceidp"
)

// The client of all gateways.
const (
	clientID  = "bench"
	clientKey = "a secret of the benchmark that protects nothing"
)

// The accounts: so many that no session shares its user with many others, and
// one whose ID token brings the tokens to 4 KB.
const (
	accounts     = 1000
	heavyAccount = "heavy"
)

func account(n int) string { return "user" + strconv.Itoa(n%accounts) }

// What fills the tokens of the practice IdP up, in bytes: base64 makes four
// characters of three.
const (
	accessFiller = 467
	heavyFiller  = 1400
)

// identity is the practice IdP in this process. No request that is measured
// reaches it, but for logins, and there only the proxy's time counts.
type identity struct {
	*practiceidp.Provider

	mu     sync.Mutex // guards tokens
	tokens tokenSizes
}

// tokenSizes are lengths in bytes.
type tokenSizes struct{ access, all int }

// issuer is the one of the practice IdP.
func (b *bench) issuer() string { return "http://" + b.addresses.idp }

// startIdP serves the practice IdP. Every visitor is logged in there already.
func (b *bench) startIdP(ctx context.Context, callbacks []string) error {
	filled := map[string]any{"entitlements": noise(accessFiller)}
	users := []practiceidp.User{{
		Name: heavyAccount, Password: password, AccessTokenClaims: filled,
		Claims: map[string]any{"email": "heavy@example.com", "email_verified": true, "memberships": noise(heavyFiller)},
	}}
	for n := range accounts {
		users = append(users, practiceidp.User{
			Name: account(n), Password: password, AccessTokenClaims: filled,
			Claims: map[string]any{"email": account(n) + "@example.com", "email_verified": true},
		})
	}
	provider, err := practiceidp.New(practiceidp.Options{
		Issuer:    b.issuer(),
		Clients:   []practiceidp.Client{{ID: clientID, Secret: clientKey, RedirectURIs: callbacks, SkipConsent: true}},
		Users:     users,
		AutoLogin: account(0), AccessTokenTTL: 24 * time.Hour, IDTokenTTL: 24 * time.Hour,
	})
	if err != nil {
		return err
	}
	b.idp = &identity{Provider: provider}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", b.addresses.idp)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: b.idp, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with the program
	return nil
}

// noise is text that no compression makes shorter than three quarters.
func noise(n int) string {
	var text strings.Builder
	for text.Len() < n {
		text.WriteString(rand.Text())
	}
	return text.String()[:n]
}

// ServeHTTP is the provider's, and notes how large the tokens are.
func (i *identity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		i.Provider.ServeHTTP(w, r)
		return
	}
	copied := &copying{ResponseWriter: w}
	i.Provider.ServeHTTP(copied, r)
	var answer struct {
		Access  string `json:"access_token"`
		ID      string `json:"id_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(copied.body.Bytes(), &answer) != nil {
		return // the gateway will say what is wrong with it
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens = tokenSizes{access: len(answer.Access), all: len(answer.Access) + len(answer.ID) + len(answer.Refresh)}
}

// issued are the sizes of the tokens of the last login.
func (i *identity) issued() tokenSizes {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tokens
}

// copying keeps what it writes.
type copying struct {
	http.ResponseWriter
	body bytes.Buffer
}

// Write implements http.ResponseWriter.
func (c *copying) Write(p []byte) (int, error) {
	c.body.Write(p)
	return c.ResponseWriter.Write(p)
}

// String tells the sizes.
func (t tokenSizes) String() string {
	return fmt.Sprintf("access token %d bytes, all tokens %d bytes", t.access, t.all)
}
