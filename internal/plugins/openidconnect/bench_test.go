package openidconnect

import (
	"context"
	"encoding/base64"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/internal/entity"
	"sallyport/internal/flow"
	"sallyport/internal/message"
	"sallyport/internal/plugin"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/secret"
	"sallyport/internal/session"
)

type closedMemory struct{ *session.Memory }

func (closedMemory) Close() {}

type noEvents struct{}

func (noEvents) Emit(context.Context, flow.Event) {}

// warmSession is a handler and the Cookie header of a session that is in no
// need of anything.
type warmSession struct {
	*handler
	cookie string
}

// newWarmSession compiles a handler with usual settings, which change alters.
func newWarmSession(tb testing.TB, change map[string]any) *warmSession {
	tb.Helper()
	definition := Definition(Deps{
		Logger: slog.New(slog.DiscardHandler), Events: noEvents{},
		OpenStore: func(config.StoreConfig) (Store, error) {
			return closedMemory{session.NewMemory(session.MemoryOptions{})}, nil
		},
	})
	settings := map[string]any{
		"issuer": "https://idp.test", "client_id": []any{"app"}, "client_secret": []any{"secret"},
		"redirect_uri": []any{"https://app.test/callback"},
		"auth_methods": []any{"authorization_code", "session"}, "session_secret": "a secret of some length", "session_storage": "memory",
	}
	maps.Copy(settings, change)
	values, errs := definition.Config().Normalize(settings)
	if len(errs) > 0 {
		tb.Fatal(errs)
	}
	made, err := definition.New(plugin.Instance{ID: "p", Config: values, Entity: &entity.Plugin{}})
	if err != nil {
		tb.Fatal(err)
	}
	h, ok := made.(*handler)
	if !ok {
		tb.Fatal("another handler")
	}
	payload := `{"sub":"ada","scope":"openid profile","groups":["staff","users"],"email":"ada@example.test","filler":"` + strings.Repeat("f", 800) + `"}`
	token := strings.Join([]string{"eyJhbGciOiJSUzI1NiJ9", base64.RawURLEncoding.EncodeToString([]byte(payload)), strings.Repeat("s", 300)}, ".")
	e := session.Entry{
		Realm: h.sessionRealm(&h.config.Clients[0]), Subject: "ada", Method: "authorization_code",
		AccessToken: secret.New(token), RefreshToken: secret.New(strings.Repeat("r", 700)),
		IDToken: secret.New(token), Expiry: time.Now().Add(time.Hour),
	}
	h.keepClaims(&e)
	_, lines, err := h.sessions.Start(tb.Context(), session.Visit{Host: "app.test"}, e)
	if err != nil {
		tb.Fatal(err)
	}
	var pairs []string
	for _, line := range lines {
		if pair, rest, _ := strings.Cut(line, ";"); !strings.Contains(rest, "Max-Age=0") {
			pairs = append(pairs, pair)
		}
	}
	return &warmSession{handler: h, cookie: strings.Join(pairs, "; ")}
}

// request is a request of the session to path, as the front hands it on.
func (w *warmSession) request(path, query string) (*http.Request, message.Request) {
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Cookie": {w.cookie}, "Accept": {"*/*"}, "User-Agent": {"bench"}, "X-Forwarded-For": {"192.0.2.1"}},
	}
	return r, message.Request{
		Method: "GET", Scheme: "http", Host: "app.test", Port: 80, RawPath: path, Path: path, RawQuery: query,
		ForwardedHost: "app.test", ForwardedPort: 80,
	}
}

// server returns a function that has one request served and goes on to next.
func (w *warmSession) server(tb testing.TB, query string, next plugin.Next) func() {
	tb.Helper()
	r, m := w.request("/", query)
	recorder := httptest.NewRecorder()
	return func() {
		q := &plugin.Request{HTTP: r, Canonical: m}
		if err := w.Serve(recorder, q, next); err != nil {
			tb.Fatal(err)
		}
	}
}

// everything asks for all rules and headers.
func everything() map[string]any {
	return map[string]any{
		"scopes_required": []any{"openid"}, "groups_required": []any{"staff"}, "claims_forbidden": []any{"banned"},
		"upstream_headers_claims": []any{"email", "groups"}, "upstream_headers_names": []any{"X-Email", "X-Groups"},
		"upstream_id_token_header": "X-Id-Token", "upstream_refresh_token_header": "X-Refresh-Token",
	}
}

// warmKinds are requests of a session in good order, with what each may
// allocate: plugin.Request and its context (3), the visit, the session, the list
// of header changes, which grows with many, and with a query what is looked
// into.
var warmKinds = []struct {
	name, query string
	change      map[string]any
	budget      float64
}{
	{"memory", "", nil, 6},
	{"memory, with a query", "page=1&sort=name", nil, 6},
	{"memory, all rules and headers", "", everything(), 7},
	{"cookie", "", map[string]any{"session_storage": "cookie"}, 6},
}

// It is not parallel: it counts what the whole process allocates.
func TestWarmRequestAllocationBudget(t *testing.T) {
	if raceDetector {
		t.Skip("pools lose values under the race detector")
	}
	for _, kind := range warmKinds {
		reached := 0
		serve := newWarmSession(t, kind.change).server(t, kind.query, func(http.ResponseWriter, *plugin.Request) error {
			reached++
			return nil
		})
		if got := testing.AllocsPerRun(300, serve); got > kind.budget || reached == 0 {
			t.Errorf("%s: %v allocations, the budget is %v; %d requests went on", kind.name, got, kind.budget, reached)
		} else {
			t.Logf("%s: %v allocations", kind.name, got)
		}
	}
}

// BenchmarkWarmSession is what the plugin costs a request whose session is in
// no need of anything, the application of its header changes included.
func BenchmarkWarmSession(b *testing.B) {
	for _, kind := range warmKinds {
		b.Run(strings.ReplaceAll(kind.name, " ", "_"), func(b *testing.B) {
			header := http.Header{}
			reached := 0
			serve := newWarmSession(b, kind.change).server(b, kind.query, func(_ http.ResponseWriter, q *plugin.Request) error {
				clear(header) // the proxy's own copy
				maps.Copy(header, q.HTTP.Header)
				q.Upstream.Apply(header)
				reached++
				return nil
			})
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
			if reached == 0 {
				b.Fatal("no request went on")
			}
		})
	}
}

// What was opened for one request is shared with others: under the race
// detector this fails when a request writes to it.
func TestConcurrentRequestsShareAnOpenedSession(t *testing.T) {
	t.Parallel()
	w := newWarmSession(t, everything())
	r, m := w.request("/", "")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				q := &plugin.Request{HTTP: r, Canonical: m}
				q.Upstream.Set("X-Before", "1")
				var header http.Header
				err := w.Serve(httptest.NewRecorder(), q, func(_ http.ResponseWriter, q *plugin.Request) error {
					q.Upstream.Set("X-Email", "changed by a plugin behind")
					q.Upstream.Add("X-Groups", "another")
					header = q.HTTP.Header.Clone()
					header["X-Consumer-Id"], header["x_email"] = []string{"planted"}, []string{"planted"}
					q.Upstream.Apply(header)
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				if !strings.HasPrefix(header.Get("Authorization"), "Bearer eyJ") || header.Get("X-Email") != "changed by a plugin behind" ||
					len(header["X-Groups"]) != 2 || header["X-Consumer-Id"] != nil || len(header) != 11 {
					t.Errorf("upstream gets %d header fields: groups %q, consumer %q", len(header), header["X-Groups"], header["X-Consumer-Id"])
					return
				}
			}
		})
	}
	group.Wait()
	q := &plugin.Request{HTTP: r, Canonical: m}
	if err := w.Serve(httptest.NewRecorder(), q, func(_ http.ResponseWriter, q *plugin.Request) error {
		if got := q.Upstream.Values("X-Email"); len(got) != 1 || got[0] != "ada@example.test" {
			t.Errorf("the next request's upstream gets the email %q", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
