package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// protocol is what TLS listeners are asked by.
type protocol int

const (
	http1 protocol = iota
	http2
)

// streams is how many requests a connection of HTTP/2 carries at once. There
// are so many fewer connections.
const streams = 4

// tlsProbe loads a TLS listener by h2load. Every connection of a round makes
// its handshake anew.
func (b *bench) tlsProbe(name string, p protocol, proxy func() (*process, string)) *probe {
	var args []string
	return &probe{
		name: name,
		prepare: func(ctx context.Context) error {
			if _, err := exec.LookPath("h2load"); err != nil {
				return absence("h2load is not installed")
			}
			cookie, err := b.session(ctx, memoryHost)
			if err != nil {
				return err
			}
			process, address := proxy()
			args = []string{"-c", b.loadCores.String(), "h2load", "-t", "1"}
			if p == http2 {
				args = append(args, "-c", strconv.Itoa(max(1, b.connections/streams)), "-m", strconv.Itoa(streams))
			} else {
				args = append(args, "-c", strconv.Itoa(b.connections), "--h1")
			}
			args = append(args, "--connect-to="+address, "-H", "cookie: "+cookie, "https://"+net.JoinHostPort(memoryHost, port(address))+"/")
			_, err = b.load(ctx, process, append(args, "-D", "1"), parseH2load)
			return err
		},
		measure: func(ctx context.Context) (figures, error) {
			process, _ := proxy()
			return b.load(ctx, process, append(args, "-D", strconv.Itoa(max(1, int(b.duration.Seconds())))), parseH2load)
		},
	}
}

// tlsProbes are nginx and sallyport, with a session, by one protocol.
func (b *bench) tlsProbes(name string, p protocol) (nginx, sallyport *probe) {
	nginx = b.tlsProbe("nginx doing the same, "+name, p, func() (*process, string) { return b.nginx, b.addresses.nginxTLS })
	sallyport = b.tlsProbe("session, "+name, p, func() (*process, string) { return b.main.process, b.main.encrypted })
	return nginx, sallyport
}

var (
	h2loadPerSecond = regexp.MustCompile(`(?m)^finished in [\d.]+m?s, ([\d.]+) req/s`)
	h2loadRequests  = regexp.MustCompile(`(?m)^requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2loadStatus    = regexp.MustCompile(`(?m)^status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx`)
)

// parseH2load reads what h2load prints. A request that failed makes it
// worthless.
func parseH2load(report string) (f figures, requests int64, err error) {
	perSecond, counts, status := h2loadPerSecond.FindStringSubmatch(report), h2loadRequests.FindStringSubmatch(report), h2loadStatus.FindStringSubmatch(report)
	if perSecond == nil || counts == nil || status == nil {
		return figures{}, 0, errors.New("it printed no report")
	}
	done := counts[1]
	if counts[2] != done || strings.Join(counts[3:], "") != "000" || strings.Join(status[1:], "") != "000" {
		return figures{}, 0, fmt.Errorf("requests failed: %s; %s", counts[0], status[0])
	}
	if requests, err = strconv.ParseInt(done, 10, 64); err != nil || requests == 0 {
		return figures{}, 0, errors.New("no requests were served")
	}
	f.perSecond, err = strconv.ParseFloat(perSecond[1], 64)
	return f, requests, err
}
