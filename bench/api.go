package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// The hosts of the routes of API clients.
const (
	verifiedHost      = "verified.test"
	bearerHost        = "bearer.test"
	introspectionHost = "introspection.test"
)

// apis are these hosts, and what their plugin has beside issuer and client. A
// bound of nothing on what is remembered lets each request verify its token.
func apis() map[string]map[string]any {
	return map[string]map[string]any{
		verifiedHost:      {"auth_methods": []any{"bearer"}, "cache_ttl_max": 0},
		bearerHost:        {"auth_methods": []any{"bearer"}},
		introspectionHost: {"auth_methods": []any{"introspection"}},
	}
}

// password is that of every account.
const password = "a password of the benchmark that protects nothing"

// token is an access token of an account, as an API client has it.
func (b *bench) token(ctx context.Context, name string) (string, error) {
	form := url.Values{"grant_type": {"password"}, "username": {name}, "password": {password}, "scope": {"openid"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.idp.URL("token"), strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(clientKey))
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&tokens); err != nil {
		return "", err
	}
	if tokens.Access == "" {
		return "", fmt.Errorf("the identity provider gave no token, but status %d", res.StatusCode)
	}
	return tokens.Access, nil
}

// apiClient asks with an access token: with one and the same, or with as many
// different ones in turn as there are connections, twice, so that no two
// requests at the same moment have one in common.
func (b *bench) apiClient(host string, one bool) *probe {
	return b.wrkProbe("API client, "+host, http.StatusOK, func(ctx context.Context) (*process, load, error) {
		first, err := b.token(ctx, account(0))
		l := load{
			url:     "http://" + b.main.plain + "/",
			headers: []string{b.main.hostHeader(host), "Authorization: Bearer " + first},
		}
		if err != nil || one {
			return b.main.process, l, err
		}
		var tokens []string
		for n := range 2 * b.connections {
			t, err := b.token(ctx, account(n))
			if err != nil {
				return nil, load{}, err
			}
			tokens = append(tokens, "Bearer "+t)
		}
		_, name, _ := strings.Cut(b.main.hostHeader(host), ": ")
		l.script, err = b.turns("tokens", name, "Authorization", tokens)
		return b.main.process, l, err
	})
}

// turns writes a script that makes wrk send one value of a header after the
// other, and gives its name.
func (b *bench) turns(name, host, header string, values []string) (string, error) {
	list, program := filepath.Join(b.dir, name), filepath.Join(b.dir, name+".lua")
	return program, errors.Join(
		os.WriteFile(list, []byte(strings.Join(values, "\n")+"\n"), 0o600),
		os.WriteFile(program, fmt.Appendf(nil, script, list, host, header), 0o600),
	)
}

// nginxToken gives nginx that does what a gateway does the same request.
func (b *bench) nginxToken() *probe {
	return b.wrkProbe("nginx doing the same with a token", http.StatusOK, func(ctx context.Context) (*process, load, error) {
		t, err := b.token(ctx, account(0))
		return b.nginx, load{
			url:     "http://" + b.addresses.nginxGateway + "/",
			headers: []string{b.main.hostHeader(bearerHost), "Authorization: Bearer " + t},
		}, err
	})
}

func (b *bench) apiRows(bare *probe) []*row {
	with := []comparison{{with: bare}, {with: b.nginxToken()}}
	return []*row{
		{id: "bearer-cached", what: "bearer token, verified before", probe: b.apiClient(bearerHost, true), comparisons: with},
		{id: "bearer-verified", what: "bearer token, verified each time (RS256)", probe: b.apiClient(verifiedHost, false), comparisons: with},
		{id: "introspection-cached", what: "introspected token, answer remembered", probe: b.apiClient(introspectionHost, true), comparisons: with},
	}
}
