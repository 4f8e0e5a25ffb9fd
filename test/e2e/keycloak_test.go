//go:build integration

package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport/test/process"
)

const keycloakVersion = "26.4.0"

// keycloak is the one Keycloak of the run. Tests make realms of their own.
type keycloak struct {
	base     string // http://127.0.0.1:port
	password string // of the administrator, admin
}

// startKeycloak is called by the first test that needs it: 10 to 60 seconds on
// two idle cores. SALLYPORT_E2E_KEYCLOAK=http://admin:password@host:port names
// one that runs already, which saves them.
func startKeycloak() (*keycloak, error) {
	if running, err := url.Parse(os.Getenv("SALLYPORT_E2E_KEYCLOAK")); err == nil && running.Host != "" {
		password, _ := running.User.Password()
		return &keycloak{base: "http://" + running.Host, password: password}, nil
	}
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	management, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	k := &keycloak{base: "http://127.0.0.1:" + port, password: plant("Keycloak's administrator password")}
	script := filepath.Join(root(), ".cache", "keycloak-"+keycloakVersion, "bin", "kc.sh")
	p, err := process.Start(process.Program{
		Name: "Keycloak", Path: script,
		Env: []string{
			"KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD=" + k.password,
			"JAVA_OPTS_KC_HEAP=-Xms96m -Xmx640m", "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1",
		},
		Args: []string{
			"start-dev", "--http-host=127.0.0.1", "--http-port=" + port,
			"--http-management-port=" + management, "--db=dev-mem", "--log-level=warn",
		},
	})
	if err != nil {
		return nil, err
	}
	suite.atEnd(p.Stop)
	return k, p.WaitFor(keycloakPatience, func() bool {
		return answers(k.base + "/realms/master/.well-known/openid-configuration")
	})
}

// keycloakPatience is for a machine that does other things as well.
const keycloakPatience = 4 * time.Minute

func theKeycloak(t *testing.T) *keycloak {
	t.Helper()
	return suite.keycloak.get(t, startKeycloak)
}

// realm is a realm with one confidential client and one user.
type realm struct {
	k                *keycloak
	name, issuer     string
	clientID, secret string
	user, password   string
}

// newRealm makes a new realm whose client asks for consent and may be redirected
// to the given URIs.
func (k *keycloak) newRealm(t *testing.T, redirectURIs ...string) *realm {
	t.Helper()
	name := "e2e-" + strings.ToLower(rand.Text())
	r := &realm{
		k: k, name: name, issuer: k.base + "/realms/" + name,
		clientID: "gateway", secret: plant("the client secret"),
		user: "alice", password: plant("the user's password"),
	}
	k.admin(t, http.MethodPost, "/admin/realms", map[string]any{
		"realm": name, "enabled": true, "sslRequired": "none",
		"accessTokenLifespan": 300,
		"clients": []any{map[string]any{
			"clientId": r.clientID, "name": "Sallyport walkthrough", "secret": r.secret, "enabled": true,
			"protocol": "openid-connect", "publicClient": false, "standardFlowEnabled": true,
			"consentRequired": true, "redirectUris": redirectURIs,
			"attributes": map[string]any{"post.logout.redirect.uris": "+"},
		}},
		"users": []any{map[string]any{
			"username": r.user, "enabled": true, "email": "alice@example.test", "emailVerified": true,
			"firstName": "Alice", "lastName": "Example",
			"credentials": []any{map[string]any{"type": "password", "value": r.password, "temporary": false}},
		}},
	})
	return r
}

// admin calls Keycloak's admin REST API, which must agree, and gives what it says.
func (k *keycloak) admin(t *testing.T, method, path string, body any) []byte {
	t.Helper()
	status, text := k.call(t, http.MethodPost, "/realms/master/protocol/openid-connect/token", "application/x-www-form-urlencoded", "",
		url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {k.password}}.Encode())
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &token); err != nil || status != http.StatusOK {
		t.Fatalf("Keycloak administrator: %d %s", status, text)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	status, text = k.call(t, method, path, "application/json", token.AccessToken, string(encoded))
	if status >= 300 {
		t.Fatalf("Keycloak %s %s: %d %s", method, path, status, text)
	}
	return text
}

func (k *keycloak) call(t *testing.T, method, path, contentType, token, body string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, k.base+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(fmt.Errorf("Keycloak: %w", err))
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text
}
