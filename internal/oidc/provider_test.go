package oidc

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/internal/secret"
)

func TestOptionsKeyCoversEverySetting(t *testing.T) {
	t.Parallel()
	base := func() Options { return Options{Issuer: "https://idp.test"} }
	seen := map[string]string{base().Key(): "base"}
	for name, change := range map[string]func(*Options){
		"issuer":            func(o *Options) { o.Issuer = "https://idp2.test" },
		"pseudo issuer":     func(o *Options) { o.UsingPseudoIssuer = true },
		"issuers allowed":   func(o *Options) { o.IssuersAllowed = []string{"a"} },
		"two allowed":       func(o *Options) { o.IssuersAllowed = []string{"a", "b"} },
		"joined allowed":    func(o *Options) { o.IssuersAllowed = []string{"a,b"} },
		"endpoint":          func(o *Options) { o.Endpoints.Token = "https://x.test" },
		"other endpoint":    func(o *Options) { o.Endpoints.JWKS = "https://x.test" },
		"extra jwks":        func(o *Options) { o.ExtraJWKSURIs = []string{"https://x.test"} },
		"discovery headers": func(o *Options) { o.DiscoveryHeaders = http.Header{"X": {"1"}} },
		"rediscovery":       func(o *Options) { o.RediscoveryLifetime = time.Second },
		"cache ttl":         func(o *Options) { o.CacheTTL = time.Second },
		"timeout":           func(o *Options) { o.HTTP.Timeout = time.Second },
		"verification":      func(o *Options) { o.HTTP.InsecureSkipVerify = true },
		"certificates":      func(o *Options) { o.HTTP.TrustedCertificates = "x" },
		"keep-alive":        func(o *Options) { o.HTTP.DisableKeepAlive = true },
		"http proxy":        func(o *Options) { o.HTTP.HTTPProxy = "http://p" },
		"https proxy":       func(o *Options) { o.HTTP.HTTPSProxy = "http://p" },
		"proxy secret":      func(o *Options) { o.HTTP.HTTPProxyAuthorization = secret.New("a") },
		"other secret":      func(o *Options) { o.HTTP.HTTPProxyAuthorization = secret.New("b") },
		"tls proxy secret":  func(o *Options) { o.HTTP.HTTPSProxyAuthorization = secret.New("a") },
		"certificate": func(o *Options) {
			o.MutualTLS = &MutualTLS{Certificate: tls.Certificate{Certificate: [][]byte{{1}}}}
		},
		"other certificate": func(o *Options) {
			o.MutualTLS = &MutualTLS{Certificate: tls.Certificate{Certificate: [][]byte{{2}}}}
		},
		"verification with a certificate": func(o *Options) {
			o.MutualTLS = &MutualTLS{Certificate: tls.Certificate{Certificate: [][]byte{{1}}}, InsecureSkipVerify: true}
		},
		"no proxy": func(o *Options) { o.HTTP.NoProxy = []string{"x"} },
	} {
		o := base()
		change(&o)
		if twin, taken := seen[o.Key()]; taken {
			t.Errorf("%s has the key of %s", name, twin)
		}
		seen[o.Key()] = name
	}
	clock := base()
	clock.Now = time.Now
	if clock.Key() != base().Key() {
		t.Error("the clock is part of the key")
	}
}

func TestNewProviderRefuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no issuer":           {},
		"a relative endpoint": {Issuer: "https://idp.test", Endpoints: Endpoints{UserInfo: "/userinfo"}},
		"a relative key set":  {Issuer: "https://idp.test", ExtraJWKSURIs: []string{"keys"}},
		"a relative proxy":    {Issuer: "https://idp.test", HTTP: HTTPOptions{HTTPProxy: "proxy:1"}},
	} {
		if _, err := NewProvider(o); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
}

func TestRuleOfAnError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("login: %w", refuse(ErrNonce, "clause", "a", "b"))
	if name, clause, ok := Rule(err); !ok || name != "nonce" || clause != "clause" {
		t.Errorf("%q %q %v", name, clause, ok)
	}
	if got := err.Error(); got != "login: oidc: id token refused: nonce: expected a, found b (clause)" {
		t.Error(got)
	}
	for _, other := range []error{nil, errors.New("x"), ErrIDToken, NewOAuthError("a", "", 0)} {
		if _, _, ok := Rule(other); ok {
			t.Errorf("%v broke a rule", other)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "": "", "a\r\nb": "a  b", "\x00x\x7f": "x", "a\xffb": "a b", "<b>": "<b>", "\u202eevil": "evil",
		strings.Repeat("x", 11): strings.Repeat("x", 10) + "…", strings.Repeat("x", 10): strings.Repeat("x", 10),
	} {
		if got := printable(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := printable(strings.Repeat("x", 1<<20), 10); len(got) > 20 {
		t.Errorf("%d bytes", len(got))
	}
}
