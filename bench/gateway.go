package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// The hosts of the routes. Each of those with a session keeps it elsewhere.
const (
	bareHost   = "bare.test"
	memoryHost = "memory.test"
	redisHost  = "redis.test"
	cookieHost = "cookie.test"
)

// storages are the hosts that demand a session, and where it is kept.
var storages = map[string]string{memoryHost: "memory", redisHost: "redis", cookieHost: "cookie"}

// The cookies of sallyport.
const (
	sessionCookie = "session"
	browserKey    = "authorization" // lives for a minute after a login
)

// gateway is one sallyport.
type gateway struct {
	name                  string
	plain, encrypted, api string // addresses
	upstream              string // empty: that of all
	process               *process
}

// site is where a browser starts to visit a host of a gateway.
func (g *gateway) site(host string) string {
	return "http://" + net.JoinHostPort(host, port(g.plain)) + "/"
}

// hostHeader is the Host header that a browser sends there.
func (g *gateway) hostHeader(host string) string {
	return "Host: " + net.JoinHostPort(host, port(g.plain))
}

func (g *gateway) callback(host string) string { return g.site(host) + "callback" }

// newGateway reserves the addresses of a sallyport.
func newGateway(ctx context.Context, name string) (*gateway, error) {
	g := &gateway{name: name}
	for _, address := range []*string{&g.plain, &g.encrypted, &g.api} {
		var err error
		if *address, err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// startGateway runs a sallyport with an access log and metrics.
func (b *bench) startGateway(ctx context.Context, g *gateway, where cores) error {
	config, err := b.writeConfig(g)
	if err != nil {
		return err
	}
	g.process, err = b.spawn(ctx, program{
		name: b.binary, cores: where, address: g.plain,
		env: []string{fmt.Sprintf("GOMAXPROCS=%d", len(where))},
		args: []string{
			"start", "--config", config, "--admin-listen", g.api, "--access-log-format", "combined",
			"--proxy-listen", g.plain, "--proxy-listen", g.encrypted + " ssl http2", "--tls-cert", b.certificate, "--tls-key", b.key,
		},
	})
	return err
}

// writeConfig writes the declarative file: a bare route, one for each way to
// keep a session, and one for each kind of API client.
func (b *bench) writeConfig(g *gateway) (string, error) {
	redisPort, err := strconv.Atoi(port(b.addresses.redis))
	if err != nil {
		return "", err
	}
	upstream := cmp.Or(g.upstream, b.addresses.upstream)
	service := func(host string, plugins ...any) map[string]any {
		return map[string]any{
			"name": host, "url": "http://" + upstream, "plugins": plugins,
			"routes": []any{map[string]any{"name": host, "hosts": []any{host}, "paths": []any{"/"}}},
		}
	}
	services := []any{service(bareHost)}
	for host, storage := range storages {
		services = append(services, service(host, map[string]any{"name": "openid-connect", "config": map[string]any{
			"issuer": b.issuer(), "client_id": []any{clientID}, "client_secret": []any{clientKey},
			"redirect_uri": []any{g.callback(host)}, "auth_methods": []any{"authorization_code", "session"},
			"login_action": "redirect", "login_tokens": nil, "session_secret": rand.Text(),
			"session_storage": storage, "session_cookie_name": sessionCookie,
			"redis": map[string]any{"host": "127.0.0.1", "port": redisPort},
		}}))
	}
	for host, own := range apis() {
		config := map[string]any{"issuer": b.issuer(), "client_id": []any{clientID}, "client_secret": []any{clientKey}}
		maps.Copy(config, own)
		services = append(services, service(host, map[string]any{"name": "openid-connect", "config": config}))
	}
	text, err := json.Marshal(map[string]any{"_format_version": "3.0", "services": services})
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.dir, g.name+".json")
	return file, os.WriteFile(file, text, 0o600)
}
