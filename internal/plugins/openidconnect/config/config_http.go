package config

import (
	"strings"
	"time"

	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// HTTPConfig shapes the connections to the provider.
type HTTPConfig struct {
	// Verify checks the provider's certificates.
	Verify bool
	// Timeout bounds each call as a whole.
	Timeout time.Duration
	// KeepAlive reuses connections.
	KeepAlive bool
	// HTTPProxy and HTTPSProxy are forward proxies for http and https calls,
	// with what is sent to them as Proxy-Authorization.
	HTTPProxy, HTTPSProxy                           string
	HTTPProxyAuthorization, HTTPSProxyAuthorization secret.String
	// NoProxy lists hosts that are reached directly.
	NoProxy []string

	noProxy string
}

func (g *HTTPConfig) compile() {
	for host := range strings.SplitSeq(g.noProxy, ",") {
		if host = strings.TrimSpace(host); host != "" {
			g.NoProxy = append(g.NoProxy, host)
		}
	}
}

// secretText declares a confidential text that Kong does not call encrypted.
func secretText(name string, p *secret.String) *schema.Field {
	return schema.Text(name, p, func(text string) (secret.String, error) {
		if err := headerValue(text); err != nil {
			return secret.String{}, err
		}
		return secret.New(text), nil
	})
}

func (g *HTTPConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Bool("ssl_verify", &g.Verify, true).
			Doc("Verifies the certificates of the identity provider."),
		schema.Millis("timeout", &g.Timeout, 10*time.Second).Between(1, 2147483646).
			Doc("Network timeout in milliseconds for identity provider calls."),
		schema.Bool("keepalive", &g.KeepAlive, true).
			Doc("Reuses connections to the identity provider."),
		schema.Number("http_version", nil, 1.1).
			Unsupported("the provider is always spoken to in HTTP/1.1 or newer").
			Doc("HTTP version for calls to the identity provider: 1.1 or 1.0."),
		schema.String("http_proxy", &g.HTTPProxy).Check(endpoint).
			Doc("Forward proxy URL for http identity provider calls."),
		secretText("http_proxy_authorization", &g.HTTPProxyAuthorization).Referenceable().
			Doc("Proxy-Authorization value sent to http_proxy."),
		schema.String("https_proxy", &g.HTTPSProxy).Check(endpoint).
			Doc("Forward proxy URL for https identity provider calls."),
		secretText("https_proxy_authorization", &g.HTTPSProxyAuthorization).Referenceable().
			Doc("Proxy-Authorization value sent to https_proxy."),
		schema.String("no_proxy", &g.noProxy).
			Doc("Comma-separated hosts reached without a proxy."),
	}
}
