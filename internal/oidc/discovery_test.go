package oidc

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMetadataOfAnHonestProvider(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.set("code_challenge_methods_supported", []string{"plain", "S256"})
	tp.set("authorization_response_iss_parameter_supported", true)
	p := tp.relyingParty(t)
	if tp.count(pathDocument) != 0 {
		t.Error("the constructor made a call")
	}
	if got := p.Known(); got.Issuer != tp.server.URL || got.TokenEndpoint != "" {
		t.Errorf("known before discovery: %+v", got)
	}
	md, err := p.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if md.Issuer != tp.server.URL || md.TokenEndpoint != tp.server.URL+pathToken || !md.ResponseIssuer ||
		len(md.CodeChallengeMethods) != 2 || !md.FetchedAt.Equal(tp.clock.now()) {
		t.Errorf("%+v", md)
	}
	if again, err := p.Metadata(t.Context()); err != nil || again != md || tp.count(pathDocument) != 1 {
		t.Errorf("not cached: %v, %d calls", err, tp.count(pathDocument))
	}
	if p.Known() != md {
		t.Error("known is not the document")
	}
}

func TestDiscoveryMisbehaviours(t *testing.T) {
	t.Parallel()
	for _, m := range misbehaviours() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			p := tp.relyingParty(t, impatient)
			tp.handle(pathDocument, m.answer)
			_, err := p.Metadata(t.Context())
			if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), m.says) {
				t.Fatalf("error %v, want one that says %q", err, m.says)
			}
			tp.handle(pathDocument, nil)
			calls := tp.count(pathDocument)
			if _, err := p.Metadata(t.Context()); !errors.Is(err, ErrUnreachable) || tp.count(pathDocument) != calls {
				t.Errorf("asked again at once: %v", err)
			}
			tp.clock.advance(5 * time.Second)
			if _, err := p.Metadata(t.Context()); err != nil {
				t.Errorf("no recovery: %v", err)
			}
		})
	}
}

func TestDiscoveryDocumentMembers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, member string
		value        any
		says         string // empty: accepted
	}{
		{"accepts an honest document", "claims_supported", []string{"sub"}, ""},
		{"accepts null for an optional endpoint", "end_session_endpoint", nil, ""},
		{"accepts an empty optional endpoint", "userinfo_endpoint", "", ""},
		{"refuses no issuer", "issuer", nil, "names no issuer"},
		{"refuses an issuer that is a list", "issuer", []string{"x"}, "issuer is not a string"},
		{"refuses a relative endpoint", "token_endpoint", "/token", "token_endpoint: not an absolute"},
		{"refuses a javascript endpoint", "authorization_endpoint", "javascript:alert(1)", "authorization_endpoint: not an absolute"},
		{"refuses a file endpoint", "jwks_uri", "file:///etc/passwd", "jwks_uri: not an absolute"},
		{"refuses an endpoint with a user", "end_session_endpoint", "https://a:b@idp.test/", "end_session_endpoint: not an absolute"},
		{"refuses an endpoint with a fragment", "authorization_endpoint", "https://idp.test/#x", "authorization_endpoint: not an absolute"},
		{"refuses an endpoint that is a number", "token_endpoint", 1, "token_endpoint is not a string"},
		{"refuses methods that are a string", "token_endpoint_auth_methods_supported", "client_secret_basic", "not a list"},
		{"refuses methods that are numbers", "code_challenge_methods_supported", []int{1}, "not a list"},
		{"refuses a flag that is a string", "authorization_response_iss_parameter_supported", "true", "not a boolean"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			tp.set(tc.member, tc.value)
			_, err := tp.relyingParty(t).Metadata(t.Context())
			if tc.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("error %v, want one that says %q", err, tc.says)
			}
		})
	}
}

func TestDiscoveryBySecureWayNamesNoInsecureBackChannel(t *testing.T) {
	t.Parallel()
	object := func(tokens string) map[string]any {
		return map[string]any{"issuer": "https://idp.test", "token_endpoint": tokens}
	}
	for _, tc := range []struct {
		from, tokens string
		configured   Endpoints
		ok           bool
	}{
		{"https://idp.test/x", "https://idp.test/token", Endpoints{}, true},
		{"https://idp.test/x", "http://idp.test/token", Endpoints{}, false},
		{"http://idp.test/x", "http://idp.test/token", Endpoints{}, true},
		{"https://idp.test/x", "http://idp.test/token", Endpoints{Token: "http://inner.test/token"}, true},
	} {
		if _, err := parseMetadata("", object(tc.tokens), tc.from, tc.configured); (err == nil) != tc.ok {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

func TestDiscoveryIssuerMismatch(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.set("issuer", tp.server.URL+"INVALID")
	p := tp.relyingParty(t)
	for range 3 {
		if _, err := p.Metadata(t.Context()); !errors.Is(err, ErrIssuerMismatch) || errors.Is(err, ErrUnreachable) {
			t.Fatalf("error %v", err)
		}
		tp.clock.advance(time.Minute)
	}
	allowed := tp.relyingParty(t, func(o *Options) { o.IssuersAllowed = []string{tp.server.URL + "INVALID"} })
	if _, err := allowed.Metadata(t.Context()); err != nil {
		t.Errorf("a listed issuer is refused: %v", err)
	}
	complete := tp.relyingParty(t, func(o *Options) {
		o.Endpoints = Endpoints{Authorization: "https://a.test/", Token: "https://a.test/", JWKS: "https://a.test/"}
	})
	if _, err := complete.Metadata(t.Context()); !errors.Is(err, ErrIssuerMismatch) {
		t.Errorf("configured endpoints hide the mismatch: %v", err)
	}
	tp.set("issuer", tp.server.URL+"/")
	tp.clock.advance(time.Minute)
	if md, err := p.Metadata(t.Context()); err != nil || md.Issuer != tp.server.URL+"/" {
		t.Errorf("a trailing slash is refused or lost: %v", err)
	}
}

func TestLastGoodDocumentServesWhileDiscoveryFails(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"down":           cutConnection,
		"garbage":        respond(200, "application/json", "[]"),
		"another issuer": respond(200, "application/json", `{"issuer":"https://evil.test"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tp := newTestProvider(t)
			p := tp.relyingParty(t, impatient)
			good, err := p.Metadata(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tp.handle(pathDocument, answer)
			tp.clock.advance(2 * time.Hour)
			for range 3 {
				if md, err := p.Metadata(t.Context()); err != nil || md != good {
					t.Fatalf("lost the last good document: %v", err)
				}
			}
			if got := tp.count(pathDocument); got > 3 { // a GET on a cut connection is tried twice
				t.Errorf("%d calls within five seconds", got)
			}
			tp.handle(pathDocument, nil)
			tp.clock.advance(5 * time.Second)
			if md, err := p.Metadata(t.Context()); err != nil || md == good {
				t.Errorf("not renewed after recovery: %v", err)
			}
		})
	}
}

func TestConfiguredEndpointsSufficeWithoutADocument(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.handle(pathDocument, respond(500, "text/plain", ""))
	all := Endpoints{Authorization: "https://a.test/x", Token: "https://a.test/t", JWKS: "https://a.test/k"}
	md, err := tp.relyingParty(t, func(o *Options) { o.Endpoints = all }).Metadata(t.Context())
	if err != nil || md.TokenEndpoint != all.Token || md.Issuer != tp.server.URL {
		t.Errorf("%+v, %v", md, err)
	}
	some := all
	some.JWKS = ""
	if _, err := tp.relyingParty(t, func(o *Options) { o.Endpoints = some }).Metadata(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v", err)
	}
	tp.handle(pathDocument, nil)
	md, err = tp.relyingParty(t, func(o *Options) { o.Endpoints = all }).Metadata(t.Context())
	if err != nil || md.TokenEndpoint != all.Token || md.UserInfoEndpoint != tp.server.URL+pathUserInfo {
		t.Errorf("a configured endpoint does not win: %+v, %v", md, err)
	}
}

func TestPseudoIssuerMakesNoDiscovery(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t, func(o *Options) {
		o.UsingPseudoIssuer, o.Issuer = true, "urn:my:issuer"
		o.Endpoints = Endpoints{Token: tp.server.URL + pathToken, JWKS: tp.server.URL + pathKeys}
	})
	claims := tp.claims()
	claims["iss"] = "urn:my:issuer"
	got, err := p.VerifyIDToken(t.Context(), idToken(t, claims), tp.check())
	assertVerdict(t, got, err, nil)
	got, err = p.VerifyIDToken(t.Context(), idToken(t, tp.claims()), tp.check())
	assertVerdict(t, got, err, ErrIssuer)
	if _, err := p.VerifyIDToken(t.Context(), sign(t, "RS256", rsaKey(), "unknown", claims, nil), tp.check()); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("error %v", err)
	}
	if tp.count(pathDocument) != 0 {
		t.Error("discovery was attempted")
	}
}

func TestDiscoveryAddress(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ configured, identifier, documents string }{
		{"https://idp.test", "https://idp.test", "https://idp.test/.well-known/openid-configuration https://idp.test/.well-known/oauth-authorization-server"},
		{"https://idp.test/", "https://idp.test", "https://idp.test/.well-known/openid-configuration https://idp.test/.well-known/oauth-authorization-server"},
		{"https://idp.test/realms/a/", "https://idp.test/realms/a", "https://idp.test/realms/a/.well-known/openid-configuration https://idp.test/.well-known/oauth-authorization-server/realms/a"},
		{"https://idp.test/realms/a/.well-known/openid-configuration", "https://idp.test/realms/a", "https://idp.test/realms/a/.well-known/openid-configuration"},
		{"https://idp.test/a/.well-known/openid-configuration?p=policy", "https://idp.test/a", "https://idp.test/a/.well-known/openid-configuration?p=policy"},
		{"https://idp.test/a/.well-known/oauth-authorization-server", "https://idp.test/a", "https://idp.test/a/.well-known/oauth-authorization-server"},
		{"https://idp.test/.well-known/oauth-authorization-server/a/b", "https://idp.test/a/b", "https://idp.test/.well-known/oauth-authorization-server/a/b"},
	} {
		got, err := parseIssuer(tc.configured)
		if err != nil || got.identifier != tc.identifier || strings.Join(got.documents, " ") != tc.documents {
			t.Errorf("%s: %+v, %v", tc.configured, got, err)
		}
	}
	for _, bad := range []string{"", "idp.test", "/x", "ftp://idp.test", "https://", "https://u:p@idp.test", "https://idp.test#f", "https://idp.test?x=1", "http://a b", "javascript:x"} {
		if got, err := parseIssuer(bad); err == nil {
			t.Errorf("%q accepted: %+v", bad, got)
		}
		if _, err := NewProvider(Options{Issuer: bad}); err == nil {
			t.Errorf("%q accepted by the constructor", bad)
		}
	}
}

func TestDiscoveryFallsBackOnOAuthMetadata(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	tp.handle(pathDocument, respond(404, "text/plain", "no"))
	tp.handle("/.well-known/oauth-authorization-server", respond(200, "application/json", `{"issuer":"`+tp.server.URL+`"}`))
	if md, err := tp.relyingParty(t).Metadata(t.Context()); err != nil || md.Issuer != tp.server.URL {
		t.Errorf("%+v, %v", md, err)
	}
}

func TestDiscoveryRedirects(t *testing.T) {
	t.Parallel()
	other, asked := elsewhere(t)
	tp := newTestProvider(t)
	tp.handle(pathDocument, redirectTo(302, other))
	if _, err := tp.relyingParty(t).Metadata(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "redirect") {
		t.Errorf("error %v", err)
	}
	if asked.Load() != 0 {
		t.Error("the redirect to another host was followed")
	}
	tp.handle(pathDocument, redirectTo(302, pathDocument))
	if _, err := tp.relyingParty(t).Metadata(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v", err)
	}
	tp.handle("/moved", respond(200, "application/json", `{"issuer":"`+tp.server.URL+`"}`))
	tp.handle(pathDocument, redirectTo(301, "/moved"))
	if _, err := tp.relyingParty(t).Metadata(t.Context()); err != nil {
		t.Errorf("a redirect within the origin: %v", err)
	}
}

func TestDiscoveryIsSharedAndOutlivesACaller(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	body := `{"issuer":"` + tp.server.URL + `"}`
	tp.handle(pathDocument, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived) // a second call would panic
		<-release
		writeJSON(w, 200, body)
	})
	first, leave := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { _, err := p.Metadata(first); gone <- err }()
	<-arrived
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, err := p.Metadata(t.Context()); err != nil {
				t.Errorf("a caller who stayed: %v", err)
			}
		})
	}
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) || !errors.Is(err, ErrUnreachable) {
		t.Errorf("the caller who left: %v", err)
	}
	close(release)
	wait.Wait()
	if tp.count(pathDocument) != 1 {
		t.Errorf("%d calls", tp.count(pathDocument))
	}
}

func TestCloseEndsAFetch(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	p := tp.relyingParty(t)
	arrived := make(chan struct{}, 1)
	tp.handle(pathDocument, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		silent(w, r)
	})
	done := make(chan error, 1)
	go func() { _, err := p.Metadata(t.Context()); done <- err }()
	<-arrived
	p.Close()
	if err := <-done; !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v", err)
	}
	tp.clock.advance(time.Minute)
	if _, err := p.Metadata(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("after close: %v", err)
	}
}

func TestDiscoveryHeaders(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	var got http.Header
	tp.handle(pathDocument, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		writeJSON(w, 200, `{"issuer":"`+tp.server.URL+`"}`)
	})
	p := tp.relyingParty(t, func(o *Options) { o.DiscoveryHeaders = http.Header{"x-api-key": {"k"}} })
	if _, err := p.Metadata(t.Context()); err != nil || got.Get("X-Api-Key") != "k" || got.Get("Accept") != "application/json" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	var url string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, `{"issuer":"`+url+`"}`)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a refused handshake is expected
	s.StartTLS()
	t.Cleanup(s.Close)
	url = s.URL
	for _, tc := range []struct {
		name string
		http HTTPOptions
		ok   bool
	}{
		{"refuses an unknown certificate", HTTPOptions{}, false},
		{"accepts a trusted one", HTTPOptions{TrustedCertificates: certificatePEM(s)}, true},
		{"accepts an unknown one where verification is off", HTTPOptions{InsecureSkipVerify: true}, true},
	} {
		p, err := NewProvider(Options{Issuer: url, HTTP: tc.http})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Metadata(t.Context()); (err == nil) != tc.ok || (err != nil && !strings.Contains(err.Error(), "certificate")) {
			t.Errorf("%s: %v", tc.name, err)
		}
		p.Close()
	}
	if _, err := NewProvider(Options{Issuer: url, HTTP: HTTPOptions{TrustedCertificates: "garbage"}}); err == nil {
		t.Error("a bundle without certificates is accepted")
	}
}
