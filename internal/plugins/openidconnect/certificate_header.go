package openidconnect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/certificate"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/revocation"
	"sallyport/internal/schema"
)

// The bounds of what is remembered of certificates: verdicts, and lists of revoked
// ones.
const (
	verdictEntries = 20_000
	verdictBytes   = 16 << 20
	listEntries    = 256
	listBytes      = 128 << 20
	// unavailableTTL is for how long it counts that no verdict could be had: a
	// responder that is down must not hold up every request.
	unavailableTTL = 10 * time.Second
)

// verdict is what was found out about a certificate whose chain is good.
type verdict struct {
	thumbprint string
	// err is why it does not count; nil for one that was not revoked.
	err error
}

// certificates reads client certificates from a header (RFC 8705 section 6.5
// leaves to deployments how they come from a TLS terminator).
type certificates struct {
	header               *config.CertificateHeader
	roots, intermediates *x509.CertPool
	checker              *revocation.Checker // nil for SKIP
	verdicts             *cache.Cache[*verdict]
	// realm is a part of the keys: of the settings and the authorities.
	realm [sha256.Size]byte
	now   func() time.Time
}

const headerField = "config.proof_of_possession_mtls_from_header"

var (
	errAuthority = errors.New("there is no ca_certificates entity of this id")
	errNoRoot    = errors.New("none of them is self-signed, so that no chain can end: see allow_partial_chain")
)

// newCertificates returns nil where no header is configured.
func (f *shared) newCertificates(c *config.Config, find func(id string) *x509.Certificate) (*certificates, error) {
	header := &c.Possession.Header
	if header.Name == "" {
		return nil, nil
	}
	s := &certificates{header: header, roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), verdicts: f.verdicts, now: f.Now}
	realm := sha256.New()
	realm.Write(c.Fingerprint[:])
	ends := false
	for i, id := range header.Authorities {
		var authority *x509.Certificate
		if find != nil {
			authority = find(id)
		}
		if authority == nil {
			return nil, &schema.FieldError{Path: fmt.Sprintf("%s.ca_certificates.%d", headerField, i+1), Err: errAuthority}
		}
		sum := sha256.Sum256(authority.Raw)
		realm.Write(sum[:])
		if header.Partial || selfSigned(authority) {
			ends = true
			s.roots.AddCert(authority)
		} else {
			s.intermediates.AddCert(authority)
		}
	}
	if !ends {
		return nil, &schema.FieldError{Path: headerField + ".ca_certificates", Err: errNoRoot}
	}
	s.realm = [sha256.Size]byte(realm.Sum(nil))
	if header.Revocation != config.RevocationSkip {
		s.checker = revocation.New(revocation.Options{
			Timeout: header.Timeout, HTTPProxy: header.HTTPProxy(), HTTPSProxy: header.HTTPSProxy(), InsecureSkipVerify: !header.VerifyTLS,
			Lists: f.lists, TTL: header.TTL, Realm: s.realm, Now: f.Now,
		})
	}
	return s, nil
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(c) == nil
}

var (
	errSeveralHeaders = errors.New("the header stands there more than once")
	errChain          = errors.New("no chain to one of ca_certificates")
)

// from is the thumbprint of the certificate that a request's header shows; empty
// where there is none, or the peer may not show one.
func (s *certificates) from(v *visit) (string, error) {
	values := v.q.HTTP.Header[s.header.Name]
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", nil
	case s.header.Secure && !v.q.Canonical.Trusted:
		return "", nil
	case len(values) > 1:
		return "", errSeveralHeaders
	}
	key := sha256.Sum256(append(append([]byte("verdict"), s.realm[:]...), values[0]...))
	if found, ok := s.verdicts.Get(key); ok {
		return found.thumbprint, found.err
	}
	chain, err := s.chain(values[0])
	if err != nil {
		return "", err
	}
	found, err := s.verdicts.Do(v.ctx, key, func(ctx context.Context) (cache.Value[*verdict], error) {
		return s.judge(ctx, chain), nil
	}, nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", revocation.ErrUnavailable, err)
	}
	return found.thumbprint, found.err
}

// chain verifies the certificate of a header; it is the first of the result.
func (s *certificates) chain(value string) ([]*x509.Certificate, error) {
	read := certificate.FromEscapedPEM
	if s.header.Format == config.FormatBase64 {
		read = certificate.FromBase64
	}
	shown, err := read(value)
	if err != nil {
		return nil, err
	}
	chains, err := shown.Verify(x509.VerifyOptions{
		Roots: s.roots, Intermediates: s.intermediates, CurrentTime: s.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil || len(chains) == 0 {
		return nil, errChain // the library's text quotes names of the certificate
	}
	return chains[0], nil
}

// judge asks whether the certificate was revoked. What it finds counts for as long
// as is configured, and as every certificate of the chain is valid.
func (s *certificates) judge(ctx context.Context, chain []*x509.Certificate) cache.Value[*verdict] {
	out, ttl := &verdict{thumbprint: certificateThumbprint(chain[0].Raw)}, s.header.TTL
	if s.checker != nil {
		err := revocation.ErrNoSource
		if len(chain) > 1 {
			err = s.checker.Check(context.WithoutCancel(ctx), chain[0], chain[1]) // others may wait for it
		}
		if errors.Is(err, revocation.ErrUnavailable) {
			ttl = min(ttl, unavailableTTL)
		}
		if s.header.Revocation == config.RevocationStrict || errors.Is(err, revocation.ErrRevoked) || errors.Is(err, revocation.ErrUnknown) {
			out.err = err
		}
	}
	if out.err != nil {
		out.thumbprint = ""
	}
	fresh := s.now().Add(ttl)
	for _, c := range chain {
		fresh = earlier(fresh, c.NotAfter)
	}
	return cache.Value[*verdict]{V: out, Size: 200, Fresh: fresh}
}
