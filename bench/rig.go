package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"
)

// bench is everything that runs.
type bench struct {
	settings
	progress              io.Writer
	now                   func() time.Time
	patience              time.Duration // what is left of it
	dir                   string
	binary                string // of sallyport
	certificate, key      string // files
	all                   cores  // see allCores
	proxyCores, loadCores cores
	addresses             addresses
	processes             []*process

	nginx    *process
	main     *gateway
	gateways map[string]*gateway // the others, by name
	idp      *identity
	crowd    *crowd
	cookies  map[string]string // of one session on main, by host

	apache, oauth2Proxy *peer
}

// addresses are host:port of all that listens, but for gateways.
type addresses struct {
	upstream, nginx, nginxGateway, nginxTLS, nginxRedirect, redis, idp string
}

// The gateways beside the main one, each for a probe that wants a fresh
// process or other cores.
const (
	gatewayOneCore  = "one-core"
	gatewayTwoCores = "two-cores"
	gatewayMany     = "many-sessions"
	gatewayMemory   = "logins"
)

// allCores are those of this machine. This process is confined to some of them
// later.
func (b *bench) allCores() (cores, error) {
	var err error
	if b.all == nil {
		b.all, err = usable()
	}
	return b.all, err
}

func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

// start brings up what all probes need.
func (b *bench) start(ctx context.Context) error {
	all, err := b.allCores()
	if err != nil {
		return err
	}
	if b.proxyCores, b.loadCores, err = split(all, b.coreCount); err != nil {
		return err
	}
	if b.loadCores, err = apart(b.proxyCores, b.loadCores, siblings); err != nil {
		return err
	}
	b.say("the proxy runs on core %s, everything else on %s", b.proxyCores, b.loadCores)
	b.binary = filepath.Join(b.dir, "sallyport")
	if err := build(ctx, b.binary); err != nil {
		return err
	}
	if err := confine(ctx, b.loadCores); err != nil {
		return err
	}
	if err := b.reserve(ctx); err != nil {
		return err
	}
	if b.certificate, b.key, err = writeCertificate(b.dir); err != nil {
		return err
	}
	a := b.addresses
	if err := b.startIdP(ctx, b.callbacks()); err != nil {
		return err
	}
	b.crowd = newCrowd(b.idp)
	if _, err := b.startNginx(ctx, "upstream", a.upstream, b.loadCores, staticServer(a.upstream)); err != nil {
		return err
	}
	if b.nginx, err = b.startNginx(ctx, "proxy", a.nginx, b.proxyCores, b.proxies()); err != nil {
		return err
	}
	if _, err = b.spawn(ctx, program{
		name: "redis-server", cores: b.loadCores, address: a.redis,
		args: []string{"--bind", "127.0.0.1", "--port", port(a.redis), "--save", "", "--appendonly", "no", "--dir", b.dir},
	}); err != nil {
		return err
	}
	return b.startGateway(ctx, b.main, b.proxyCores)
}

// reserve finds free addresses for everything.
func (b *bench) reserve(ctx context.Context) error {
	a := &b.addresses
	for _, address := range []*string{&a.upstream, &a.nginx, &a.nginxGateway, &a.nginxTLS, &a.nginxRedirect, &a.redis, &a.idp} {
		var err error
		if *address, err = freeAddress(ctx); err != nil {
			return err
		}
	}
	var err error
	if b.main, err = newGateway(ctx, "sallyport"); err != nil {
		return err
	}
	b.gateways = map[string]*gateway{}
	for _, name := range []string{gatewayOneCore, gatewayTwoCores, gatewayMany, gatewayMemory} {
		if b.gateways[name], err = newGateway(ctx, name); err != nil {
			return err
		}
	}
	return b.newPeers(ctx)
}

// callbacks are the redirect URIs of all gateways.
func (b *bench) callbacks() []string {
	all := []string{b.apache.site() + b.apache.callback, b.oauth2Proxy.site() + b.oauth2Proxy.callback}
	for host := range storages {
		all = append(all, b.main.callback(host))
		for _, g := range b.gateways {
			all = append(all, g.callback(host))
		}
	}
	return all
}

// session is the cookie of a session on the main gateway, made when it is
// wanted first. One that is in the cookie itself is made each time: a browser
// takes the cookie that renews it now and then, and wrk does not, so that each
// request of a later round would be answered with another one.
func (b *bench) session(ctx context.Context, host string) (string, error) {
	if cookie := b.cookies[host]; cookie != "" && host != cookieHost {
		return cookie, nil
	}
	name := account(0)
	if host == cookieHost {
		name = heavyAccount
	}
	cookie, err := b.crowd.logInAs(ctx, name, b.main.site(host))
	if err != nil {
		return "", fmt.Errorf("%s: %w", host, err)
	}
	b.say("%s: %s, cookies %d bytes", host, b.idp.issued(), len(cookie))
	if b.cookies == nil {
		b.cookies = map[string]string{}
	}
	b.cookies[host] = cookie
	return cookie, nil
}
