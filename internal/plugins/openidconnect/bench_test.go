package openidconnect

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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

// BenchmarkWarmSession is what the plugin costs a request whose session lies in
// memory and is in no need of anything.
func BenchmarkWarmSession(b *testing.B) {
	definition := Definition(Deps{
		Logger: slog.New(slog.DiscardHandler), Events: noEvents{},
		OpenStore: func(config.StoreConfig) (Store, error) {
			return closedMemory{session.NewMemory(session.MemoryOptions{})}, nil
		},
	})
	values, errs := definition.Config().Normalize(map[string]any{
		"issuer": "https://idp.test", "client_id": []any{"app"}, "client_secret": []any{"secret"},
		"auth_methods": []any{"authorization_code", "session"}, "session_secret": "a secret of some length", "session_storage": "memory",
		"session_rolling_timeout": 0, "session_idling_timeout": 0,
	})
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	made, err := definition.New(plugin.Instance{ID: "p", Config: values, Entity: &entity.Plugin{}})
	if err != nil {
		b.Fatal(err)
	}
	h, ok := made.(*handler)
	if !ok {
		b.Fatal("another handler")
	}
	_, lines, err := h.sessions.Start(b.Context(), session.Visit{Host: "app.test"}, session.Entry{
		Realm: h.sessionRealm(&h.config.Clients[0]), Subject: "ada", Method: "authorization_code",
		AccessToken: secret.New(strings.Repeat("a", 1400)), RefreshToken: secret.New(strings.Repeat("r", 700)),
		IDToken: secret.New(strings.Repeat("i", 1200)), Expiry: time.Now().Add(time.Hour),
	})
	if err != nil {
		b.Fatal(err)
	}
	cookie, _, _ := strings.Cut(lines[0], ";")
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Cookie": {cookie}, "Accept": {"*/*"}, "User-Agent": {"bench"}, "X-Forwarded-For": {"192.0.2.1"}},
	}
	m := message.Request{Method: "GET", Scheme: "http", Host: "app.test", Port: 80, RawPath: "/", Path: "/", ForwardedHost: "app.test", ForwardedPort: 80}
	reached := 0
	next := func(_ http.ResponseWriter, q *plugin.Request) error {
		header := r.Header.Clone() // the proxy's own copy
		q.Upstream.Apply(header)
		reached++
		return nil
	}
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		q := &plugin.Request{HTTP: r, Canonical: m}
		if err := h.Serve(w, q, next); err != nil {
			b.Fatal(err)
		}
	}
	if reached == 0 {
		b.Fatal("no request went on")
	}
}
