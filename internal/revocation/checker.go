package revocation

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"sallyport/internal/cache"
)

// What Check finds. Test with errors.Is.
var (
	// ErrRevoked says that the issuer has revoked the certificate.
	ErrRevoked = errors.New("revocation: the certificate was revoked")
	// ErrUnknown says that the issuer's responder does not know the certificate.
	ErrUnknown = errors.New("revocation: the responder does not know the certificate")
	// ErrNoSource says that the certificate names nobody who could be asked.
	ErrNoSource = errors.New("revocation: the certificate names neither responder nor list")
	// ErrUnavailable says that nobody gave an answer that counts.
	ErrUnavailable = errors.New("revocation: no answer that counts")
)

const (
	// maxSources bounds the addresses of each kind that are tried.
	maxSources  = 3
	maxResponse = 64 << 10
	maxList     = 8 << 20
	maxHeader   = 64 << 10
	// skew is by how much clocks may differ.
	skew = 5 * time.Minute
	// undated is for how long an answer counts that does not say when the next is
	// due.
	undated = 24 * time.Hour
)

// Options are the settings of a Checker.
type Options struct {
	// Timeout bounds a whole check.
	Timeout time.Duration
	// HTTPProxy and HTTPSProxy are for addresses of these schemes, nil for none.
	HTTPProxy, HTTPSProxy *url.URL
	// InsecureSkipVerify leaves the certificates of https addresses unverified.
	InsecureSkipVerify bool
	// Lists keeps lists for TTL at most; nil keeps none. Realm tells entries of
	// other settings apart.
	Lists *cache.Cache[*x509.RevocationList]
	TTL   time.Duration
	Realm [32]byte
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Checker asks about certificates. It is safe for concurrent use.
type Checker struct {
	o      Options
	client *http.Client
}

// New returns a Checker. It does no I/O.
func New(o Options) *Checker {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Checker{o: o, client: &http.Client{
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				if r.URL.Scheme == "https" {
					return o.HTTPSProxy, nil
				}
				return o.HTTPProxy, nil
			},
			DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.InsecureSkipVerify}, //nolint:gosec // only by explicit setting
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Check returns nil for a certificate that was not revoked, and one of the errors
// of this package otherwise. issuer has signed it. The responders come first; a
// list is asked where none of them has an answer.
func (c *Checker) Check(ctx context.Context, cert, issuer *x509.Certificate) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	var failures []error
	for _, source := range []struct {
		addresses []string
		ask       func(context.Context, string, *x509.Certificate, *x509.Certificate) error
	}{{cert.OCSPServer, c.askResponder}, {cert.CRLDistributionPoints, c.askList}} {
		for _, address := range source.addresses[:min(len(source.addresses), maxSources)] {
			err := source.ask(ctx, address, cert, issuer)
			if err == nil || errors.Is(err, ErrRevoked) {
				return err
			}
			failures = append(failures, err)
		}
	}
	all := errors.Join(failures...)
	switch {
	case all == nil:
		return ErrNoSource
	case errors.Is(all, ErrUnknown):
		return ErrUnknown
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, all)
}

var errAnswer = errors.New("not an answer of 200")

// call sends a request and reads at most limit bytes; a nil body is a GET.
func (c *Checker) call(ctx context.Context, address string, body []byte, limit int64) ([]byte, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil || r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		return nil, errors.New("no http address")
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/ocsp-request")
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, errAnswer
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > limit:
		return nil, errors.New("answer too long")
	}
	return text, nil
}

var errStale = errors.New("answer of another time")

// current reports whether an answer counts at the moment.
func (c *Checker) current(this, next time.Time) bool {
	now := c.o.Now()
	if next.IsZero() {
		next = this.Add(undated)
	}
	return !this.After(now.Add(skew)) && now.Before(next.Add(skew))
}
