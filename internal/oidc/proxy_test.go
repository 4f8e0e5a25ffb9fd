package oidc

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"sallyport/internal/secret"
)

func TestProxyChoice(t *testing.T) {
	t.Parallel()
	rules, err := newProxyRules(HTTPOptions{HTTPProxy: "http://p.test:1", HTTPSProxy: "http://s.test:2", NoProxy: []string{" Inner.test ", ".corp.test", ""}})
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"http://idp.test/": "p.test:1", "https://idp.test:8443/": "s.test:2", "https://inner.test/": "", "https://a.INNER.test/": "",
		"https://notinner.test/": "s.test:2", "http://x.corp.test/": "", "http://inner.test.:80/": "",
	} {
		u := must(url.Parse(target))
		got := rules.proxyFor(u)
		if (got == nil) != (want == "") || got != nil && got.Host != want {
			t.Errorf("%s: %v", target, got)
		}
	}
	all, err := newProxyRules(HTTPOptions{HTTPProxy: "http://p.test:1", NoProxy: []string{"*"}})
	if err != nil || all.proxyFor(must(url.Parse("http://x.test/"))) != nil {
		t.Error("* does not stand for all hosts")
	}
	for _, bad := range []string{"p.test:1", "socks5://p.test", "http://", "%"} {
		if _, err := newProxyRules(HTTPOptions{HTTPSProxy: bad}); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestProxyCredentialsGoToTheProxyAlone(t *testing.T) {
	t.Parallel()
	tp := newTestProvider(t)
	var direct atomic.Bool
	tp.handle(pathDocument, func(w http.ResponseWriter, r *http.Request) {
		direct.Store(r.Header.Get("Proxy-Authorization") != "")
		writeJSON(w, 200, `{"issuer":"`+tp.server.URL+`"}`)
	})
	var seen atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Method + " " + r.Header.Get("Proxy-Authorization"))
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		writeJSON(w, 200, `{"issuer":"`+tp.server.URL+`"}`)
	}))
	t.Cleanup(proxy.Close)
	through := func(noProxy ...string) func(*Options) {
		return func(o *Options) {
			o.HTTP.HTTPProxy, o.HTTP.HTTPProxyAuthorization = proxy.URL, secret.New("Basic planted")
			o.HTTP.HTTPSProxy, o.HTTP.HTTPSProxyAuthorization = proxy.URL, secret.New("Basic planted-s")
			o.HTTP.NoProxy = noProxy
		}
	}
	if _, err := tp.relyingParty(t, through()).Metadata(t.Context()); err != nil || seen.Load() != "GET Basic planted" {
		t.Errorf("%v, %v", seen.Load(), err)
	}
	if _, err := tp.relyingParty(t, through("127.0.0.1")).Metadata(t.Context()); err != nil || direct.Load() {
		t.Errorf("direct call with the proxy's credentials, or none: %v", err)
	}
	p, err := NewProvider(Options{Issuer: "https://idp.test", HTTP: tp.relyingParty(t, through()).opts.HTTP})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Metadata(t.Context()); err == nil || seen.Load() != "CONNECT Basic planted-s" || strings.Contains(err.Error(), "planted") {
		t.Errorf("%v, %v", seen.Load(), err)
	}
}
