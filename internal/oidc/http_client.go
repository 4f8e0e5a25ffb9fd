package oidc

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sallyport/internal/secret"
)

const (
	defaultTimeout = 10 * time.Second
	maxBody        = 1 << 20
	maxHeader      = 64 << 10
	maxRedirects   = 3
	idleTimeout    = 30 * time.Second
)

// HTTPOptions are the settings of the calls to the provider. The zero value
// verifies certificates against the system's roots and uses no proxy: the
// environment variables for proxies are not read.
type HTTPOptions struct {
	// Timeout bounds one call from dialling to the last byte of the body;
	// 0 means 10 s.
	Timeout time.Duration
	// InsecureSkipVerify switches the verification of certificates off.
	InsecureSkipVerify bool
	// TrustedCertificates, when set, is a PEM bundle that replaces the
	// system's roots.
	TrustedCertificates string
	// DisableKeepAlive closes the connection after each call.
	DisableKeepAlive bool
	// HTTPProxy and HTTPSProxy are URLs of forward proxies for http and https
	// calls; empty means none.
	HTTPProxy, HTTPSProxy string
	// HTTPProxyAuthorization and HTTPSProxyAuthorization are values of
	// Proxy-Authorization for these proxies.
	HTTPProxyAuthorization, HTTPSProxyAuthorization secret.String
	// NoProxy lists hosts that are reached directly: a name stands for itself
	// and its subdomains, * for all hosts.
	NoProxy []string
}

var (
	errBodyTooLarge  = errors.New("answer larger than 1 MiB")
	errBodyCut       = errors.New("answer cut short")
	errContentType   = errors.New("answer is not json")
	errNoAnswer      = errors.New("no complete answer in time")
	errUnusable      = errors.New("no usable http answer")
	errConnectionCut = errors.New("connection closed without an answer")
)

// httpClient makes the calls to the provider: no redirect is followed on a
// POST, on GET only within one origin; bodies and headers are bounded, and
// each call has a deadline. It is safe for concurrent use.
type httpClient struct {
	client  *http.Client
	timeout time.Duration
	proxy   proxyRules
	now     func() time.Time // nil with a nil observe
	observe func(Call)       // nil for nobody
}

// newHTTPClient makes a client that shows certificate, if there is one.
func newHTTPClient(o HTTPOptions, certificate *tls.Certificate) (*httpClient, error) {
	proxy, err := newProxyRules(o)
	if err != nil {
		return nil, err
	}
	roots, err := trustedRoots(o.TrustedCertificates)
	if err != nil {
		return nil, err
	}
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: o.InsecureSkipVerify} //nolint:gosec // only by explicit setting
	if certificate != nil {
		// Whatever authorities the provider names: some name none that fit.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		Proxy:                  proxy.choose,
		GetProxyConnectHeader:  proxy.connectHeader,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    timeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        idleTimeout,
		DisableKeepAlives:      o.DisableKeepAlive,
		Protocols:              protocols,
	}
	return &httpClient{
		client:  &http.Client{Transport: transport, CheckRedirect: sameOriginGET},
		timeout: timeout,
		proxy:   proxy,
	}, nil
}

func trustedRoots(pem string) (*x509.CertPool, error) {
	if pem == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(pem)) {
		return nil, errors.New("oidc: trusted certificates hold no certificate")
	}
	return pool, nil
}

// sameOriginGET follows a few redirects of a GET within its origin. Any other
// redirect is returned as the answer, and its status refuses it: following
// would carry a code, a secret or a token to another host.
func sameOriginGET(next *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet || len(via) > maxRedirects ||
		next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// answer is a response whose body has been read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// ok reports a 2xx status.
func (a *answer) ok() bool { return a.status >= 200 && a.status <= 299 }

// do makes one call. The status is looked at first: the body is read where
// wanted says so. Errors carry no text of the request or of the answer.
func (c *httpClient) do(ctx context.Context, to Endpoint, r *http.Request, wanted func(status int) bool) (*answer, error) {
	if c.observe == nil {
		return c.exchange(ctx, r, wanted)
	}
	start := c.now()
	a, err := c.exchange(ctx, r, wanted)
	call := Call{Endpoint: to, Err: err, Took: c.now().Sub(start)}
	if err == nil {
		call.Status = a.status
	}
	c.observe(call)
	return a, err
}

func (c *httpClient) exchange(ctx context.Context, r *http.Request, wanted func(status int) bool) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "sallyport")
	}
	c.proxy.authorize(r)
	resp, err := c.send(r.WithContext(ctx))
	if err != nil {
		return nil, transportError(err)
	}
	defer resp.Body.Close() //nolint:errcheck // reading is over
	a := &answer{status: resp.StatusCode, header: resp.Header}
	if !wanted(a.status) {
		return a, nil
	}
	var body bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= maxBody {
		body.Grow(int(n) + bytes.MinRead)
	}
	if _, err = body.ReadFrom(io.LimitReader(resp.Body, maxBody+1)); err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		return nil, errBodyCut
	}
	if body.Len() > maxBody {
		return nil, errBodyTooLarge
	}
	a.body = body.String()
	return a, nil
}

// send asks the transport itself for a POST: what http.Client adds is redirects,
// which a POST never follows, and cookies, of which there are none.
func (c *httpClient) send(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		return c.client.Transport.RoundTrip(r)
	}
	return c.client.Do(r)
}

// getObject fetches a JSON object: a 2xx status, a JSON type, a bounded body.
func (c *httpClient) getObject(ctx context.Context, to Endpoint, target string, header http.Header) (object map[string]any, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, "", errors.New("malformed url")
	}
	for name, values := range header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	a, err := c.do(ctx, to, r, func(status int) bool { return status >= 200 && status <= 299 })
	if err != nil {
		return nil, "", err
	}
	if !a.ok() {
		return nil, "", &statusError{status: a.status}
	}
	object, err = a.object()
	return object, a.body, err
}

// object decodes the body as a JSON object.
func (a *answer) object() (map[string]any, error) {
	if !jsonType(a.header.Get("Content-Type")) {
		return nil, errContentType
	}
	return decodeObject(a.body)
}

// statusError is an answer with a status that is no success.
type statusError struct{ status int }

func (e *statusError) Error() string {
	if e.status >= 300 && e.status <= 399 {
		return fmt.Sprintf("status %d, a redirect that is not followed", e.status)
	}
	return fmt.Sprintf("status %d", e.status)
}

// jsonType accepts the types under which providers serve JSON, among them the
// neutral ones of static file servers. A page or a JWT is not JSON.
func jsonType(contentType string) bool {
	if contentType == "" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch mediaType {
	case "application/json", "text/json", "text/javascript", "application/javascript",
		"text/plain", "application/octet-stream":
		return true
	}
	return strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}

// transportError says what went wrong without the URL (its query may hold a
// key) and without bytes of the other side.
func transportError(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	var (
		op   *net.OpError
		cert *tls.CertificateVerificationError
		tlsR tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
		return fmt.Errorf("%w: %w", errNoAnswer, context.DeadlineExceeded)
	case errors.As(err, &cert), errors.As(err, &op), errors.As(err, &tlsR):
		return errors.New(printable(err.Error(), maxErrorDescription))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errConnectionCut
	default:
		return errUnusable
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
