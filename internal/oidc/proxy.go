package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sallyport/internal/secret"
)

// proxyRules choose the forward proxy of a call. Immutable.
type proxyRules struct {
	http, https         *url.URL
	httpAuth, httpsAuth secret.String
	direct              []string
}

func newProxyRules(o HTTPOptions) (proxyRules, error) {
	p := proxyRules{httpAuth: o.HTTPProxyAuthorization, httpsAuth: o.HTTPSProxyAuthorization}
	var err error
	if p.http, err = proxyURL("http", o.HTTPProxy); err != nil {
		return p, err
	}
	if p.https, err = proxyURL("https", o.HTTPSProxy); err != nil {
		return p, err
	}
	for _, host := range o.NoProxy {
		if host = strings.ToLower(strings.Trim(strings.TrimSpace(host), ".")); host != "" {
			p.direct = append(p.direct, host)
		}
	}
	return p, nil
}

func proxyURL(kind, text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("oidc: %s proxy is not an absolute http or https url", kind)
	}
	return u, nil
}

// choose implements http.Transport.Proxy.
func (p proxyRules) choose(r *http.Request) (*url.URL, error) { return p.proxyFor(r.URL), nil }

func (p proxyRules) proxyFor(target *url.URL) *url.URL {
	host := strings.ToLower(strings.TrimSuffix(target.Hostname(), "."))
	for _, d := range p.direct {
		if d == "*" || host == d || strings.HasSuffix(host, "."+d) {
			return nil
		}
	}
	if target.Scheme == "https" {
		return p.https
	}
	return p.http
}

// connectHeader implements http.Transport.GetProxyConnectHeader, for https
// targets.
func (p proxyRules) connectHeader(context.Context, *url.URL, string) (http.Header, error) {
	if p.httpsAuth.Empty() {
		return nil, nil
	}
	return http.Header{"Proxy-Authorization": {p.httpsAuth.Reveal()}}, nil
}

// authorize adds the proxy's credentials to an http call that goes through
// one, and to no other.
func (p proxyRules) authorize(r *http.Request) {
	r.Header.Del("Proxy-Authorization")
	if r.URL.Scheme == "http" && !p.httpAuth.Empty() && p.proxyFor(r.URL) != nil {
		r.Header.Set("Proxy-Authorization", p.httpAuth.Reveal())
	}
}
