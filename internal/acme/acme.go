package acme

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// LetsEncrypt is the directory that is asked by default.
const LetsEncrypt = certmagic.LetsEncryptProductionCA

// protocol is the ALPN name of TLS-ALPN-01 (RFC 8737 §6.2).
const protocol = "acme-tls/1"

// challengePath is where HTTP-01 asks (RFC 8555 §8.3).
const challengePath = "/.well-known/acme-challenge/"

// Options configure a Manager.
type Options struct {
	// Domains are the host names, as CheckDomain wants them.
	Domains []string
	// Directory is the URL of the authority; empty means LetsEncrypt.
	Directory string
	// RootFile is a PEM file with the roots that verify the directory's own
	// certificate; empty means the system's.
	RootFile string
	// Email is where the authority writes to; may be empty.
	Email string
	// Storage is a directory for keys, certificates and the account.
	Storage string
	// HTTP and TLS are the addresses of our listeners that the authority's
	// questions reach; the zero value means that there is none of the kind. One
	// must be there.
	HTTP, TLS netip.AddrPort
	// Logger gets what certmagic tells; nil discards it.
	Logger *slog.Logger
}

// Manager has the certificates. Its methods may be used concurrently.
type Manager struct {
	domains []string
	owned   map[string]bool
	cache   *certmagic.Cache
	config  *certmagic.Config
	issuer  *certmagic.ACMEIssuer
}

// CheckDomain reports why an authority would never certify a name: it must be a
// host name in lower case. A wildcard needs a challenge by DNS, which is not
// offered.
func CheckDomain(name string) error {
	_, isIP := netip.ParseAddr(name)
	switch {
	case strings.Contains(name, "*"):
		return errors.New("a wildcard needs a challenge by DNS, which is not offered")
	case isIP == nil || name == "" || strings.ToLower(name) != name || strings.ContainsAny(name, ":/@ ") || strings.HasSuffix(name, "."):
		return errors.New("want a host name in lower case, without port and final dot")
	}
	return nil
}

// New returns a manager. It reads nothing but the root file.
func New(o Options) (*Manager, error) {
	if !o.HTTP.IsValid() && !o.TLS.IsValid() {
		return nil, errors.New("acme: no listener that the authority can reach")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	logger := zap.New(&core{logger: o.Logger})
	m := &Manager{domains: o.Domains, owned: map[string]bool{}}
	for _, name := range o.Domains {
		if err := CheckDomain(name); err != nil {
			return nil, fmt.Errorf("acme: domain %q: %w", name, err)
		}
		m.owned[name] = true
	}
	roots, err := readRoots(o.RootFile)
	if err != nil {
		return nil, err
	}
	m.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return m.config, nil },
		Logger:           logger,
	})
	m.config = certmagic.New(m.cache, certmagic.Config{Storage: &certmagic.FileStorage{Path: o.Storage}, Logger: logger})
	m.issuer = certmagic.NewACMEIssuer(m.config, certmagic.ACMEIssuer{
		CA: o.Directory, Email: o.Email, Agreed: true, TrustedRoots: roots, Logger: logger,
		// certmagic would listen by itself where nobody does.
		DisableHTTPChallenge: !o.HTTP.IsValid(), AltHTTPPort: int(o.HTTP.Port()),
		DisableTLSALPNChallenge: !o.TLS.IsValid(), AltTLSALPNPort: int(o.TLS.Port()),
		ListenHost: host(o),
	})
	m.config.Issuers = []certmagic.Issuer{m.issuer}
	return m, nil
}

// host is the address of the listeners; certmagic knows one for both.
func host(o Options) string {
	if o.TLS.IsValid() {
		return o.TLS.Addr().String()
	}
	return o.HTTP.Addr().String()
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("acme: root certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("acme: root certificates: %s holds none in PEM form", file)
	}
	return pool, nil
}

// Run obtains what is missing and renews what runs out, until ctx is done. It
// returns at once when it is not able to begin.
func (m *Manager) Run(ctx context.Context) error {
	defer m.cache.Stop()
	if err := m.config.ManageAsync(ctx, m.domains); err != nil {
		return fmt.Errorf("acme: %w", err)
	}
	<-ctx.Done()
	return nil
}

// Certificate answers a handshake: with the proof of a challenge, or with the
// certificate of one of the domains. It reports false for everybody else, and
// while there is no certificate yet.
func (m *Manager) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, bool) {
	if !m.owned[fold(hello.ServerName)] {
		return nil, false
	}
	cert, err := m.config.GetCertificate(hello)
	if err != nil {
		return nil, false
	}
	return cert, true
}

// IsChallenge reports whether a handshake is a challenge and nothing else.
func IsChallenge(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == protocol
}

// AnswerHTTP gives the answer to a challenge by http for one of the domains,
// and reports whether r is one.
func (m *Manager) AnswerHTTP(r *http.Request, host string) ([]byte, bool) {
	if !strings.HasPrefix(r.URL.Path, challengePath) || !m.owned[fold(host)] {
		return nil, false
	}
	w := &answer{}
	if !m.issuer.HandleHTTPChallenge(w, r) {
		return nil, false
	}
	return w.body.Bytes(), true
}

func fold(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// answer is a ResponseWriter that keeps the body.
type answer struct {
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header {
	if a.header == nil {
		a.header = http.Header{}
	}
	return a.header
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(int) {}
