//go:build integration

package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/test/process"
)

// revoker is an authority whose certificates OpenSSL knows: its OCSP responder
// answers for them, and it signs the list of those that were revoked.
type revoker struct {
	*authority
	dir, responder, list string
	// answers counts requests for the list.
	answers atomic.Int32
	running *process.Process
	names   map[string]bool // of certificates; true for revoked ones
	serials map[string]int64
}

func newRevoker(t *testing.T) *revoker {
	t.Helper()
	r := &revoker{authority: newAuthority(t), dir: t.TempDir(), names: map[string]bool{}, serials: map[string]int64{}}
	r.write("ca.pem", r.pem)
	r.write("ca.key", keyPEM(t, r.key))
	r.write("crlnumber", "01\n")
	r.write("ca.cnf", fmt.Sprintf("[ca]\ndefault_ca=a\n[a]\ndatabase=%[1]s/index.txt\ncrlnumber=%[1]s/crlnumber\ndefault_md=sha256\ndefault_crl_days=1\n", r.dir))
	r.publish()
	port := mustFreePort(t)
	r.responder = "http://127.0.0.1:" + port
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r.answers.Add(1)
		text, err := os.ReadFile(filepath.Join(r.dir, "crl.pem"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	r.list = server.URL + "/crl"
	return r
}

// respond starts the responder with the index as it is.
func (r *revoker) respond() {
	r.t.Helper()
	if r.running != nil {
		r.running.Stop()
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(r.responder, "http://"), ":")
	p, err := process.Start(process.Program{Path: "openssl", Args: []string{
		"ocsp", "-index", r.path("index.txt"), "-port", port, "-rsigner", r.path("ca.pem"), "-rkey", r.path("ca.key"), "-CA", r.path("ca.pem"), "-nmin", "5",
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.running = p
	r.t.Cleanup(p.Stop)
	// It serves one connection after the other: one that asks nothing would stop it.
	if err := p.WaitFor(patience, func() bool { return strings.Contains(p.Output.String(), "waiting for OCSP client connections") }); err != nil {
		r.t.Fatalf("%v: %s", err, p.Output.String())
	}
}

func (r *revoker) path(name string) string { return filepath.Join(r.dir, name) }

func (r *revoker) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// publish writes OpenSSL's index of certificates, and signs the list.
func (r *revoker) publish() {
	r.t.Helper()
	var index bytes.Buffer
	later, before := time.Now().Add(24*time.Hour).UTC().Format("060102150405Z"), time.Now().Add(-time.Minute).UTC().Format("060102150405Z")
	for name, revoked := range r.names {
		state, since := "V", ""
		if revoked {
			state, since = "R", before
		}
		fmt.Fprintf(&index, "%s\t%s\t%s\t%016X\tunknown\t/CN=%s\n", state, later, since, r.serials[name], name)
	}
	r.write("index.txt", index.String())
	out, err := exec.CommandContext(r.t.Context(), "openssl", "ca", "-config", r.path("ca.cnf"), "-gencrl", "-keyfile", r.path("ca.key"), "-cert", r.path("ca.pem"), "-out", r.path("crl.pem")).CombinedOutput()
	if err != nil {
		r.t.Fatalf("%v: %s", err, out)
	}
}

// client makes a certificate whose revocation is to be asked for at these
// addresses.
func (r *revoker) client(name string, ocsp, crl []string) *tls.Certificate {
	r.t.Helper()
	serial := time.Now().UnixNano()
	r.names[name], r.serials[name] = false, serial
	cert, key, _ := r.make(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		OCSPServer: ocsp, CRLDistributionPoints: crl,
	})
	r.publish()
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// startTerminator runs nginx, which ends TLS at addr and shows the certificate of
// its client to the gateway.
func startTerminator(t *testing.T, ca *authority, gateway string) (addr string) {
	t.Helper()
	dir, addr := t.TempDir(), "127.0.0.1:"+mustFreePort(t)
	_, key, cert := ca.make(&x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "nginx"}, DNSNames: []string{"orders.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	for name, text := range map[string]string{"cert.pem": cert, "key.pem": keyPEM(t, key), "nginx.conf": fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr crit;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s ssl;
		ssl_certificate %[1]s/cert.pem;
		ssl_certificate_key %[1]s/key.pem;
		ssl_verify_client optional_no_ca;
		location / {
			proxy_pass http://%[3]s;
			proxy_set_header Host $http_host;
			proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
		}
	}
}
`, dir, addr, gateway)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := process.Start(process.Program{Path: "nginx", Args: []string{"-c", filepath.Join(dir, "nginx.conf"), "-p", dir}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := p.WaitFor(patience, func() bool { return process.Listens(addr) }); err != nil {
		t.Fatalf("%v: %s", err, p.Output.String())
	}
	return addr
}

// TestCertificateFromHeaderExample: nginx ends TLS and shows the certificate to
// which oidc-provider has bound a token; OpenSSL says whether it was revoked.
func TestCertificateFromHeaderExample(t *testing.T) {
	t.Parallel()
	clients, robot := newRevoker(t), plant("the robot's secret")
	ca := newAuthority(t)
	p := startOIDCProvider(t, ca, map[string]any{"clients": []any{
		machine("robot", map[string]any{"client_secret": robot, "tls_client_certificate_bound_access_tokens": true}),
	}})
	a := startAPI(t, "certificate-from-header", []string{"ISSUER=" + p.issuer, "SSL_CERT_FILE=" + p.caFile}, "--trusted-ips", "127.0.0.1/32")
	authorities, _ := a.adminCall(t, 200, http.MethodGet, "/ca_certificates", "", "")["data"].([]any)
	id, _ := member(authorities[0], "id").(string)
	a.adminJSON(t, 200, http.MethodPatch, "/ca_certificates/"+id, map[string]any{"cert": clients.pem})
	front := startTerminator(t, ca, a.proxy)
	change := func(values map[string]any) {
		t.Helper()
		a.change(t, map[string]any{"proof_of_possession_mtls_from_header": values})
	}
	change(map[string]any{"cert_cache_ttl": json.Number("1")}) // each request asks anew
	check := func(name, token string, pair *tls.Certificate, want int) {
		t.Helper()
		hits := a.up.Hits()
		r := a.askShowing(t, front, pair, bearer(token), false)
		if r.status != want || (a.up.Hits() != hits) != (want == 200) {
			t.Errorf("%s: %d, want %d: %s", name, r.status, want, r.text)
		}
		if want == 200 && upstreamSaw(r.json(t), "X-Client-Cert") != "" {
			t.Errorf("%s: the upstream saw the certificate", name)
		}
	}
	token := func(pair *tls.Certificate) string {
		return p.robotToken(t, "robot", robot, pair, url.Values{"resource": {"https://orders.test/api"}, "scope": {"read"}}, nil)
	}
	const down = "http://127.0.0.1:1/"
	mine, listed := clients.client("mine", []string{clients.responder}, nil), clients.client("listed", nil, []string{clients.list})
	alone := clients.client("alone", []string{down}, nil)
	clients.respond()
	forMine, forListed, forAlone := token(mine), token(listed), token(alone)
	stranger := clientPair(t, ca, "of another authority")

	check("its certificate", forMine, mine, 200)
	check("another certificate", forMine, listed, 401)
	check("no certificate", forMine, nil, 401)
	check("the certificate of another authority", token(stranger), stranger, 401)
	check("its certificate, by a list", forListed, listed, 200)
	if clients.answers.Load() == 0 {
		t.Error("nobody asked for the list")
	}
	check("a responder that is down", forAlone, alone, 503)

	clients.names["mine"], clients.names["listed"] = true, true
	clients.publish()
	clients.respond()
	time.Sleep(50 * time.Millisecond) // longer than an answer counts
	check("revoked", forMine, mine, 401)
	check("revoked, by a list", forListed, listed, 401)
	change(map[string]any{"revocation_check_mode": "IGNORE_CA_ERROR"})
	check("revoked, where a failure is tolerated", forMine, mine, 401)
	check("a responder that is down, where that is tolerated", forAlone, alone, 200)
	change(map[string]any{"revocation_check_mode": "SKIP"})
	check("revoked, and nobody asks", forMine, mine, 200)

	// From a peer that is not the proxy the header counts for nothing: the gateway
	// is started anew and trusts nobody.
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mine.Certificate[0]})
	header := bearer(forMine)
	header.Set("X-Client-Cert", strings.ReplaceAll(url.PathEscape(string(block)), "+", "%2B"))
	a.admits(t, header) // 127.0.0.1 is trusted here
	b := startAPI(t, "certificate-from-header", []string{"ISSUER=" + p.issuer, "SSL_CERT_FILE=" + p.caFile})
	b.adminJSON(t, 200, http.MethodPatch, "/ca_certificates/"+id, map[string]any{"cert": clients.pem})
	b.change(t, map[string]any{"proof_of_possession_mtls_from_header": map[string]any{"revocation_check_mode": "SKIP"}})
	b.refuses(t, 401, header)
}
