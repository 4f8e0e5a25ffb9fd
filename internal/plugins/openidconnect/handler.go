package openidconnect

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/flow"
	"sallyport/internal/message"
	"sallyport/internal/oidc"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// Name is Kong's name of the plugin.
const Name = "openid-connect"

// priority is part of Kong's contract.
const priority = 1050

// Deps are what the plugin needs from the program.
type Deps struct {
	// Version is shown by GET / of the Admin API.
	Version string
	Logger  *slog.Logger
	// Events receives the steps of every flow.
	Events flow.Sink
	// Meter counts what happens; nil counts nothing.
	Meter Meter
	// OpenStore opens a session store on a server. It does no I/O.
	OpenStore func(config.StoreConfig) (Store, error)
	// OpenCluster opens the cache that nodes share. It does no I/O.
	OpenCluster func(config.RedisConfig) (cache.Shared, error)
	// Resolve turns {vault://…} references into values; nil means the
	// environment of the process.
	Resolve func(reference string) (string, error)
	// Now and Rand are the clock and crypto/rand unless set.
	Now  func() time.Time
	Rand io.Reader
}

// Store is a session store that can be closed when nothing uses it any more.
type Store interface {
	session.Store
	Close()
}

// shared is what all instances of the plugin have in common.
type shared struct {
	Deps
	providers pool[*oidc.Provider]
	stores    pool[Store]
	clusters  pool[cache.Shared]
	secrets   generatedSecrets
	flights   session.Flights
	// opened and openedMemory keep opened session records: those of Redis and
	// of cookies, and those of the memory store, which are in the heap already.
	opened, openedMemory session.Cache
	// signing are the plugin's own key pairs, for clients without client_jwk.
	signing *oidc.SigningKeys
	proofs  *proofs
	spent   *spent
	// verdicts and lists are about certificates that headers show.
	verdicts *cache.Cache[*verdict]
	lists    *cache.Cache[*x509.RevocationList]
	// warned is when a failure of a shared cache was logged last, in nanoseconds
	// since 1970.
	warned atomic.Int64
}

// Definition introduces the plugin. What it pools belongs to the returned
// value: call it once for a program.
func Definition(d Deps) plugin.Definition {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Meter == nil {
		d.Meter = noMeter{}
	}
	f := &shared{Deps: d}
	f.openedMemory.Limit = session.MemoryCacheLimit
	f.providers.close = func(p *oidc.Provider) { p.Close() }
	f.stores.close = func(s Store) { s.Close() }
	f.clusters.close = func(c cache.Shared) { c.Close() }
	f.secrets.logger, f.secrets.random = d.Logger, d.Rand
	f.signing = oidc.NewSigningKeys(d.Now, d.Rand)
	f.proofs, f.spent = newProofs(d.Now), newSpent()
	f.verdicts = cache.New[*verdict](cache.Options{Entries: verdictEntries, Bytes: verdictBytes, Now: d.Now})
	f.lists = cache.New[*x509.RevocationList](cache.Options{Entries: listEntries, Bytes: listBytes, Now: d.Now})
	return plugin.Definition{
		Name:       Name,
		Priority:   priority,
		Version:    d.Version,
		Config:     config.Record,
		NoConsumer: true,
		Prepare:    config.Prepare,
		New:        func(i plugin.Instance) (plugin.Handler, error) { return f.compile(i) },
		Admin:      f.adminPaths(),
	}
}

// handler is one compiled instance. It is immutable and serves many requests
// at once.
type handler struct {
	*shared
	id       string
	config   *config.Config
	keys     *secret.Keyring
	provider *oidc.Provider
	// cluster is the cache that nodes share; nil for none.
	cluster  cache.Shared
	sessions *session.Manager
	browser  *session.KeyCookie
	// subjects verify tokens before their exchange, by the issuer that they name.
	subjects map[string]*oidc.Provider
	// policy stands for what weakens verification here, in realms of sessions.
	policy string
	// realm is the hash by which a login state knows that it comes from here.
	realm [realmHashSize]byte
	// redirects are where the configured redirect URIs lead.
	redirects []place
	// managed are the upstream headers that only we set.
	managed []string
	// own are all our cookies, dropped the names of those that the upstream
	// does not get.
	dropped []string
	own     []message.OwnCookie
	bindIP  bool
	// shown reads client certificates from a header; nil where they come from the
	// handshake.
	shown *certificates
	// realms are parts of the cache keys: of answers in general, and of those
	// of the token endpoint.
	realms   [2][sha256.Size]byte
	releases []func()
}

// errNoIssuer is the state of an instance whose issuer is a reference that
// does not resolve: it refuses every request.
var errNoIssuer = errors.New("openid-connect: config.issuer is empty: its reference does not resolve")

func (f *shared) compile(i plugin.Instance) (_ *handler, err error) {
	c, err := config.New(i.Config, f.Resolve)
	if err != nil {
		return nil, err
	}
	log := f.Logger.With("plugin", Name, "plugin_id", i.ID)
	for _, w := range c.Warnings {
		log.Warn("configuration", "warning", w)
	}
	h := &handler{shared: f, id: i.ID, config: c, policy: policyHash(c)}
	defer func() {
		if err != nil {
			h.Close()
		}
	}()
	mutual, err := mutualTLS(c, i.Certificate)
	if err != nil {
		return nil, err
	}
	if h.shown, err = f.newCertificates(c, i.Authority); err != nil {
		return nil, err
	}
	if err := h.openPools(mutual); err != nil {
		return nil, err
	}
	if err := h.openSubjects(); err != nil {
		return nil, err
	}
	if err := h.openCluster(); err != nil {
		return nil, err
	}
	if err := h.openSessions(); err != nil {
		return nil, err
	}
	h.redirects = redirectPlaces(c)
	h.managed = managedHeaders(c)
	h.realms[0] = f.proofs.realm(c.Fingerprint, "")
	h.realms[1] = f.proofs.realm(c.Fingerprint, "salt "+c.Cache.Salt)
	h.ownCookies()
	return h, nil
}

func (h *handler) openPools(mutual *oidc.MutualTLS) error {
	c := h.config
	if c.Issuer.Issuer != "" {
		options := c.Provider()
		options.MutualTLS, options.OwnKeys = mutual, h.signing
		options.Now, options.Rand, options.Observe = h.Now, h.Rand, h.observeCall
		provider, release, err := h.providers.acquire(options.Key(), func() (*oidc.Provider, error) {
			return oidc.NewProvider(options)
		})
		if err != nil {
			return fmt.Errorf("config.issuer: %w", err)
		}
		h.provider, h.releases = provider, append(h.releases, release)
	}
	text := c.Session.Secret
	if text.Empty() {
		var err error
		if text, err = h.secrets.secret(c.Issuer.Issuer); err != nil {
			return err
		}
	}
	keys, err := secret.NewKeyring(text)
	h.keys = keys
	return err
}

func (h *handler) openSessions() error {
	c := h.config
	options := session.Options{
		Cookie: c.Session.Cookie, Keyring: h.keys, Audience: c.Session.Audience,
		Idling: c.Session.Idling, Rolling: c.Session.Rolling, Absolute: c.Session.Absolute,
		EnforceSameSubject: c.Session.SameSubject, RefreshLimit: 2 * c.HTTP.Timeout,
		Flights: &h.flights, Cache: &h.opened, Derive: h.ready, Now: h.Now, Rand: h.Rand,
	}
	if c.Store.Storage == config.StorageMemory {
		options.Cache = &h.openedMemory
	}
	for _, b := range c.Session.Bind {
		switch b {
		case "ip":
			options.BindIP, h.bindIP = true, true
		case "scheme":
			options.BindScheme = true
		case "user-agent":
			options.BindUserAgent = true
		}
	}
	for i := range c.Clients {
		options.Realms = append(options.Realms, h.sessionRealm(&c.Clients[i]))
	}
	if len(options.Realms) == 0 {
		options.Realms = []session.Realm{{Issuer: c.Issuer.Issuer, Policy: h.policy}}
	}
	if c.Store.Storage != config.StorageCookie {
		store, release, err := h.stores.acquire(storeKey(c.Store), func() (Store, error) { return h.OpenStore(c.Store) })
		if err != nil {
			return fmt.Errorf("config.session_storage: %w", err)
		}
		options.Store, h.releases = store, append(h.releases, release)
	}
	var err error
	if h.sessions, err = session.New(options); err != nil {
		return fmt.Errorf("config.session_cookie_name: %w", err)
	}
	h.browser, err = session.NewKeyCookie(session.KeyOptions{
		Cookie: c.Callback.Cookie, Keyring: h.keys, Lifetime: c.Callback.Lifetime, Now: h.Now, Rand: h.Rand,
	})
	if err != nil {
		return fmt.Errorf("config.authorization_cookie_name: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", c.Issuer.Issuer, c.Policy(), c.Session.Audience, c.Session.Cookie.Name))
	copy(h.realm[:], sum[:])
	return nil
}

// sessionRealm is under what a session of client is obtained here (C5).
func (h *handler) sessionRealm(client *config.Client) session.Realm {
	return session.Realm{Issuer: h.config.Issuer.Issuer, ClientID: client.ID, Policy: h.policy}
}

// policyHash stands for the policy of a configuration: each session holds one.
func policyHash(c *config.Config) string {
	sum := sha256.Sum256([]byte(c.Policy()))
	return base64.RawURLEncoding.EncodeToString(sum[:realmHashSize])
}

// storeKey names a store by all settings that shape it; the password goes in
// as a hash.
func storeKey(s config.StoreConfig) string {
	if s.Storage != config.StorageRedis {
		return string(s.Storage)
	}
	return fmt.Sprintf("%s %s", s.Storage, redisKey(s.Redis))
}

// redisKey names a Redis by all settings that shape the connection.
func redisKey(r config.RedisConfig) string {
	sum := sha256.Sum256([]byte(r.Password.Reveal()))
	return fmt.Sprintf("%q %d %q %q %x %d %t %t %q %q %s %s %s", r.Host, r.Port, r.Socket, r.Username, sum,
		r.Database, r.TLS, r.Verify, r.ServerName, r.Prefix, r.ConnectTimeout, r.SendTimeout, r.ReadTimeout)
}

// Close implements plugin.Closer: it gives back what is pooled.
func (h *handler) Close() {
	for _, release := range h.releases {
		release()
	}
	h.releases = nil
}

// issuerHost names the issuer in a WWW-Authenticate challenge.
func (h *handler) issuerHost() string {
	u, err := url.Parse(h.config.Issuer.Issuer)
	if err != nil || u.Host == "" {
		return "sallyport"
	}
	return u.Host
}

// challenge is the value of WWW-Authenticate (RFC 6750 section 3). That a nonce
// is needed is always said: without it no client finds its way.
func (h *handler) challenge(scheme string, o outcome) string {
	text := scheme + " realm=" + strconv.Quote(h.issuerHost())
	if o.tokenError == "" || !h.config.Error.ExposeCode && o.tokenError != useNonce {
		return text
	}
	text += ", error=" + strconv.Quote(o.tokenError)
	if o.description != "" {
		text += ", error_description=" + strconv.Quote(o.description)
	}
	if o.tokenError == insufficientAuthentication {
		text += h.levelParameters()
	}
	if o.scope != "" {
		text += ", scope=" + strconv.Quote(o.scope)
	}
	return text
}
