package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

// peer is another gateway that logs users in at the same IdP and asks the same
// upstream: for orientation, with the settings that its documentation shows.
type peer struct {
	id      string // in rows
	name    string
	address string
	// callback is the path of its redirect URI.
	callback string
	// launch starts it; an absence is not a failure.
	launch  func(ctx context.Context, p *peer) (*process, error)
	process *process
	cookie  string
}

func (p *peer) site() string { return "http://" + p.address + "/" }

func (b *bench) newPeers(ctx context.Context) error {
	b.apache = &peer{id: "apache", name: "Apache, mod_auth_openidc", callback: "oidc/callback", launch: b.startApache}
	b.oauth2Proxy = &peer{id: "oauth2-proxy", name: "oauth2-proxy", callback: "oauth2/callback", launch: b.startOAuth2Proxy}
	for _, p := range []*peer{b.apache, b.oauth2Proxy} {
		var err error
		if p.address, err = freeAddress(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ready starts a peer once and logs in there.
func (b *bench) ready(ctx context.Context, p *peer) error {
	if p.cookie != "" {
		return nil
	}
	var err error
	if p.process == nil {
		if p.process, err = p.launch(ctx, p); err != nil {
			return err
		}
	}
	if p.cookie, err = b.crowd.logInAs(ctx, account(0), p.site()); err != nil {
		return fmt.Errorf("%w\n%s", err, p.process.log)
	}
	b.say("%s: cookies %d bytes", p.name, len(p.cookie))
	return nil
}

// peerSession asks a peer with a session.
func (b *bench) peerSession(p *peer) *probe {
	return b.wrkProbe(p.name+", session", http.StatusOK, func(ctx context.Context) (*process, load, error) {
		err := b.ready(ctx, p)
		return p.process, load{url: p.site(), headers: []string{"Cookie: " + p.cookie}}, err
	})
}

// peerAnonymous asks a peer without one.
func (b *bench) peerAnonymous(p *peer) *probe {
	return b.wrkProbe(p.name+", anonymous", http.StatusFound, func(ctx context.Context) (*process, load, error) {
		err := b.ready(ctx, p)
		return p.process, load{url: p.site(), headers: []string{"Accept: text/html"}}, err
	})
}

// peerLogins logs in at a peer.
func (b *bench) peerLogins(p *peer, n int) *probe {
	return &probe{
		name:    p.name + ", logins",
		prepare: func(ctx context.Context) error { return b.ready(ctx, p) },
		measure: func(ctx context.Context) (figures, error) {
			return b.crowd.measureLogins(ctx, p.process, p.site(), n)
		},
	}
}

const apacheModules = "/usr/lib/apache2/modules" // Debian's

// startApache runs one process of the event MPM with threads.
func (b *bench) startApache(ctx context.Context, p *peer) (*process, error) {
	binary, err := exec.LookPath("apache2")
	if err != nil {
		return nil, absence("apache2 is not installed")
	}
	if _, err := os.Stat(filepath.Join(apacheModules, "mod_auth_openidc.so")); err != nil {
		return nil, absence("libapache2-mod-auth-openidc is not installed")
	}
	dir := filepath.Join(b.dir, "apache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var modules strings.Builder
	for _, name := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_http", "headers", "auth_openidc"} {
		_, _ = fmt.Fprintf(&modules, "LoadModule %s_module %s/mod_%s.so\n", name, apacheModules, name)
	}
	account := ""
	if _, err := user.Lookup("www-data"); err == nil && os.Getuid() == 0 {
		account = "User www-data\nGroup www-data\n"
	}
	config := fmt.Sprintf(`%s%sServerName bench
ServerRoot %s
DefaultRuntimeDir %s
PidFile %s/pid
Mutex posixsem
Listen %s
ErrorLog /dev/stderr
LogLevel error
CustomLog /dev/null "%%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\""
BufferedLogs On
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ServerLimit 1
StartServers 1
ThreadLimit 128
ThreadsPerChild 128
MaxRequestWorkers 128
MaxConnectionsPerChild 0
OIDCProviderMetadataURL %s/.well-known/openid-configuration
OIDCClientID %s
OIDCClientSecret "%s"
OIDCRedirectURI %s%s
OIDCCryptoPassphrase %s
OIDCScope "openid email"
OIDCSessionInactivityTimeout 86400
OIDCCacheShmMax 20000
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
RequestHeader set Authorization "expr=Bearer %%{HTTP:OIDC_access_token}"
ProxyPass / http://%s/ keepalive=On
`, modules.String(), account, dir, dir, dir, p.address,
		b.issuer(), clientID, clientKey, p.site(), p.callback, rand.Text(), b.addresses.upstream)
	file := filepath.Join(dir, "apache.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return b.spawn(ctx, program{name: binary, args: []string{"-f", file, "-D", "FOREGROUND"}, cores: b.proxyCores, address: p.address})
}

// oauth2ProxyBinary is where tools/benchdeps builds it.
const oauth2ProxyBinary = ".cache/bin/oauth2-proxy"

// startOAuth2Proxy runs oauth2-proxy with sessions in cookies, its default.
func (b *bench) startOAuth2Proxy(ctx context.Context, p *peer) (*process, error) {
	if _, err := os.Stat(oauth2ProxyBinary); err != nil {
		return nil, absence("tools/benchdeps has not built oauth2-proxy")
	}
	lifetime := (24 * time.Hour).String()
	return b.spawn(ctx, program{
		name: oauth2ProxyBinary, cores: b.proxyCores, address: p.address,
		env: []string{fmt.Sprintf("GOMAXPROCS=%d", len(b.proxyCores))},
		args: []string{
			"--provider=oidc", "--oidc-issuer-url=" + b.issuer(), "--client-id=" + clientID, "--client-secret=" + clientKey,
			"--redirect-url=" + p.site() + p.callback, "--http-address=" + p.address, "--upstream=http://" + b.addresses.upstream + "/",
			"--cookie-secret=" + rand.Text() + "abcdef", "--cookie-secure=false", "--cookie-expire=" + lifetime,
			"--email-domain=*", "--scope=openid email", "--code-challenge-method=S256", "--skip-provider-button=true",
			"--pass-access-token=true", "--pass-authorization-header=true",
		},
	})
}
