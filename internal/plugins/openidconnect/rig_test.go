package openidconnect_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sallyport/internal/cache"
	"sallyport/internal/echo"
	"sallyport/internal/entity"
	"sallyport/internal/flow"
	"sallyport/internal/gateway"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/practiceidp"
	"sallyport/internal/practiceidp/idptest"
	"sallyport/internal/session"
	"sallyport/internal/store"
)

// The client that the practice IdP knows; its redirect URIs are those of the
// rig's gateway.
const (
	clientID     = "app"
	clientSecret = "planted:client%secret+with/32=bytes?" // RFC 7518 section 3.2 wants 32 for HS256
	userName     = "ada"
)

// rig is a gateway with the plugin, a practice IdP and an echo upstream, all in
// this process; the poisoning wrapper is on.
type rig struct {
	t       testing.TB
	idp     *practiceidp.Provider
	echo    *echo.Handler
	gateway *httptest.Server
	// admin is what the plugin serves on the Admin API.
	admin *http.ServeMux
	store *store.Store
	// sessions is the session store of the plugin.
	sessions *faultyStore
	clock    *clock
	events   *events
	meter    *meter
	log      *syncBuffer
	trusted  []netip.Prefix
	// shows is the client certificate of programs that call; nil for none.
	shows *tls.Certificate
	// cluster is what stands for the shared Redis.
	cluster *sharedMemory
	// changed is for rows whose change is made by the observation itself.
	changed bool
}

// clock runs with the real one, some time ahead.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// events remembers what flows emitted.
type events struct {
	mu  sync.Mutex
	all []flow.Event
}

func (e *events) Emit(_ context.Context, v flow.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, v)
}

// find returns the last event whose step contains step.
func (e *events) find(step string) (flow.Event, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range slices.Backward(e.all) {
		if strings.Contains(v.Step, step) {
			return v, true
		}
	}
	return flow.Event{}, false
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// rigOptions change the ordinary rig.
type rigOptions struct {
	// config is laid over the plugin's configuration.
	config map[string]any
	// idp changes the options of the practice IdP.
	idp func(*practiceidp.Options)
	// route is laid over the route.
	route map[string]any
	// trusted are the peers whose X-Forwarded-* count.
	trusted []netip.Prefix
	// tls puts the practice IdP under TLS, by a certificate that nobody trusts.
	tls bool
	// frontTLS puts the gateway under TLS; clients may show a certificate.
	frontTLS bool
	// cluster is the cache that rigs share; nil for one of its own.
	cluster *sharedMemory
	// certificates are those of the configuration.
	certificates map[string]*tls.Certificate
	// authorities are PEM texts of ca_certificates, by id.
	authorities map[string]string
}

// newRig starts a rig. The plugin sits on a route for every host.
func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	r := &rig{t: t, echo: &echo.Handler{}, clock: &clock{}, events: &events{}, meter: &meter{}, log: &syncBuffer{}, trusted: o.trusted}
	r.sessions = &faultyStore{Store: session.NewMemory(session.MemoryOptions{Now: r.clock.now})}
	if r.cluster = o.cluster; r.cluster == nil {
		r.cluster = &sharedMemory{}
	}
	logger := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	definition := openidconnect.Definition(openidconnect.Deps{
		Logger: logger, Events: r.events, Meter: r.meter, Now: r.clock.now,
		OpenStore:   func(config.StoreConfig) (openidconnect.Store, error) { return r.sessions, nil },
		OpenCluster: func(config.RedisConfig) (cache.Shared, error) { return r.cluster, nil },
	})
	r.admin = http.NewServeMux()
	for _, path := range definition.Admin {
		r.admin.Handle(path.Path, path.Handler)
		r.admin.Handle(path.Path+"/", path.Handler)
	}
	g := gateway.New(gateway.Options{
		Definitions: []plugin.Definition{definition}, Logger: logger, Poison: true,
		Certificates: func(id string) *tls.Certificate { return o.certificates[id] },
	})
	t.Cleanup(g.Close)
	r.gateway = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		m, err := message.New(req, message.Options{Trusted: r.trusted, ListenPort: 8000})
		if err != nil {
			http.Error(w, "malformed", http.StatusBadRequest)
			return
		}
		g.Serve(w, &plugin.Request{HTTP: req, Canonical: m, ID: "0123456789abcdef0123456789abcdef", Start: time.Now()})
	}))
	if o.frontTLS {
		r.gateway.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
		r.gateway.StartTLS()
	} else {
		r.gateway.Start()
	}
	t.Cleanup(r.gateway.Close)
	upstream := httptest.NewServer(r.echo)
	t.Cleanup(upstream.Close)

	idpOptions := practiceidp.Options{
		Clients: []practiceidp.Client{{
			ID: clientID, Secret: clientSecret, SkipConsent: true,
			RedirectURIs:           []string{r.gateway.URL + "/", r.gateway.URL + "/cb", r.gateway.URL + "/app", r.gateway.URL + "/app/x", r.gateway.URL + "/page"},
			PostLogoutRedirectURIs: []string{"https://app.test/bye"},
		}},
		Users: []practiceidp.User{
			{Name: userName, Password: "lovelace", Claims: map[string]any{"email": "ada@example.test", "groups": []string{"staff", "math"}}},
			{Name: "bob", Password: "builder"},
		},
		AutoLogin: userName, Now: r.clock.now,
	}
	if o.idp != nil {
		o.idp(&idpOptions)
	}
	serve := idptest.Start
	if o.tls {
		serve = idptest.StartTLS
	}
	r.idp = serve(t, idpOptions)
	r.configure(definition, g, upstream.URL, o)
	return r
}

func (r *rig) configure(d plugin.Definition, g *gateway.Gateway, upstream string, o rigOptions) {
	r.t.Helper()
	kinds := entity.Kinds(func(name string) (entity.PluginType, bool) {
		return entity.PluginType{Config: d.Config(), NoConsumer: d.NoConsumer, Prepare: d.Prepare}, name == d.Name
	})
	var err error
	if r.store, err = store.New(store.Options{Kinds: kinds, Accept: g.Compile}); err != nil {
		r.t.Fatal(err)
	}
	values := map[string]any{
		"issuer": r.idp.Issuer(), "client_id": []any{clientID}, "client_secret": []any{clientSecret},
		"auth_methods": []any{"authorization_code", "session"}, "login_action": "redirect", "login_tokens": nil,
		"preserve_query_args": true, "session_secret": "planted-session-secret", "session_storage": "memory",
	}
	maps.Copy(values, o.config)
	route := map[string]any{"paths": []any{"/"}, "strip_path": true, "service": map[string]any{"name": "app"}, "name": "main"}
	maps.Copy(route, o.route)
	err = r.store.Update(r.t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Insert("services", store.Object{"name": "app", "url": upstream + "/anything"}); err != nil {
			return err
		}
		if _, err := tx.Insert("routes", route); err != nil {
			return err
		}
		for id, text := range o.authorities {
			if _, err := tx.Insert("ca_certificates", store.Object{"id": id, "cert": text}); err != nil {
				return err
			}
		}
		_, err := tx.Insert("plugins", store.Object{
			"id": "11111111-2222-3333-4444-555555555555", "name": "openid-connect",
			"service": map[string]any{"name": "app"}, "config": values,
		})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// change patches the plugin's configuration, which must be accepted.
func (r *rig) change(values map[string]any) {
	r.t.Helper()
	if err := r.patch(values); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) patch(values map[string]any) error {
	return r.store.Update(r.t.Context(), func(tx *store.Tx) error {
		_, err := tx.Patch("plugins", "11111111-2222-3333-4444-555555555555", store.Object{"config": values})
		return err
	})
}

// browser is a user agent with a cookie jar that follows nothing by itself.
type browser struct {
	r      *rig
	jar    http.CookieJar
	client *http.Client
}

func (r *rig) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{r: r, jar: jar, client: &http.Client{
		Transport: &http.Transport{ // not the default one, whose idle connections every httptest.Server closes
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		},
		Jar: jar, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) location() string { return a.header.Get("Location") }

// sets tells whether the answer sets, not expires, the named cookie.
func (a answer) sets(name string) bool {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == name && c.MaxAge >= 0 && c.Value != "" {
			return true
		}
	}
	return false
}

// send sends a request as a person's browser does.
func (b *browser) send(req *http.Request) answer {
	b.r.t.Helper()
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	return answer{status: res.StatusCode, header: res.Header, body: string(body)}
}

func (b *browser) request(method, target string, body io.Reader) *http.Request {
	b.r.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.r.gateway.URL + target
	}
	req, err := http.NewRequestWithContext(b.r.t.Context(), method, target, body)
	if err != nil {
		b.r.t.Fatal(err)
	}
	return req
}

func (b *browser) get(target string) answer {
	b.r.t.Helper()
	return b.send(b.request(http.MethodGet, target, nil))
}

func (b *browser) post(target string, form url.Values) answer {
	b.r.t.Helper()
	req := b.request(http.MethodPost, target, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.send(req)
}

var (
	formAction = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
	formInput  = regexp.MustCompile(`<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"`)
)

// pageForm reads the form of a self-submitting page.
func pageForm(a answer) (action string, fields url.Values, ok bool) {
	m := formAction.FindStringSubmatch(a.body)
	if a.status != http.StatusOK || m == nil {
		return "", nil, false
	}
	fields = url.Values{}
	for _, in := range formInput.FindAllStringSubmatch(a.body, -1) {
		fields.Add(html.UnescapeString(in[1]), html.UnescapeString(in[2]))
	}
	return html.UnescapeString(m[1]), fields, true
}

// reply is the IdP's answer to the browser: what the callback request is.
type reply struct {
	uri  string
	form url.Values // nil for a callback by query
}

// authorize follows the gateway's redirect to the IdP and returns the callback
// that the IdP sends the browser on.
func (b *browser) authorize(location string) reply {
	b.r.t.Helper()
	a := b.get(location)
	if a.status/100 == 3 {
		return reply{uri: a.location()}
	}
	action, fields, ok := pageForm(a)
	if !ok {
		b.r.t.Fatalf("the IdP answered %d: %s", a.status, a.body)
	}
	return reply{uri: action, form: fields}
}

// callback sends a reply to the gateway.
func (b *browser) callback(r reply) answer {
	b.r.t.Helper()
	if r.form != nil {
		return b.post(r.uri, r.form)
	}
	return b.get(r.uri)
}

// start asks for target and demands the redirect to the IdP.
func (b *browser) start(target string) url.Values {
	b.r.t.Helper()
	a := b.get(target)
	if a.status != http.StatusFound || !strings.HasPrefix(a.location(), b.r.idp.URL("authorize")) {
		b.r.t.Fatalf("GET %s: got %d to %q, want a redirect to the IdP\n%s\n%s", target, a.status, a.location(), a.body, b.r.log)
	}
	u, err := url.Parse(a.location())
	if err != nil {
		b.r.t.Fatal(err)
	}
	return u.Query()
}

// begin asks for target and returns the IdP's reply to the login.
func (b *browser) begin(target string) reply {
	b.r.t.Helper()
	a := b.get(target)
	if a.status != http.StatusFound {
		b.r.t.Fatalf("GET %s: got %d, want a redirect to the IdP\n%s", target, a.status, a.body)
	}
	return b.authorize(a.location())
}

// login logs in on the way to target and demands the session cookie and the
// redirect back.
func (b *browser) login(target string) {
	b.r.t.Helper()
	a := b.callback(b.begin(target))
	want := b.r.gateway.URL + target
	if a.status/100 != 3 || a.location() != want || !a.sets("session") {
		b.r.t.Fatalf("login: got %d to %q (want %q), session cookie %v\n%s\n%s", a.status, a.location(), want, a.sets("session"), a.body, b.r.log)
	}
}

// refused demands that an answer let nobody in: no session cookie, nothing at
// the upstream since hits.
func (r *rig) refused(a answer, status, hits int) {
	r.t.Helper()
	if a.status != status {
		r.t.Errorf("got %d, want %d\n%s", a.status, status, a.body)
	}
	if a.sets("session") {
		r.t.Error("a session cookie was set")
	}
	if got := r.echo.Hits(); got != hits {
		r.t.Errorf("%d upstream hits, want %d", got, hits)
	}
}

// faultyStore is a session store that can be told to fail.
type faultyStore struct {
	session.Store
	down atomic.Bool
	// hanging lets a Load wait until its context ends.
	hanging atomic.Bool
	// readOnly fails every call that writes.
	readOnly atomic.Bool
}

func (f *faultyStore) Close() {}

func (f *faultyStore) fail() error {
	if f.down.Load() {
		return fmt.Errorf("%w: switched off by the test", session.ErrUnavailable)
	}
	return nil
}

func (f *faultyStore) failWrite() error {
	if f.readOnly.Load() {
		return fmt.Errorf("%w: read only", session.ErrUnavailable)
	}
	return f.fail()
}

func (f *faultyStore) Load(ctx context.Context, key string) (session.Record, error) {
	if err := f.fail(); err != nil {
		return session.Record{}, err
	}
	if f.hanging.Load() {
		<-ctx.Done()
		return session.Record{}, fmt.Errorf("%w: %w", session.ErrUnavailable, ctx.Err())
	}
	return f.Store.Load(ctx, key)
}

func (f *faultyStore) Create(ctx context.Context, key string, data []byte, ttl time.Duration) error {
	if err := f.failWrite(); err != nil {
		return err
	}
	return f.Store.Create(ctx, key, data, ttl)
}

func (f *faultyStore) Mark(ctx context.Context, key string, ttl time.Duration) error {
	if err := f.failWrite(); err != nil {
		return err
	}
	return f.Store.Mark(ctx, key, ttl)
}

func (f *faultyStore) CompareAndDelete(ctx context.Context, key string, version uint64) error {
	if err := f.failWrite(); err != nil {
		return err
	}
	return f.Store.CompareAndDelete(ctx, key, version)
}

func (f *faultyStore) PutListing(ctx context.Context, key string, finders []string, data []byte, ttl time.Duration) error {
	if err := f.failWrite(); err != nil {
		return err
	}
	return f.Store.PutListing(ctx, key, finders, data, ttl)
}
