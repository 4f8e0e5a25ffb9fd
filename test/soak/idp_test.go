//go:build integration

package soak

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/practiceidp"
)

// tokenLife is how long an access token is good. Every session that is used is
// refreshed that often.
const tokenLife = 4 * time.Second

// claims are what the checks read of an access token. The signature is the
// gateway's business.
type claims struct {
	Subject string `json:"sub"`
	SID     string `json:"sid"`
	ID      string `json:"jti"`
	Expires int64  `json:"exp"`
}

func claimsOf(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(payload, &c) == nil
}

// identityProvider is the practice IdP with a book of the refreshes: how many
// each of its sessions had, and how many were refused.
type identityProvider struct {
	*practiceidp.Provider
	handler http.Handler
	ledger  *ledger

	mu        sync.Mutex // guards what follows
	refreshes map[string]int
	refused   int
}

// startIdP serves an IdP that knows users and a client with these redirect URIs.
func startIdP(t *testing.T, l *ledger, users []practiceidp.User, redirects, after []string) *identityProvider {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	p, err := practiceidp.New(practiceidp.Options{
		Issuer: "http://" + server.Listener.Addr().String(), Users: users,
		Clients: []practiceidp.Client{{
			ID: clientID, Secret: clientSecret, SkipConsent: true, RequirePKCE: true,
			RedirectURIs: redirects, PostLogoutRedirectURIs: after,
		}},
		AccessTokenTTL: tokenLife, SessionTTL: 2 * time.Hour, SigningAlgs: []string{"ES256"},
	})
	if err != nil {
		t.Fatal(err)
	}
	i := &identityProvider{Provider: p, handler: p, ledger: l, refreshes: map[string]int{}}
	server.Config.Handler = i
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return i
}

// ServeHTTP implements http.Handler.
func (i *identityProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/token" {
		i.handler.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	i.handler.ServeHTTP(answer, r) // and so reads the form
	if r.PostForm.Get("grant_type") == "refresh_token" {
		i.note(answer)
	} else if answer.Code != http.StatusOK {
		i.ledger.fail(kindLogin, "the IdP refused a code: %d %s", answer.Code, answer.Body)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the gateway may be gone
}

func (i *identityProvider) note(answer *httptest.ResponseRecorder) {
	var tokens struct {
		Access string `json:"access_token"`
	}
	_ = json.Unmarshal(answer.Body.Bytes(), &tokens) // what is no token has no claims
	c, ok := claimsOf(tokens.Access)
	i.mu.Lock()
	defer i.mu.Unlock()
	if !ok {
		i.refused++
		return
	}
	i.refreshes[c.SID]++
	i.ledger.done(kindRefresh)
}

// refreshed tells how often a session was refreshed.
func (i *identityProvider) refreshed(sid string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.refreshes[sid]
}

// refusals tells how many refreshes were refused.
func (i *identityProvider) refusals() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.refused
}
