package main

import (
	"context"
	"net/http"
)

// nginxProbe asks one of nginx's servers, by the request that a gateway gets.
func (b *bench) nginxProbe(name, address string, want int) *probe {
	return b.wrkProbe(name, want, func(ctx context.Context) (*process, load, error) {
		l := load{url: "http://" + address + "/", headers: []string{"Host: " + bareHost}}
		if address == b.addresses.nginxGateway {
			cookie, err := b.session(ctx, memoryHost)
			if err != nil {
				return nil, load{}, err
			}
			l.headers = []string{b.main.hostHeader(memoryHost), "Cookie: " + cookie}
		}
		return b.nginx, l, nil
	})
}

func (b *bench) bareRoute() *probe {
	return b.wrkProbe("bare route", http.StatusOK, func(context.Context) (*process, load, error) {
		return b.main.process, load{url: "http://" + b.main.plain + "/", headers: []string{b.main.hostHeader(bareHost)}}, nil
	})
}

// oneSession asks with one and the same cookie.
func (b *bench) oneSession(host string) *probe {
	return b.wrkProbe("session, "+host, http.StatusOK, func(ctx context.Context) (*process, load, error) {
		cookie, err := b.session(ctx, host)
		return b.main.process, load{url: "http://" + b.main.plain + "/", headers: []string{b.main.hostHeader(host), "Cookie: " + cookie}}, err
	})
}

// anonymous asks as a browser does that was never here.
func (b *bench) anonymous() *probe {
	return b.wrkProbe("anonymous", http.StatusFound, func(context.Context) (*process, load, error) {
		return b.main.process, load{url: "http://" + b.main.plain + "/", headers: []string{b.main.hostHeader(memoryHost), "Accept: text/html"}}, nil
	})
}
