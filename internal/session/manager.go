package session

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"sallyport/internal/secret"
)

const (
	// maxTTL is how long anything is kept where no timeout says less.
	maxTTL = 400 * 24 * time.Hour
	// touchAfter is how old the last touch must be for a new one. Short idling
	// timeouts touch after a quarter.
	touchAfter = time.Minute
	// stubTTL is how long a renewed session answers under its old id.
	stubTTL = 10 * time.Second
	// maxHops bounds how many stubs are followed.
	maxHops = 4
	// maxSwaps bounds how often a lost compare-and-swap is tried again.
	maxSwaps = 8
)

// Options say how a Manager keeps sessions.
type Options struct {
	Cookie  Cookie
	Keyring *secret.Keyring
	// Store nil means cookie storage.
	Store Store
	// Audience is whose entry of a session this manager reads and writes.
	Audience string
	// Realms are those whose sessions count, and in which they may start.
	Realms []Realm
	// Idling, Rolling and Absolute are the timeouts; zero turns one off. A
	// session at exactly the limit is still valid.
	Idling, Rolling, Absolute time.Duration
	// BindIP, BindScheme and BindUserAgent tie new sessions to what the
	// request says of itself. One that is not tied so does not count.
	BindIP, BindScheme, BindUserAgent bool
	// EnforceSameSubject drops other audiences' entries of another subject at
	// login.
	EnforceSameSubject bool
	// RefreshLimit bounds one refresh, waiting for its turn included; default
	// 30 s.
	RefreshLimit time.Duration
	// Flights shares work between managers of one process; nil means not.
	Flights *Flights
	// Cache is where opened records are kept for the next request; nil means
	// one for this manager alone.
	Cache *Cache
	// Derive, if set, computes what the caller needs of an entry for every
	// request: once for each time that a record is opened, not for each
	// request. Its result is shared, so that nobody may write to it; it is
	// Session.Derived. size is about how many bytes it takes. It must not keep
	// the pointer.
	Derive func(e *Entry) (value any, size int)
	// Now and Rand are the clock and crypto/rand unless set.
	Now  func() time.Time
	Rand io.Reader
}

// Manager keeps the sessions of one plugin configuration. It is immutable and
// safe for concurrent use.
type Manager struct {
	cookie   Cookie
	ring     *secret.Keyring
	store    Store
	audience string
	realms   []Realm

	idling, rolling, absolute time.Duration
	bind                      byte
	sameSubject               bool
	refreshLimit              time.Duration

	flights *Flights
	cache   *Cache
	derive  func(*Entry) (any, int)
	now     func() time.Time
	rand    io.Reader
	signer  *signer
	names   []string
	// plain and secure are the cookie's attributes over http and https.
	plain, secure string
}

// New checks opts and returns a Manager. It does no I/O.
func New(opts Options) (*Manager, error) {
	if err := opts.Cookie.Check(); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	if opts.Keyring == nil {
		return nil, errors.New("session: no secret")
	}
	if len(opts.Realms) == 0 {
		return nil, errors.New("session: no realm")
	}
	if opts.Idling < 0 || opts.Rolling < 0 || opts.Absolute < 0 {
		return nil, errors.New("session: a timeout is negative")
	}
	m := &Manager{
		cookie: opts.Cookie, ring: opts.Keyring, store: opts.Store,
		audience: opts.Audience, realms: slices.Clone(opts.Realms),
		idling: opts.Idling, rolling: opts.Rolling, absolute: opts.Absolute,
		bind: binding(opts), sameSubject: opts.EnforceSameSubject,
		refreshLimit: opts.RefreshLimit,
		flights:      opts.Flights, cache: opts.Cache, derive: opts.Derive, now: opts.Now, rand: opts.Rand,
		signer: newSigner(opts.Keyring, purposeSession, opts.Cookie.Name),
		names:  []string{opts.Cookie.Name},
		plain:  opts.Cookie.attributes(false), secure: opts.Cookie.attributes(true),
	}
	for i := 2; i <= maxChunks; i++ {
		m.names = append(m.names, opts.Cookie.Name+strconv.Itoa(i))
	}
	if m.refreshLimit <= 0 {
		m.refreshLimit = 30 * time.Second
	}
	if m.flights == nil {
		m.flights = &Flights{}
	}
	if m.cache == nil {
		m.cache = &Cache{}
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.rand == nil {
		m.rand = rand.Reader
	}
	return m, nil
}

func binding(opts Options) (flags byte) {
	if opts.BindIP {
		flags |= flagBindIP
	}
	if opts.BindScheme {
		flags |= flagBindScheme
	}
	if opts.BindUserAgent {
		flags |= flagBindUserAgent
	}
	return flags
}

// CookieNames are the names that this manager's cookies may have: the upstream
// must not get them.
func (m *Manager) CookieNames() []string { return slices.Clone(m.names) }

// inCookie reports whether sessions lie in the cookie itself.
func (m *Manager) inCookie() bool { return m.store == nil }

// ttl is how long a record of h may still be of use: the least of what is left
// of the rolling and the absolute timeout, one second at least.
func (m *Manager) ttl(h *head, now int64) time.Duration {
	left := maxTTL
	if m.rolling > 0 {
		left = min(left, m.rolling-since(h.savedAt(), now))
	}
	if m.absolute > 0 {
		left = min(left, m.absolute-since(h.created, now))
	}
	return max(left, time.Second)
}

// maxAge keeps ages, in seconds, within what a Duration can say.
const maxAge = 1<<33 - 1

// since is how long ago a second was. Clocks of several nodes differ, so that
// it may lie ahead: then it is now.
func since(then, now int64) time.Duration {
	return time.Duration(min(max(0, now-then), maxAge)) * time.Second
}

// expired checks the timeouts of h, each only when more has passed than it
// allows.
func (m *Manager) expired(h *head, now int64) (Reason, bool) {
	switch {
	case m.absolute > 0 && since(h.created, now) > m.absolute:
		return ReasonAbsolute, true
	case m.rolling > 0 && since(h.savedAt(), now) > m.rolling:
		return ReasonRolling, true
	case m.idling > 0 && since(h.touchedAt(), now) > m.idling:
		return ReasonIdle, true
	}
	return "", false
}

func (m *Manager) random(b []byte) error {
	if _, err := io.ReadFull(m.rand, b); err != nil {
		return fmt.Errorf("session: random: %w", err)
	}
	return nil
}
