package practiceidp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Client is a registered OAuth client.
type Client struct {
	ID string
	// Name is shown on the consent page; empty means ID.
	Name string
	// Secret is empty for a public client, which authenticates with none.
	Secret string
	// AuthMethods lists what the client may use: client_secret_basic,
	// client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth,
	// self_signed_tls_client_auth, none. Empty means the first two for a client
	// with a secret, and none for one without.
	AuthMethods []string
	// Keys are the client's public keys, for assertions and request objects;
	// KeysURI is where they are fetched each time in place of them.
	Keys    jose.JSONWebKeySet
	KeysURI string
	// Certificate is the one that self_signed_tls_client_auth shows (DER), and
	// SubjectDN the subject that tls_client_auth shows.
	Certificate []byte
	SubjectDN   string
	// RedirectURIs and PostLogoutRedirectURIs are compared byte for byte.
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	// RequirePKCE refuses authorization requests without code_challenge.
	RequirePKCE bool
	// RequirePushed refuses authorization requests that were not pushed (RFC
	// 9126 §6), RequireSigned those that are not signed (RFC 9101 §10.5).
	RequirePushed, RequireSigned bool
	// SkipConsent answers without the consent page.
	SkipConsent bool
}

// User can log in.
type User struct {
	// Subject is the sub claim; empty means Name.
	Subject string
	// Name is what is typed on the login page and the preferred_username claim.
	Name     string
	Password string
	// Claims are additional claims for the ID token and user info, for example
	// email and groups. Standard ones are filtered by the granted scopes.
	Claims map[string]any
	// AccessTokenClaims are additional claims for the access token. They cannot
	// replace those that the provider sets.
	AccessTokenClaims map[string]any
}

// Options configure a Provider. Issuer is required.
type Options struct {
	// Issuer is the absolute http or https URL under which the handler is
	// reached, without query and fragment. A trailing slash is kept.
	Issuer  string
	Clients []Client
	Users   []User
	// Keys are the signing keys; nil means fresh ones. Making an RSA key takes
	// a while: tests may share one set.
	Keys *Keys
	// Now and Rand default to the real clock and crypto/rand.
	Now  func() time.Time
	Rand io.Reader
	// AccessTokenTTL (5 minutes), IDTokenTTL (5 minutes), CodeTTL (1 minute)
	// and SessionTTL (10 hours; also the life of refresh tokens).
	AccessTokenTTL, IDTokenTTL, CodeTTL, SessionTTL time.Duration
	// AutoLogin names the user who counts as logged in and consenting in every
	// authorization request: no page is shown. For tests without a browser.
	AutoLogin string
	// SigningAlgs is id_token_signing_alg_values_supported, and its first
	// member signs. Default RS256, ES256.
	SigningAlgs []string
	// OmitPKCEMethods leaves code_challenge_methods_supported out of the
	// discovery document; S256 is understood all the same.
	OmitPKCEMethods bool
	// PKCEMethods is what discovery lists otherwise. Default S256.
	PKCEMethods []string
	// OmitResponseIssuer neither announces nor sends the iss parameter of
	// RFC 9207.
	OmitResponseIssuer bool
	// AnnouncePushed and AnnounceSigned say in the document that every client
	// must push and sign its requests.
	AnnouncePushed, AnnounceSigned bool
	// AuthMethods is token_endpoint_auth_methods_supported; nil lists all.
	AuthMethods []string
	// OmitExpiresIn leaves expires_in out of token responses.
	OmitExpiresIn bool
	// FixedACR is the level (acr) of every login, whatever acr_values asks for;
	// empty grants the first level that is asked for.
	FixedACR string
	// AuthAge is how much earlier users authenticated than they did.
	AuthAge time.Duration
}

// Provider is the OpenID Provider. It is an http.Handler for every path below
// its issuer and is safe for concurrent use.
type Provider struct {
	opts    Options
	issuer  *url.URL
	base    string // path prefix of the endpoints, without trailing slash
	clients map[string]*Client
	formKey []byte // authenticates the forms of the pages
	mux     map[string]http.HandlerFunc

	// randomMu guards opts.Rand, which may be a plain reader in tests.
	randomMu sync.Mutex

	// mu guards everything below.
	mu        sync.Mutex
	keys      *Keys
	users     map[string]*User // by name
	autoLogin string
	lies      []*row
	calls     map[string]int
	codes     map[string]*code
	grants    map[string]*grant // by grant id
	refresh   map[string]string // refresh token → grant id, spent ones included
	access    map[string]accessToken
	logins    map[string]*login // by login cookie value
	consents  map[string]bool   // user NUL client NUL scope
	pushed    map[string]pushedRequest
	jtis      map[string]time.Time // of assertions, with their exp
	seen      map[string]Seen
	// mutualTLS is what AnnounceMutualTLS was told.
	mutualTLS string
}

// New checks o and returns a provider. It does no I/O beyond reading random
// bytes.
func New(o Options) (*Provider, error) {
	issuer, err := parseIssuer(o.Issuer)
	if err != nil {
		return nil, err
	}
	fillDefaults(&o)
	p := &Provider{
		opts: o, issuer: issuer, base: strings.TrimSuffix(issuer.Path, "/"),
		keys: o.Keys, autoLogin: o.AutoLogin,
		clients: map[string]*Client{}, users: map[string]*User{}, calls: map[string]int{},
		codes: map[string]*code{}, grants: map[string]*grant{}, refresh: map[string]string{},
		access: map[string]accessToken{}, logins: map[string]*login{}, consents: map[string]bool{},
		pushed: map[string]pushedRequest{}, jtis: map[string]time.Time{}, seen: map[string]Seen{},
	}
	if p.keys == nil {
		if p.keys, err = NewKeys(o.Rand); err != nil {
			return nil, err
		}
	}
	if err := p.register(); err != nil {
		return nil, err
	}
	p.formKey = make([]byte, 32)
	if _, err := io.ReadFull(o.Rand, p.formKey); err != nil {
		return nil, errors.New("practiceidp: no random bytes")
	}
	p.mux = p.endpoints()
	return p, nil
}

func parseIssuer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("practiceidp: issuer %q is not an absolute http or https URL", text)
	}
	return u, nil
}

// register fills the look-up tables of clients and users.
func (p *Provider) register() error {
	for _, c := range p.opts.Clients {
		if c.ID == "" || p.clients[c.ID] != nil {
			return fmt.Errorf("practiceidp: client id %q is empty or not unique", c.ID)
		}
		p.clients[c.ID] = normalClient(c)
	}
	for _, u := range p.opts.Users {
		if u.Name == "" || p.users[u.Name] != nil {
			return fmt.Errorf("practiceidp: user name %q is empty or not unique", u.Name)
		}
		if u.Subject == "" {
			u.Subject = u.Name
		}
		p.users[u.Name] = &u
	}
	if p.autoLogin != "" && p.users[p.autoLogin] == nil {
		return fmt.Errorf("practiceidp: AutoLogin %q is not a user", p.autoLogin)
	}
	for _, alg := range p.opts.SigningAlgs {
		if !slices.ContainsFunc(p.keys.signing(), func(s signingKey) bool { return s.alg == alg }) {
			return fmt.Errorf("practiceidp: no key signs with %s", alg)
		}
	}
	return nil
}

func fillDefaults(o *Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.AccessTokenTTL, 5 * time.Minute},
		{&o.IDTokenTTL, 5 * time.Minute},
		{&o.CodeTTL, time.Minute},
		{&o.SessionTTL, 10 * time.Hour},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if len(o.SigningAlgs) == 0 {
		o.SigningAlgs = []string{"RS256", "ES256"}
	}
	if o.AuthMethods == nil {
		o.AuthMethods = []string{methodBasic, methodPost, methodSecretJWT, methodPrivateKeyJWT, methodTLS, methodSelfSignedTLS, methodNone}
	}
	if len(o.PKCEMethods) == 0 {
		o.PKCEMethods = []string{"S256"}
	}
}

func normalClient(c Client) *Client {
	if c.Name == "" {
		c.Name = c.ID
	}
	if len(c.AuthMethods) == 0 {
		c.AuthMethods = []string{methodBasic, methodPost}
		if c.Secret == "" {
			c.AuthMethods = []string{methodNone}
		}
	}
	return &c
}

// Endpoint names, as Calls counts them.
const (
	endpointDiscovery = "discovery"
	endpointJWKS      = "jwks"
	endpointAuthorize = "authorize"
	endpointLogin     = "login"
	endpointConsent   = "consent"
	endpointToken     = "token"
	endpointUserInfo  = "userinfo"
	endpointLogout    = "logout"
	endpointPAR       = "par"
	endpointRevoke    = "revoke"

	endpointIntrospection = "introspection"

	endpointElsewhere = "elsewhere"
)

const discoveryPath = "/.well-known/openid-configuration"

func (p *Provider) endpoints() map[string]http.HandlerFunc {
	m := map[string]http.HandlerFunc{}
	for path, e := range map[string]struct {
		name    string
		handler http.HandlerFunc
	}{
		discoveryPath:    {endpointDiscovery, p.serveDiscovery},
		"/jwks":          {endpointJWKS, p.serveJWKS},
		"/authorize":     {endpointAuthorize, p.serveAuthorize},
		"/login":         {endpointLogin, p.serveLogin},
		"/consent":       {endpointConsent, p.serveConsent},
		"/token":         {endpointToken, p.serveToken},
		"/userinfo":      {endpointUserInfo, p.serveUserInfo},
		"/logout":        {endpointLogout, p.serveLogout},
		"/introspection": {endpointIntrospection, p.serveIntrospection},
		"/par":           {endpointPAR, p.servePAR},
		"/revoke":        {endpointRevoke, p.serveRevoke},
		"/elsewhere":     {endpointElsewhere, http.NotFound},
	} {
		m[path] = func(w http.ResponseWriter, r *http.Request) {
			p.count(e.name)
			p.remember(e.name, r)
			for _, lie := range p.active() {
				if lie.before != nil {
					lie.before(e.name)
				}
			}
			e.handler(w, r)
		}
	}
	return m
}

// ServeHTTP answers requests to the issuer's endpoints; everything else is 404.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, p.base)
	handler := p.mux[path]
	if !ok || handler == nil {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	handler(w, r)
}

// maxForm bounds what is read of a request, in bytes.
const maxForm = 256 << 10

// Issuer is the issuer identifier, exactly as configured.
func (p *Provider) Issuer() string { return p.opts.Issuer }

// URL is the address of an endpoint: one of discovery, jwks, authorize, token,
// userinfo, introspection, logout, par, revoke.
func (p *Provider) URL(endpoint string) string {
	path := "/" + endpoint
	if endpoint == endpointDiscovery {
		path = discoveryPath
	}
	return strings.TrimSuffix(p.opts.Issuer, "/") + path
}

// Calls tells how often an endpoint was called: discovery, jwks, authorize,
// login, consent, token, userinfo, introspection, logout, par, revoke. Token
// requests are also counted by grant, as code, refresh, password and
// client_credentials; elsewhere counts requests that followed a
// redirect to another host.
func (p *Provider) Calls(endpoint string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[endpoint]
}

func (p *Provider) count(endpoint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[endpoint]++
}

// LogInAs changes Options.AutoLogin: the named user needs no page from now on,
// and "" brings the pages back. It panics when there is no such user.
func (p *Provider) LogInAs(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if user != "" && p.users[user] == nil {
		panic("practiceidp: no user " + user)
	}
	p.autoLogin = user
}

// AnnounceMutualTLS puts mtls_endpoint_aliases (RFC 8705 §5) below another URL
// of this provider into its document; an empty one announces none.
func (p *Provider) AnnounceMutualTLS(issuer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mutualTLS = strings.TrimSuffix(issuer, "/")
}

// RotateKeys replaces every signing key and its key id.
func (p *Provider) RotateKeys() error {
	keys, err := NewKeys(p.random())
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
	return nil
}

// EndSessions ends all sessions and grants, as an administrator would: refresh
// tokens give invalid_grant from now on.
func (p *Provider) EndSessions() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.logins)
	for _, g := range p.grants {
		g.revoked = true
	}
}
