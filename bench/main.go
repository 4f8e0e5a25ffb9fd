package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"sallyport/bench/report"
)

// document is what a run of everything is written into.
const document = "docs/performance.md"

// settings are the flags.
type settings struct {
	rounds, connections, coreCount int
	duration                       time.Duration
	only                           string
	quick                          bool
	document                       string
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

// parse reads the flags.
func (s *settings) parse(args []string) error {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&s.rounds, "rounds", 5, "`N` rounds over all rows")
	fs.DurationVar(&s.duration, "duration", 5*time.Second, "how `LONG` each row is loaded in a round, in whole seconds")
	fs.IntVar(&s.connections, "connections", 32, "`N` connections kept open")
	fs.IntVar(&s.coreCount, "cores", 1, "`N` cores for the proxy under test")
	fs.StringVar(&s.only, "only", "", "measure only rows whose id or text matches the `REGEXP`")
	fs.BoolVar(&s.quick, "quick", false, "two rounds of a second, fewer sessions: to see that it works")
	fs.StringVar(&s.document, "o", "", "write the table into `FILE` and the chart beside it; a run of everything writes "+document+" unless told otherwise")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if s.quick {
		s.rounds, s.duration = 2, time.Second
	}
	if s.rounds < 1 || s.connections < 1 || s.duration < time.Second {
		return errors.New("-rounds and -connections: want 1 or more; -duration: a second or more")
	}
	if s.document == "" && s.only == "" && !s.quick {
		s.document = document
	}
	return nil
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	var s settings
	switch err := s.parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // scratch
	b := &bench{
		settings: s, progress: progress, dir: dir, patience: patience,
		now: time.Now,
	}
	if s.quick {
		b.patience = 0
	}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return err
	}
	p := b.plan()
	if err := p.only(s.only); err != nil {
		return err
	}
	broken := b.measure(ctx, p.probes())
	if ctx.Err() != nil {
		return broken
	}
	lines := p.lines()
	if err := report.Text(out, lines); err != nil {
		return err
	}
	if s.document == "" || broken != nil {
		return broken
	}
	facts, err := b.facts(ctx, p.probes())
	if err != nil {
		return err
	}
	return write(s.document, lines, facts)
}

// write puts what was measured into the document, and the chart beside it.
func write(file string, lines []report.Line, facts []report.Fact) error {
	text, err := os.ReadFile(file) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	chart := strings.TrimSuffix(filepath.Base(file), ".md") + ".svg"
	whole, err := report.Insert(string(text), report.Markdown(lines, facts, chart))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	picture := report.Chart(lines, "What sallyport costs beside nginx")
	//nolint:gosec // a document for everybody
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), chart), []byte(picture), 0o644); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(whole), 0o644) //nolint:gosec // a document for everybody
}

// measure goes through the probes round by round. One that fails is left out
// from then on: the others may still be worth their minutes.
func (b *bench) measure(ctx context.Context, probes []*probe) error {
	var broken []error
	fail := func(p *probe, err error) {
		p.missing = "it failed: " + strings.SplitN(err.Error(), "\n", 2)[0]
		broken = append(broken, fmt.Errorf("%s: %w", p.name, err))
	}
	for _, p := range probes {
		b.say("preparing: %s", p.name)
		if err := p.ready(ctx); err != nil {
			fail(p, err)
		}
		if p.missing != "" {
			b.say("%s: not measured: %s", p.name, p.missing)
		}
	}
	for round := range b.rounds {
		for _, p := range probes {
			if p.missing != "" || ctx.Err() != nil {
				continue
			}
			f, err := b.attempt(ctx, p)
			if err != nil {
				fail(p, err)
				continue
			}
			p.results = append(p.results, f)
			b.say("round %d of %d: %s: %s", round+1, b.rounds, p.name, f)
		}
	}
	return errors.Join(append(broken, ctx.Err())...)
}

// attempt measures, and does so again when it failed: a machine on which others
// work, too, may for a moment answer nothing in time. What fails three times
// is broken.
func (b *bench) attempt(ctx context.Context, p *probe) (figures, error) {
	for tries := 1; ; tries++ {
		f, err := b.undisturbed(ctx, p)
		if err == nil || tries == 3 || ctx.Err() != nil {
			return f, err
		}
		b.say("%s: again, since it failed: %v", p.name, err)
	}
}
