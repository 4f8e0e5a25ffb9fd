package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"sallyport/internal/echo"
	"sallyport/internal/practiceidp"
	"sallyport/internal/server"
	"sallyport/internal/store"
)

// The accounts and the client of the demo. They protect nothing. Only the first
// user is in the group that the gateway asks for.
const (
	demoUser      = "demo"
	demoPassword  = "demo"
	demoGuest     = "guest"
	guestPassword = "guest"
	demoGroup     = "staff"
	demoClient    = "sallyport-demo"
)

// demo is everything that the command runs.
type demo struct {
	*node
	idp, upstream *server.Server
	// provider serves idp. It is made once idp's port is known, and before idp
	// runs.
	provider http.Handler
	secret   string
}

// demo runs a gateway, a practice IdP and an upstream, all on loopback and
// with nothing kept.
func (p program) demo(ctx context.Context, args []string) error {
	s := settings{}
	fs := s.flags("demo")
	s.proxyListen = []server.Listen{{Addr: "127.0.0.1:8000"}}
	idpListen, upstreamListen := server.Listen{Addr: "127.0.0.1:8002"}, server.Listen{Addr: "127.0.0.1:8003"}
	s.logLevel, s.accessLog = slog.LevelWarn, "off"
	fs = demoFlags(fs, &idpListen, &upstreamListen)
	if err := p.parse(fs, args); err != nil {
		if errors.Is(err, errHelp) {
			return nil
		}
		return err
	}
	d := &demo{secret: rand.Text()}
	logger, access := p.loggers(s)
	redirectStandardLog(logger)
	var err error
	if d.node, err = newNode(s, logger, access); err != nil {
		return err
	}
	defer d.close()
	if err := d.listen(ctx, idpListen, upstreamListen); err != nil {
		return err
	}
	if err := d.configure(ctx); err != nil {
		return err
	}
	p.tell(p.stdout, "%s", d.instructions())
	return d.run(ctx)
}

// demoFlags keeps of start's flags those that make sense here, and adds the
// addresses of the IdP and the upstream.
func demoFlags(all *flag.FlagSet, idp, upstream *server.Listen) *flag.FlagSet {
	fs := flag.NewFlagSet(all.Name(), flag.ContinueOnError)
	fs.SetOutput(all.Output())
	for _, name := range []string{"proxy-listen", "admin-listen", "log-level", "log-format", "access-log", "access-log-format", "access-log-sample"} {
		f := all.Lookup(name)
		fs.Var(f.Value, f.Name, f.Usage)
	}
	for name, l := range map[string]*server.Listen{"idp-listen": idp, "upstream-listen": upstream} {
		fs.Func(name, "`ADDRESS` of the "+strings.TrimSuffix(name, "-listen"), func(s string) (err error) {
			*l, err = server.ParseListen(s)
			return err
		})
	}
	return fs
}

func (d *demo) listen(ctx context.Context, idp, upstream server.Listen) (err error) {
	d.idp, err = server.NewHTTP(server.HTTPOptions{
		Common:  server.Common{Name: "practice idp", Listen: []server.Listen{idp}, Logger: d.logger, Grace: d.settings.grace},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.provider.ServeHTTP(w, r) }),
	})
	if err != nil {
		return err
	}
	d.upstream, err = server.NewHTTP(server.HTTPOptions{
		Common:  server.Common{Name: "demo upstream", Listen: []server.Listen{upstream}, Logger: d.logger, Grace: d.settings.grace},
		Handler: new(echo.Handler),
	})
	if err != nil {
		return err
	}
	for _, bind := range []func(context.Context) error{d.node.listen, d.idp.Listen, d.upstream.Listen} {
		if err := bind(ctx); err != nil {
			return err
		}
	}
	return nil
}

// base is the URL of the gateway. The IdP is reached under another host name,
// so that the two share no cookies.
func (d *demo) base() string {
	if d.secure() {
		return "https://localhost:" + port(d.proxy)
	}
	return "http://localhost:" + port(d.proxy)
}

// secure tells whether the gateway is reached over TLS.
func (d *demo) secure() bool { return d.settings.proxyListen[0].TLS }

func port(s *server.Server) string {
	if tcp, ok := s.Addrs()[0].(*net.TCPAddr); ok {
		return strconv.Itoa(tcp.Port)
	}
	return ""
}

// configure makes the IdP and the entities, now that all ports are known.
func (d *demo) configure(ctx context.Context) error {
	provider, err := practiceidp.New(practiceidp.Options{
		Issuer: "http://127.0.0.1:" + port(d.idp),
		Clients: []practiceidp.Client{{
			ID: demoClient, Name: "the sallyport demo", Secret: d.secret,
			RedirectURIs: []string{d.base() + "/callback"}, PostLogoutRedirectURIs: []string{d.base() + "/"},
		}},
		Users: []practiceidp.User{
			{
				Name: demoUser, Password: demoPassword,
				Claims:            map[string]any{"name": "Demo User", "email": "demo@example.com", "email_verified": true},
				AccessTokenClaims: map[string]any{"groups": []string{demoGroup}},
			},
			{
				Name: demoGuest, Password: guestPassword,
				Claims:            map[string]any{"name": "Demo Guest", "email": "guest@example.com", "email_verified": true},
				AccessTokenClaims: map[string]any{"groups": []string{"visitors"}},
			},
		},
	})
	if err != nil {
		return err
	}
	d.provider = provider
	text, err := json.Marshal(d.document(provider.Issuer()))
	if err != nil {
		return err
	}
	doc, err := store.ParseDeclarative("demo", text, d.kinds)
	if err != nil {
		return err
	}
	_, err = d.store.Load(ctx, doc)
	return err
}

// document is the declarative configuration of the demo.
func (d *demo) document(issuer string) map[string]any {
	prefix := ""
	if d.secure() {
		prefix = "__Host-" // a browser takes such cookies over TLS and from this host only
	}
	return map[string]any{
		"_format_version": "3.0",
		"services": []any{map[string]any{
			"name": "echo", "url": "http://127.0.0.1:" + port(d.upstream) + "/anything",
			"routes": []any{map[string]any{"name": "demo", "hosts": []any{"localhost"}, "paths": []any{"/"}}},
			"plugins": []any{map[string]any{"name": "openid-connect", "config": map[string]any{
				"issuer":                    issuer,
				"client_id":                 []any{demoClient},
				"client_secret":             []any{d.secret},
				"auth_methods":              []any{"authorization_code", "session"},
				"scopes":                    []any{"openid", "profile", "email"},
				"redirect_uri":              []any{d.base() + "/callback"},
				"login_action":              "redirect",
				"login_tokens":              nil,
				"preserve_query_args":       true,
				"groups_required":           []any{demoGroup},
				"display_errors":            true, // the page shows the group that is missing
				"session_secret":            rand.Text(),
				"session_storage":           "memory",
				"session_cookie_name":       prefix + "session",
				"authorization_cookie_name": prefix + "authorization",
				"logout_uri_suffix":         "/logout",
				"logout_methods":            []any{"GET", "POST"},
				"logout_redirect_uri":       []any{d.base() + "/"},
			}}},
		}},
	}
}

func (d *demo) instructions() string {
	text := "sallyport demo: a gateway, an identity provider and an upstream. Nothing is kept.\n\n" +
		"  Open      " + d.base() + "/?hello=world\n" +
		"  User      " + demoUser + "\n" +
		"  Password  " + demoPassword + "\n" +
		"  Log out   " + d.base() + "/logout\n\n" +
		"The user " + demoGuest + " (password " + guestPassword + ") is not in the group " + demoGroup + ", and sees the page that says so.\n\n" +
		"The redirect to the login page, without a browser:\n\n" +
		"  curl -si " + d.insecure() + "'" + d.base() + "/?hello=world'\n\n"
	if d.admin != nil {
		text += "The configuration, by the Admin API:\n\n  curl -s http://" + d.admin.Addrs()[0].String() + "/plugins\n\n"
	}
	return text + "Stop it with Ctrl-C.\n"
}

// insecure is what curl needs for a certificate that nobody vouches for.
func (d *demo) insecure() string {
	if d.secure() {
		return "-k "
	}
	return ""
}

func (d *demo) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range []*server.Server{d.idp, d.upstream} {
		group.Go(func() error { return s.Run(ctx) })
	}
	group.Go(func() error { return d.node.run(ctx, nil) })
	return group.Wait()
}
