package session_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/secret"
	"sallyport/internal/session"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// probe is a store that counts calls and lets a test come in between.
type probe struct {
	session.Store

	mu    sync.Mutex // guards all below
	calls map[string]int
	// fail, when set, is what every call answers.
	fail error
	// before runs ahead of the first call of its name, once.
	before map[string]func()
	// tamper changes what Load returns.
	tamper func(key string, r session.Record) (session.Record, error)
}

func (p *probe) call(name string) error {
	p.mu.Lock()
	if p.calls == nil {
		p.calls = make(map[string]int)
	}
	p.calls[name]++
	f, err := p.before[name], p.fail
	delete(p.before, name)
	p.mu.Unlock()
	if f != nil {
		f()
	}
	return err
}

func (p *probe) at(name string, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.before == nil {
		p.before = make(map[string]func())
	}
	p.before[name] = f
}

// count returns how many calls there were since it was last asked.
func (p *probe) count() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls
	p.calls = nil
	return c
}

func (p *probe) broken(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

func (p *probe) Load(ctx context.Context, key string) (session.Record, error) {
	if err := p.call("load"); err != nil {
		return session.Record{}, err
	}
	r, err := p.Store.Load(ctx, key)
	p.mu.Lock()
	tamper := p.tamper
	p.mu.Unlock()
	if tamper != nil && err == nil {
		return tamper(key, r)
	}
	return r, err
}

func (p *probe) Create(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	return errors.Join(p.call("create"), p.Store.Create(ctx, key, data, ttl))
}

func (p *probe) CompareAndSwap(ctx context.Context, key string, version uint64, data []byte, ttl time.Duration) error {
	if err := p.call("swap"); err != nil {
		return err
	}
	return p.Store.CompareAndSwap(ctx, key, version, data, ttl)
}

func (p *probe) CompareAndDelete(ctx context.Context, key string, version uint64) error {
	if err := p.call("compare and delete"); err != nil {
		return err
	}
	return p.Store.CompareAndDelete(ctx, key, version)
}

func (p *probe) Delete(ctx context.Context, key string) error {
	if err := p.call("delete"); err != nil {
		return err
	}
	return p.Store.Delete(ctx, key)
}

func (p *probe) Mark(ctx context.Context, key string, ttl time.Duration) error {
	if err := p.call("mark"); err != nil {
		return err
	}
	return p.Store.Mark(ctx, key, ttl)
}

func (p *probe) Lease(ctx context.Context, key string, ttl time.Duration) (session.Lease, error) {
	if err := p.call("lease"); err != nil {
		return session.Lease{}, err
	}
	return p.Store.Lease(ctx, key, ttl)
}

func (p *probe) PutListing(ctx context.Context, key string, finders []string, data []byte, ttl time.Duration) error {
	if err := p.call("put listing"); err != nil {
		return err
	}
	return p.Store.PutListing(ctx, key, finders, data, ttl)
}

func (p *probe) FindListings(ctx context.Context, finder string, limit int) ([]session.Listing, error) {
	if err := p.call("find listings"); err != nil {
		return nil, err
	}
	return p.Store.FindListings(ctx, finder, limit)
}

// bench is a gateway's worth of session parts.
type bench struct {
	clock *clock
	store *probe
	opts  session.Options
	*session.Manager
}

const (
	idling   = 15 * time.Minute
	rolling  = time.Hour
	absolute = 24 * time.Hour
)

func realm() session.Realm {
	return session.Realm{Issuer: "https://idp.test/realms/a", ClientID: "client"}
}

// storages are the two ways to keep sessions.
func storages() []string { return []string{"store", "cookie"} }

// newBench makes a manager with usual settings, which change may alter.
func newBench(t testing.TB, storage string, change ...func(*session.Options)) *bench {
	t.Helper()
	b := &bench{clock: newClock()}
	b.store = &probe{Store: session.NewMemory(session.MemoryOptions{Now: b.clock.Now})}
	b.opts = session.Options{
		Cookie:   session.Cookie{Name: "session", SameSite: session.SameSiteLax, HTTPOnly: true},
		Keyring:  ring(t, "first secret"),
		Audience: "default",
		Realms:   []session.Realm{realm()},
		Idling:   idling, Rolling: rolling, Absolute: absolute,
		Now: b.clock.Now,
	}
	if storage == "store" {
		b.opts.Store = b.store
	}
	for _, f := range change {
		f(&b.opts)
	}
	b.Manager = b.with(t)
	return b
}

// with returns another manager beside b's, on the same store.
func (b *bench) with(t testing.TB, change ...func(*session.Options)) *session.Manager {
	t.Helper()
	opts := b.opts
	for _, f := range change {
		f(&opts)
	}
	m, err := session.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ring(t testing.TB, secrets ...string) *secret.Keyring {
	t.Helper()
	var all []secret.String
	for _, s := range secrets {
		all = append(all, secret.New(s))
	}
	r, err := secret.NewKeyring(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func entry() session.Entry {
	return session.Entry{
		Realm: realm(), Subject: "alice", Method: "authorization_code",
		AccessToken: secret.New("planted-access"), RefreshToken: secret.New("planted-refresh"), IDToken: secret.New("planted-id"),
		TokenType: "Bearer", Scope: "openid", Expiry: time.Unix(1_800_000_300, 0).UTC(),
		Claims: []session.Claim{{Name: "email", Value: "planted@claim.test"}, {Name: "empty"}},
		SID:    "planted-sid", AuthTime: time.Unix(1_799_999_999, 0).UTC(), ACR: "1",
	}
}

// agent is a user agent: it keeps cookies by name, domain and path.
type agent struct {
	t       testing.TB
	secure  bool
	cookies map[[3]string]string
	order   [][3]string
}

func newAgent(t testing.TB) *agent {
	t.Helper()
	return &agent{t: t, cookies: make(map[[3]string]string)}
}

// take obeys Set-Cookie lines.
func (a *agent) take(lines []string) {
	a.t.Helper()
	for _, line := range lines {
		if len(line) > 4096 {
			a.t.Errorf("a Set-Cookie line has %d characters", len(line))
		}
		c, err := http.ParseSetCookie(line)
		if err != nil {
			a.t.Fatalf("%s: %v", line, err)
		}
		key := [3]string{c.Name, c.Domain, c.Path}
		a.order = slices.DeleteFunc(a.order, func(k [3]string) bool { return k == key })
		delete(a.cookies, key)
		if c.MaxAge >= 0 {
			a.cookies[key] = c.Value
			a.order = append(a.order, key)
		}
	}
}

// visit is the next request.
func (a *agent) visit() session.Visit {
	var pairs []string
	for _, key := range a.order {
		pairs = append(pairs, key[0]+"="+a.cookies[key])
	}
	v := session.Visit{Host: "app.example.test", Secure: a.secure, IP: "192.0.2.1", Scheme: "http", UserAgent: "test/1"}
	if len(pairs) > 0 {
		v.Cookie = []string{strings.Join(pairs, "; ")}
	}
	return v
}

// value is the value of the one cookie of a name.
func (a *agent) value(name string) string {
	for _, key := range a.order {
		if key[0] == name {
			return a.cookies[key]
		}
	}
	return ""
}

// set keeps a cookie that nobody has set.
func (a *agent) set(name, value string) {
	key := [3]string{name, "", "/"}
	if _, ok := a.cookies[key]; !ok {
		a.order = append(a.order, key)
	}
	a.cookies[key] = value
}

// copy is another agent with the same cookies.
func (a *agent) copy() *agent {
	c := newAgent(a.t)
	c.secure = a.secure
	for _, key := range a.order {
		c.cookies[key] = a.cookies[key]
		c.order = append(c.order, key)
	}
	return c
}

// login starts a session for a.
func login(t testing.TB, m *session.Manager, a *agent, e session.Entry) *session.Session {
	t.Helper()
	s, lines, err := m.Start(t.Context(), a.visit(), e)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	a.take(lines)
	return s
}

// load is the session of a's next request, which must exist.
func load(t testing.TB, m *session.Manager, a *agent) *session.Session {
	t.Helper()
	s, err := m.Load(t.Context(), a.visit())
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return s
}

// refused fails the test unless there is no session, for the given reason.
func refused(t testing.TB, m *session.Manager, v session.Visit, want session.Reason) {
	t.Helper()
	if none := refusal(t, m, v); none.Reason != want {
		t.Errorf("no session because %q, want %q", none.Reason, want)
	}
}

// refusal fails the test unless there is no session, and returns why.
func refusal(t testing.TB, m *session.Manager, v session.Visit) *session.NoSession {
	t.Helper()
	s, err := m.Load(t.Context(), v)
	var none *session.NoSession
	if !errors.As(err, &none) || !errors.Is(err, session.ErrNone) || s != nil {
		t.Fatalf("load: session %v, error %v, want no session", s != nil, err)
	}
	return none
}
