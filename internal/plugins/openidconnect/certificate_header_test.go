package openidconnect_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"sallyport/internal/certificate/certtest"
	"sallyport/internal/store"
)

// The ids of the authorities of a pki.
const (
	rootID    = "aaaaaaaa-0000-0000-0000-000000000001"
	betweenID = "aaaaaaaa-0000-0000-0000-000000000002"
	strangeID = "aaaaaaaa-0000-0000-0000-000000000003"
)

// pki is who vouches for a client: a root, an authority between, and a responder.
type pki struct {
	root, between, strange, leaf *certtest.Pair
	// status is what the responder says, asked how often it was asked.
	status, asked atomic.Int32
	// wait holds the responder up.
	wait atomic.Int64
}

// newPKI makes one whose responder stands at the address that at makes of the
// server's; nil puts it there.
func newPKI(t testing.TB, secure bool, at func(address string) string) *pki {
	t.Helper()
	k := &pki{root: certtest.Root(t, "root"), strange: certtest.Root(t, "strange")}
	k.between = k.root.Issue(t, certtest.Spec{Names: []string{"between"}, Authority: true})
	answer := k.between.Responder(t, nil, func() ocsp.Response {
		return ocsp.Response{Status: int(k.status.Load()), RevokedAt: time.Now().Add(-time.Minute)}
	})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if wait := time.Duration(k.wait.Load()); wait > 0 {
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
				return
			}
		}
		answer(w, r)
	}))
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	address := server.URL
	if at != nil {
		address = at(address)
	}
	k.leaf = k.between.Issue(t, certtest.Spec{Names: []string{"client"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, OCSP: []string{address}})
	return k
}

func (k *pki) authorities() map[string]string {
	first := func(p *certtest.Pair) string {
		text, _, _ := strings.Cut(p.Cert, "-----END CERTIFICATE-----")
		return text + "-----END CERTIFICATE-----\n"
	}
	return map[string]string{rootID: first(k.root), betweenID: first(k.between), strangeID: first(k.strange)}
}

// holder is the leaf as somebody to whom tokens are bound.
func (k *pki) holder(t testing.TB) *holder { return &holder{t: t, cert: &k.leaf.TLS} }

func escapedPEM(p *certtest.Pair) string {
	return strings.ReplaceAll(url.PathEscape(p.Cert), "+", "%2B")
}

// trustedLoopback is the peer of tests as a trusted proxy.
var trustedLoopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// shownConfig demands the certificate of the header X-Cert; more is laid over the
// record.
func shownConfig(more ...map[string]any) map[string]any {
	record := with(map[string]any{
		"certificate_header_name": "x-cert", "ca_certificates": []any{rootID, betweenID}, "revocation_check_mode": "SKIP",
	}, more...)
	return with(apiConfig("bearer"), map[string]any{"proof_of_possession_mtls": "strict", "proof_of_possession_mtls_from_header": record})
}

func newShownRig(t testing.TB, k *pki, trusted []netip.Prefix, config map[string]any) *rig {
	t.Helper()
	return newRig(t, rigOptions{
		config: config, idp: boundTo(map[string]any{"x5t#S256": k.holder(t).x5t()}), trusted: trusted, authorities: k.authorities(), frontTLS: true,
	})
}

// certificateRow is a fieldRow of the record.
type certificateRow struct {
	field        string
	base, change map[string]any
	// secure puts the responder under TLS, at moves its address.
	secure    bool
	at        func(string) string
	untrusted bool
	observe   func(r *rig, k *pki) string
	want      string
}

func certificateRows() []certificateRow {
	in := func(name string, value func(*certtest.Pair) string) func(*rig, *pki) string {
		return func(r *rig, k *pki) string { return status(r.bearer(r.accessToken(), name, value(k.leaf))) }
	}
	shown := in("X-Cert", escapedPEM)
	strict := one("revocation_check_mode", "STRICT")
	atNowhere := func(scheme string) func(string) string {
		return func(address string) string { // the port is the server's, so that a proxy can be told by it
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
			return scheme + "://responder" + port + ".invalid/"
		}
	}
	portOf := func(k *pki) int {
		var port int
		_, _ = fmt.Sscanf(k.leaf.Leaf.OCSPServer[0][strings.Index(k.leaf.Leaf.OCSPServer[0], "responder"):], "responder%d.invalid/", &port)
		return port
	}
	// proxied sets the proxy of a scheme, whose port is known late; without is
	// what the observation of the default leaves out.
	proxied := func(scheme, without string) func(*rig, *pki) string {
		return func(r *rig, k *pki) string {
			record := map[string]any{"revocation_check_mode": "STRICT", scheme + "_proxy_host": "127.0.0.1", scheme + "_proxy_port": portOf(k)}
			if !r.changed {
				record[scheme+"_proxy_"+without] = nil
			}
			r.change(one("proof_of_possession_mtls_from_header", record))
			shown(r, k)
			return fmt.Sprint(k.asked.Load())
		}
	}
	return []certificateRow{
		{field: "certificate_header_name", change: one("certificate_header_name", "x-other"), observe: in("X-Other", escapedPEM), want: "200"},
		{field: "certificate_header_format", change: one("certificate_header_format", "base64_encoded"), observe: in("X-Cert", func(p *certtest.Pair) string {
			return base64.StdEncoding.EncodeToString(p.Leaf.Raw)
		}), want: "200"},
		{field: "ca_certificates", base: one("ca_certificates", []any{strangeID}), change: one("ca_certificates", []any{rootID, betweenID}), observe: shown, want: "200"},
		{field: "allow_partial_chain", base: one("ca_certificates", []any{strangeID, betweenID}), change: one("allow_partial_chain", true), observe: shown, want: "200"},
		{field: "secure_source", untrusted: true, change: one("secure_source", false), observe: shown, want: "200"},
		{field: "revocation_check_mode", base: one("revocation_check_mode", "IGNORE_CA_ERROR"), change: strict, at: atNowhere("http"), observe: shown, want: "503"},
		{field: "cert_cache_ttl", base: strict, change: one("cert_cache_ttl", 1000), observe: func(r *rig, k *pki) string {
			shown(r, k)
			r.clock.advance(30 * time.Second)
			shown(r, k)
			return fmt.Sprint(k.asked.Load())
		}, want: "2"},
		{field: "ssl_verify", base: strict, change: one("ssl_verify", false), secure: true, observe: shown, want: "200"},
		{field: "http_timeout", base: strict, change: one("http_timeout", 100), observe: func(r *rig, k *pki) string {
			k.wait.Store(int64(2 * time.Second))
			return shown(r, k)
		}, want: "503"},
		{field: "http_proxy_host", at: atNowhere("http"), observe: proxied("http", "host"), want: "1"},
		{field: "http_proxy_port", at: atNowhere("http"), observe: proxied("http", "port"), want: "1"},
		{field: "https_proxy_host", at: atNowhere("https"), observe: proxied("https", "host"), want: "1"},
		{field: "https_proxy_port", at: atNowhere("https"), observe: proxied("https", "port"), want: "1"},
	}
}

func certificateRowNames() []string {
	var names []string
	for _, row := range certificateRows() {
		names = append(names, "proof_of_possession_mtls_from_header."+row.field)
	}
	return names
}

// TestFieldsOfTheCertificateHeader: every field is observable, and its default is
// observed to be something else.
func TestFieldsOfTheCertificateHeader(t *testing.T) {
	t.Parallel()
	for _, row := range certificateRows() {
		t.Run("proof_of_possession_mtls_from_header."+row.field, func(t *testing.T) {
			t.Parallel()
			trusted := trustedLoopback
			if row.untrusted {
				trusted = nil
			}
			k := newPKI(t, row.secure, row.at)
			standard := row.observe(newShownRig(t, k, trusted, shownConfig(row.base)), k)
			if standard == row.want {
				t.Errorf("without the change %q is observed as well", standard)
			}
			k = newPKI(t, row.secure, row.at)
			r := newShownRig(t, k, trusted, shownConfig(row.base, row.change))
			r.changed = true
			if got := row.observe(r, k); got != row.want {
				t.Errorf("observed %q, want %q (by default %q)\n%s", got, row.want, standard, r.log)
			}
		})
	}
}

// TestCertificateOfAHeader: it counts from a trusted peer, once, with a chain to a
// configured authority, and is the one to which the token is bound. The upstream
// never sees it, and the certificate of our own handshake does not stand in.
func TestCertificateOfAHeader(t *testing.T) {
	t.Parallel()
	k, other := newPKI(t, false, nil), newPKI(t, false, nil)
	second := k.between.Issue(t, certtest.Spec{Names: []string{"second"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	server := k.between.Issue(t, certtest.Spec{Names: []string{"server"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	expired := k.between.Issue(t, certtest.Spec{Names: []string{"expired"}, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotAfter: time.Now().Add(-time.Minute)})
	for _, tt := range []struct {
		name      string
		bound     *certtest.Pair
		values    []string
		mode      string
		untrusted bool
		want      int
	}{
		{"its certificate", k.leaf, []string{escapedPEM(k.leaf)}, "strict", false, 200},
		{"its certificate, optional", k.leaf, []string{escapedPEM(k.leaf)}, "optional", false, 200},
		{"no header", k.leaf, nil, "strict", false, 401},
		{"no header, optional", k.leaf, nil, "optional", false, 401},
		{"an empty header", k.leaf, []string{""}, "strict", false, 401},
		{"from a stranger", k.leaf, []string{escapedPEM(k.leaf)}, "strict", true, 401},
		{"from a stranger, optional", k.leaf, []string{escapedPEM(k.leaf)}, "optional", true, 401},
		{"twice", k.leaf, []string{escapedPEM(k.leaf), escapedPEM(k.leaf)}, "strict", false, 401},
		{"another one of the authority", k.leaf, []string{escapedPEM(second)}, "strict", false, 401},
		{"of another authority", other.leaf, []string{escapedPEM(other.leaf)}, "strict", false, 401},
		{"for servers", server, []string{escapedPEM(server)}, "strict", false, 401},
		{"expired", expired, []string{escapedPEM(expired)}, "strict", false, 401},
		{"garbage", k.leaf, []string{"garbage"}, "strict", false, 401},
		{"an unbound token beside garbage, optional", nil, []string{"garbage"}, "optional", false, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			trusted := trustedLoopback
			if tt.untrusted {
				trusted = nil
			}
			var cnf map[string]any
			if tt.bound != nil {
				cnf = map[string]any{"x5t#S256": (&holder{t: t, cert: &tt.bound.TLS}).x5t()}
			}
			r := newRig(t, rigOptions{
				config: with(shownConfig(), one("proof_of_possession_mtls", tt.mode)), idp: boundTo(cnf), trusted: trusted,
				authorities: k.authorities(), frontTLS: true,
			})
			r.shows = &k.leaf.TLS // of our own handshake: the proxy's, here
			token, pairs := r.accessToken(), []string{}
			for _, value := range tt.values {
				pairs = append(pairs, "X-Cert", value)
			}
			for range 2 { // the second time from memory
				a := r.bearer(token, pairs...)
				if a.status != tt.want {
					t.Fatalf("%d, want %d: %s\n%s", a.status, tt.want, a.body, r.log)
				}
				if tt.want == 200 && r.admitted(a).header("X-Cert") != "" {
					t.Error("the upstream saw the header")
				}
			}
		})
	}
}

// TestRevokedCertificateOfAHeader: it is refused in every mode that asks; a
// responder that is down, or there is none, is tolerated where that is configured.
func TestRevokedCertificateOfAHeader(t *testing.T) {
	t.Parallel()
	nowhere := func(string) string { return "http://127.0.0.1:1/" }
	for _, tt := range []struct {
		mode   string
		status int32
		at     func(string) string
		want   int
	}{
		{"STRICT", ocsp.Good, nil, 200},
		{"STRICT", ocsp.Revoked, nil, 401},
		{"STRICT", ocsp.Unknown, nil, 401},
		{"STRICT", ocsp.Good, nowhere, 503},
		{"IGNORE_CA_ERROR", ocsp.Good, nil, 200},
		{"IGNORE_CA_ERROR", ocsp.Revoked, nil, 401},
		{"IGNORE_CA_ERROR", ocsp.Unknown, nil, 401},
		{"IGNORE_CA_ERROR", ocsp.Good, nowhere, 200},
		{"SKIP", ocsp.Revoked, nil, 200},
	} {
		t.Run(fmt.Sprint(tt.mode, tt.status, tt.at == nil), func(t *testing.T) {
			t.Parallel()
			k := newPKI(t, false, tt.at)
			k.status.Store(tt.status)
			r := newShownRig(t, k, trustedLoopback, shownConfig(one("revocation_check_mode", tt.mode)))
			token := r.accessToken()
			for range 2 {
				if a := r.bearer(token, "X-Cert", escapedPEM(k.leaf)); a.status != tt.want {
					t.Errorf("%d, want %d: %s\n%s", a.status, tt.want, a.body, r.log)
				}
			}
			if asked := k.asked.Load(); asked > 1 || tt.mode == "SKIP" && asked != 0 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
	t.Run("a certificate without responder", func(t *testing.T) {
		t.Parallel()
		k := newPKI(t, false, nil)
		k.leaf = k.between.Issue(t, certtest.Spec{Names: []string{"client"}})
		r := newShownRig(t, k, trustedLoopback, shownConfig(one("revocation_check_mode", "IGNORE_CA_ERROR")))
		token := r.accessToken()
		r.admitted(r.bearer(token, "X-Cert", escapedPEM(k.leaf)))
		r.change(one("proof_of_possession_mtls_from_header", one("revocation_check_mode", "STRICT")))
		if a := r.bearer(token, "X-Cert", escapedPEM(k.leaf)); a.status != 401 {
			t.Errorf("strict: %d", a.status)
		}
	})
}

// TestAuthoritiesOfTheCertificateHeader: they must be there and let chains end, and
// count as they are at the moment.
func TestAuthoritiesOfTheCertificateHeader(t *testing.T) {
	t.Parallel()
	k := newPKI(t, false, nil)
	r := newShownRig(t, k, trustedLoopback, shownConfig())
	token := r.accessToken()
	shown := func() int { return r.bearer(token, "X-Cert", escapedPEM(k.leaf)).status }
	set := func(record map[string]any) error { return r.patch(one("proof_of_possession_mtls_from_header", record)) }
	if got := shown(); got != 200 {
		t.Fatalf("%d", got)
	}
	for name, record := range map[string]map[string]any{
		"an authority that is not there": one("ca_certificates", []any{rootID, "aaaaaaaa-0000-0000-0000-000000000009"}),
		"no root":                        one("ca_certificates", []any{betweenID}),
		"no authority":                   one("ca_certificates", []any{}),
		"what is no id":                  one("ca_certificates", []any{"root"}),
		"the header of credentials":      one("certificate_header_name", "authorization"),
		"no header name":                 one("certificate_header_name", "x cert"),
	} {
		if err := set(record); err == nil || !strings.Contains(err.Error(), "proof_of_possession_mtls_from_header") {
			t.Errorf("%s: %v", name, err)
		}
	}
	replace := func(text string) {
		t.Helper()
		err := r.store.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Patch("ca_certificates", betweenID, store.Object{"cert": text})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := shown(); got != 200 {
		t.Errorf("after what was refused: %d", got)
	}
	texts := k.authorities()
	foreign := k.strange.Issue(t, certtest.Spec{Names: []string{"between"}, Authority: true})
	text, _, _ := strings.Cut(foreign.Cert, "-----END CERTIFICATE-----")
	replace(text + "-----END CERTIFICATE-----\n")
	if got := shown(); got != 401 {
		t.Errorf("with another authority under the same id: %d", got)
	}
	replace(texts[betweenID])
	if got := shown(); got != 200 {
		t.Errorf("with the old one: %d", got)
	}
}
