package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// settings are the flags.
type settings struct {
	rounds, connections, cores int
	duration                   time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var s settings
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&s.rounds, "rounds", 5, "`N` rounds over all targets")
	fs.DurationVar(&s.duration, "duration", 5*time.Second, "how `LONG` each target is loaded in a round")
	fs.IntVar(&s.connections, "connections", 32, "`N` connections kept open")
	fs.IntVar(&s.cores, "cores", 1, "`N` cores for the proxy under test")
	if err := fs.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // scratch
	b := &bench{settings: s, dir: dir}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return err
	}
	targets, err := b.targets(ctx)
	if err != nil {
		return err
	}
	for round := range s.rounds {
		for _, t := range targets {
			_, _ = fmt.Fprintf(progress, "round %d of %d: %s\n", round+1, s.rounds, t.name)
			if err := b.measure(ctx, t); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	return table(out, targets)
}

// bench is everything that runs.
type bench struct {
	settings
	dir       string
	processes []*process

	nginx, sallyport *process
	addresses        addresses
}

// addresses are host:port of all that listens.
type addresses struct {
	upstream, nginx, sallyport, admin, redis, idp string
}

// target is what wrk is pointed at.
type target struct {
	name, url string
	headers   []string
	proxy     *process
	results   []result
}

// start brings up all processes.
func (b *bench) start(ctx context.Context) error {
	for _, address := range []*string{
		&b.addresses.upstream, &b.addresses.nginx, &b.addresses.sallyport, &b.addresses.admin, &b.addresses.redis, &b.addresses.idp,
	} {
		var err error
		if *address, err = freeAddress(ctx); err != nil {
			return err
		}
	}
	binary := filepath.Join(b.dir, "sallyport")
	if err := build(ctx, binary); err != nil {
		return err
	}
	if err := b.startIdP(ctx); err != nil {
		return err
	}
	a := b.addresses
	if _, err := b.startNginx(ctx, "upstream", a.upstream, staticServer); err != nil {
		return err
	}
	var err error
	if b.nginx, err = b.startNginx(ctx, "proxy", a.nginx, bareProxy); err != nil {
		return err
	}
	_, redisPort, _ := strings.Cut(a.redis, ":")
	if _, err = b.spawn(ctx, a.redis, nil, "redis-server", "--bind", "127.0.0.1", "--port", redisPort,
		"--save", "", "--appendonly", "no", "--dir", b.dir); err != nil {
		return err
	}
	config, err := b.writeConfig()
	if err != nil {
		return err
	}
	b.sallyport, err = b.spawn(ctx, a.sallyport, []string{fmt.Sprintf("GOMAXPROCS=%d", b.cores)},
		binary, "start", "--config", config, "--proxy-listen", a.sallyport, "--admin-listen", a.admin)
	return err
}

// targets are what is compared, nginx first. Each has answered once.
func (b *bench) targets(ctx context.Context) ([]*target, error) {
	cookie, err := b.logIn(ctx)
	if err != nil {
		return nil, fmt.Errorf("login: %w", err)
	}
	sallyport := "http://" + b.addresses.sallyport + "/"
	targets := []*target{
		{name: "nginx, bare proxy", url: "http://" + b.addresses.nginx + "/", proxy: b.nginx},
		{name: "sallyport, bare route", url: sallyport, headers: []string{"Host: " + bareHost}, proxy: b.sallyport},
		{name: "sallyport, Redis session", url: sallyport, headers: []string{"Host: " + sessionHost, "Cookie: " + cookie}, proxy: b.sallyport},
	}
	for _, t := range targets {
		if err := b.check(ctx, t); err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return targets, nil
}
