package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/practiceidp"
)

// The hosts of the two routes, the client and the account.
const (
	bareHost    = "bare.test"
	sessionHost = "session.test"
	clientID    = "bench"
	clientKey   = "a secret of the benchmark that protects nothing"
	userName    = "bench"
	cookieName  = "session"
)

func (b *bench) callback() string {
	return "http://" + net.JoinHostPort(sessionHost, port(b.addresses.sallyport)) + "/callback"
}

func port(address string) string {
	_, p, _ := strings.Cut(address, ":") // of ours, on 127.0.0.1
	return p
}

// startIdP serves the practice IdP from this process: no request that is
// measured reaches it.
func (b *bench) startIdP(ctx context.Context) error {
	idp, err := practiceidp.New(practiceidp.Options{
		Issuer:    "http://" + b.addresses.idp,
		Clients:   []practiceidp.Client{{ID: clientID, Secret: clientKey, RedirectURIs: []string{b.callback()}, SkipConsent: true}},
		Users:     []practiceidp.User{{Name: userName}},
		AutoLogin: userName, AccessTokenTTL: 24 * time.Hour,
	})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", b.addresses.idp)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: idp, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with the program
	return nil
}

// writeConfig writes the declarative file: a bare route, and one that demands a
// session kept in Redis.
func (b *bench) writeConfig() (string, error) {
	redisPort, err := strconv.Atoi(port(b.addresses.redis))
	if err != nil {
		return "", err
	}
	service := func(name, host string, plugins ...any) map[string]any {
		return map[string]any{
			"name": name, "url": "http://" + b.addresses.upstream, "plugins": plugins,
			"routes": []any{map[string]any{"name": name, "hosts": []any{host}, "paths": []any{"/"}}},
		}
	}
	openid := map[string]any{"name": "openid-connect", "config": map[string]any{
		"issuer": "http://" + b.addresses.idp, "client_id": []any{clientID}, "client_secret": []any{clientKey},
		"redirect_uri": []any{b.callback()}, "auth_methods": []any{"authorization_code", "session"},
		"login_action": "redirect", "login_tokens": nil, "session_secret": rand.Text(),
		"session_storage": "redis", "session_cookie_name": cookieName,
		"redis": map[string]any{"host": "127.0.0.1", "port": redisPort},
	}}
	text, err := json.Marshal(map[string]any{
		"_format_version": "3.0",
		"services":        []any{service("bare", bareHost), service("session", sessionHost, openid)},
	})
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.dir, "kong.json")
	return file, os.WriteFile(file, text, 0o600)
}

// logIn walks through a login and gives the session cookie, as name=value.
func (b *bench) logIn(ctx context.Context) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasPrefix(address, sessionHost+":") {
			address = b.addresses.sallyport
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dial}}
	start, err := url.Parse("http://" + net.JoinHostPort(sessionHost, port(b.addresses.sallyport)) + "/")
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, start.String(), nil)
	if err != nil {
		return "", err
	}
	res, err := browser.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK || res.Request.URL.String() != start.String() {
		return "", fmt.Errorf("it ended with status %d at %s: %s", res.StatusCode, res.Request.URL.Redacted(), body)
	}
	for _, c := range jar.Cookies(start) {
		if c.Name == cookieName {
			return c.Name + "=" + c.Value, nil
		}
	}
	return "", errors.New("no session cookie was set")
}
