package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"sallyport/bench/report"
)

// settings are the flags.
type settings struct {
	rounds, connections, coreCount int
	duration                       time.Duration
	only                           string
	quick                          bool
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
	fs.IntVar(&s.rounds, "rounds", 5, "`N` rounds over all rows")
	fs.DurationVar(&s.duration, "duration", 5*time.Second, "how `LONG` each row is loaded in a round")
	fs.IntVar(&s.connections, "connections", 32, "`N` connections kept open")
	fs.IntVar(&s.coreCount, "cores", 1, "`N` cores for the proxy under test")
	fs.StringVar(&s.only, "only", "", "measure only rows whose id or text matches the `REGEXP`")
	fs.BoolVar(&s.quick, "quick", false, "two rounds of a second, fewer sessions: to see that it works")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if s.quick {
		s.rounds, s.duration = 2, time.Second
	}
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // scratch
	b := &bench{settings: s, progress: progress, dir: dir}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return err
	}
	p := b.plan()
	if err := p.only(s.only); err != nil {
		return err
	}
	if err := b.measure(ctx, p.probes()); err != nil {
		return err
	}
	return report.Text(out, p.lines())
}

// measure goes through the probes round by round.
func (b *bench) measure(ctx context.Context, probes []*probe) error {
	for _, p := range probes {
		b.say("preparing: %s", p.name)
		if err := p.ready(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if p.missing != "" {
			b.say("%s: not measured: %s", p.name, p.missing)
		}
	}
	for round := range b.rounds {
		for _, p := range probes {
			if p.missing != "" {
				continue
			}
			f, err := p.measure(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			p.results = append(p.results, f)
			b.say("round %d of %d: %s: %s", round+1, b.rounds, p.name, f)
		}
	}
	return nil
}
