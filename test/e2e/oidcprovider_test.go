//go:build integration

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sallyport/test/process"
)

// authority is a certificate authority of one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key, a.pem = a.make(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the authority of a test"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
	return a
}

// make signs a certificate, by itself where there is no authority yet.
func (a *authority) make(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// oidcProvider is the certified oidc-provider under TLS, one for each test.
type oidcProvider struct {
	*process.Process
	issuer string
	ca     *authority
	caFile string
}

// startOIDCProvider runs test/oidcprovider with clients as it takes them, which
// get a redirect URI.
func startOIDCProvider(t *testing.T, ca *authority, settings map[string]any) *oidcProvider {
	t.Helper()
	port := mustFreePort(t)
	p := &oidcProvider{issuer: "https://127.0.0.1:" + port, ca: ca, caFile: filepath.Join(t.TempDir(), "ca.pem")}
	if err := os.WriteFile(p.caFile, []byte(ca.pem), 0o600); err != nil {
		t.Fatal(err)
	}
	_, key, cert := ca.make(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "oidc-provider"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	signing, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	settings["issuer"], settings["port"], settings["ca"] = p.issuer, json.Number(port), ca.pem
	settings["key"], settings["cert"] = keyPEM(t, key), cert
	settings["jwks"] = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: signing, KeyID: "s1", Algorithm: "RS256", Use: "sig"}}}
	line, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	stdin := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(stdin, append(line, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Process, err = process.Start(process.Program{
		Name: "oidc-provider", Env: []string{"SETTINGS=" + stdin},
		Path: "node", Args: []string{filepath.Join(root(), "test", "oidcprovider", "server.mjs")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("output of oidc-provider:\n%s", &p.Output)
		}
	})
	client := p.client(nil)
	if err := p.WaitFor(patience, func() bool {
		response, err := client.Get(p.issuer + "/.well-known/openid-configuration")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

// client trusts the test's authority.
func (p *oidcProvider) client(jar http.CookieJar) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(p.ca.cert)
	return &http.Client{
		Timeout: patience, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
	}
}

// visitor is a user agent without script: cookies and forms.
type visitor struct {
	t      *testing.T
	g      *gateway
	client *http.Client
}

func (p *oidcProvider) visitor(t *testing.T, g *gateway) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, g: g, client: p.client(jar)}
	transport, _ := v.client.Transport.(*http.Transport)
	transport.DialContext = g.dial
	return v
}

var (
	anyForm  = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
	anyInput = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"`)
)

// logIn asks for a page and follows redirects and forms, the login and consent
// pages of oidc-provider among them. It returns the last answer and its address.
func (v *visitor) logIn(target string) (reply, string) {
	v.t.Helper()
	request := v.request(http.MethodGet, target, nil)
	for range 30 {
		answer := send(v.t, v.client, request)
		at := request.URL
		if location := answer.header.Get("Location"); location != "" {
			next, err := at.Parse(location)
			if err != nil {
				v.t.Fatal(err)
			}
			request = v.request(http.MethodGet, next.String(), nil)
			continue
		}
		form := anyForm.FindStringSubmatch(answer.text)
		if answer.status != http.StatusOK || form == nil {
			return answer, at.String()
		}
		fields := url.Values{}
		for _, field := range anyInput.FindAllStringSubmatch(answer.text, -1) {
			fields.Set(field[1], field[2])
		}
		if strings.Contains(answer.text, `name="login"`) {
			fields.Set("login", "alice")
			fields.Set("password", "any")
		}
		next, err := at.Parse(form[1])
		if err != nil {
			v.t.Fatal(err)
		}
		request = v.request(http.MethodPost, next.String(), fields)
	}
	v.t.Fatal("the login never ends")
	return reply{}, ""
}

func (v *visitor) request(method, target string, form url.Values) *http.Request {
	v.t.Helper()
	var body io.Reader
	if form != nil {
		body = bytes.NewBufferString(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, target, body)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// startForProvider runs the gateway with an example; it trusts the test's
// authority.
func (p *oidcProvider) startExample(t *testing.T, g *gateway, up *upstream, name string, env map[string]string) {
	t.Helper()
	env["ISSUER"], env["SSL_CERT_FILE"] = p.issuer, p.caFile
	startExample(t, g, up, name, env)
}
