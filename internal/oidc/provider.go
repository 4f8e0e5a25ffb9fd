package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// retryAfterFailure is how long a failed fetch of document or keys keeps
// others from trying again.
const retryAfterFailure = 5 * time.Second

const defaultCacheTTL = time.Hour

// Options are the settings of one provider.
type Options struct {
	// Issuer is the issuer identifier, or the URL of its discovery document.
	Issuer string
	// UsingPseudoIssuer: Issuer is only the expected iss of tokens; there is no
	// discovery, and endpoints must be configured.
	UsingPseudoIssuer bool
	// IssuersAllowed, when set, replaces the document's issuer as the expected
	// iss of tokens, and lists further issuers that the document may name.
	// {tenantid} stands for the token's own tid.
	IssuersAllowed []string
	// Endpoints win over those of the document.
	Endpoints Endpoints
	// ExtraJWKSURIs are further key sets, consulted after the provider's own.
	ExtraJWKSURIs []string
	// DiscoveryHeaders are sent when the document is fetched.
	DiscoveryHeaders http.Header
	// RediscoveryLifetime is how long after a fetch of keys that brought
	// nothing new an unknown key causes no other; 0 means no limit.
	RediscoveryLifetime time.Duration
	// CacheTTL is how long document and keys are used before they are fetched
	// again; 0 means an hour.
	CacheTTL time.Duration
	// HTTP are the settings of the calls.
	HTTP HTTPOptions
	// MutualTLS is for calls of clients that authenticate themselves by a
	// certificate; nil means that there is none.
	MutualTLS *MutualTLS
	// OwnKeys are key pairs of the relying party, for clients without a private
	// key of their own; nil means that there are none.
	OwnKeys *SigningKeys
	// Now is the clock; nil means time.Now. Rand makes identifiers; nil means
	// crypto/rand.
	Now  func() time.Time
	Rand io.Reader
	// Observe is told of every call; nil for nobody. It never blocks.
	Observe func(c Call)
}

// MutualTLS shows a certificate to the provider (RFC 8705 §2). It must not be
// changed.
type MutualTLS struct {
	Certificate tls.Certificate
	// InsecureSkipVerify switches the verification of the provider's
	// certificate off, for these calls.
	InsecureSkipVerify bool
}

// key names the settings without telling the private key: a certificate stands
// for it.
func (m *MutualTLS) key() any {
	if m == nil {
		return nil
	}
	return []any{m.Certificate.Certificate, m.InsecureSkipVerify}
}

// Key is equal for equal settings, clock, own keys and observer apart, and
// different for different ones. It tells no secret: providers are pooled by it.
func (o Options) Key() string {
	fields := []any{
		o.Issuer, o.UsingPseudoIssuer, o.IssuersAllowed, o.Endpoints, o.ExtraJWKSURIs, o.DiscoveryHeaders,
		o.RediscoveryLifetime, o.CacheTTL, o.HTTP, o.MutualTLS.key(),
		o.HTTP.HTTPProxyAuthorization.Reveal(), o.HTTP.HTTPSProxyAuthorization.Reveal(),
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic("oidc: options: " + err.Error()) // plain strings, numbers and maps of strings
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Provider is one OpenID Provider as seen by a relying party: its document,
// its keys, and the calls to it. It is safe for concurrent use and lives
// longer than a configuration (see Options.Key).
type Provider struct {
	opts     Options
	issuer   issuerName // zero with a pseudo issuer
	fallback *Metadata  // what is known without a document
	http     *httpClient
	mutual   *httpClient     // nil without a certificate
	document *documentSource // nil with a pseudo issuer
	keys     *keySource
}

// NewProvider checks options. It makes no call: the document is fetched when
// it is first needed.
func NewProvider(o Options) (*Provider, error) {
	if o.Issuer == "" {
		return nil, errors.New("oidc: no issuer")
	}
	if o.CacheTTL <= 0 {
		o.CacheTTL = defaultCacheTTL
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if err := o.Endpoints.check(); err != nil {
		return nil, err
	}
	for _, uri := range o.ExtraJWKSURIs {
		if _, err := absoluteURL(uri); err != nil {
			return nil, fmt.Errorf("oidc: extra jwks uri: %w", err)
		}
	}
	o.IssuersAllowed, o.ExtraJWKSURIs = slices.Clone(o.IssuersAllowed), slices.Clone(o.ExtraJWKSURIs)
	o.DiscoveryHeaders = o.DiscoveryHeaders.Clone()
	client, err := newHTTPClient(o.HTTP, nil)
	if err != nil {
		return nil, err
	}
	client.now, client.observe = o.Now, o.Observe
	p := &Provider{opts: o, http: client, fallback: configuredMetadata(o.Issuer, o.Endpoints)}
	if o.MutualTLS != nil {
		of := o.HTTP
		of.InsecureSkipVerify = o.MutualTLS.InsecureSkipVerify
		if p.mutual, err = newHTTPClient(of, &o.MutualTLS.Certificate); err != nil {
			return nil, err
		}
		p.mutual.now, p.mutual.observe = o.Now, o.Observe
	}
	p.keys = &keySource{provider: p}
	if o.UsingPseudoIssuer {
		return p, nil
	}
	if p.issuer, err = parseIssuer(o.Issuer); err != nil {
		return nil, fmt.Errorf("oidc: issuer: %w", err)
	}
	if p.issuer.identifier != strings.TrimSuffix(o.Issuer, "/") {
		p.fallback.Issuer = p.issuer.identifier // Issuer is the document's URL
	}
	p.document = &documentSource{provider: p}
	return p, nil
}

// Close ends fetches that are under way and closes idle connections. The
// provider must not be used afterwards.
func (p *Provider) Close() {
	p.keys.flights.close()
	if p.document != nil {
		p.document.flights.close()
	}
	p.http.client.CloseIdleConnections()
	if p.mutual != nil {
		p.mutual.client.CloseIdleConnections()
	}
}
