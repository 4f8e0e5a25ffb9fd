package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

// version is sallyport's own version.
const version = "0.1.0"

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	p := program{stdout: os.Stdout, stderr: os.Stderr, lookupEnv: os.LookupEnv}
	os.Exit(p.main(ctx, os.Args[1:]))
}

// program is what the commands see of the process.
type program struct {
	stdout, stderr io.Writer
	lookupEnv      func(name string) (string, bool)
}

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// main runs one command until it is done or ctx ends, and returns the exit
// code.
func (p program) main(ctx context.Context, args []string) int {
	err := p.command(ctx, args)
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		p.tell(p.stderr, "sallyport: %s\nRun 'sallyport help' for usage.\n", usage.text)
		return exitUsage
	}
	p.tell(p.stderr, "sallyport: %v\n", err)
	return exitFailure
}

func (p program) command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return &usageError{"no command"}
	}
	name, rest := args[0], args[1:]
	switch name {
	case "start":
		return p.start(ctx, rest)
	case "demo":
		return p.demo(ctx, rest)
	case "config":
		if len(rest) == 2 && rest[0] == "validate" && !strings.HasPrefix(rest[1], "-") {
			return p.validate(ctx, rest[1])
		}
		return &usageError{"want: config validate FILE"}
	case "version", "--version", "-version":
		p.tell(p.stdout, "%s\n", versionText())
		return nil
	case "help", "--help", "-help", "-h":
		p.tell(p.stdout, "%s", usageText)
		return nil
	}
	return &usageError{fmt.Sprintf("unknown command %q", name)}
}

const usageText = `Usage:

  sallyport start [flags]          run the gateway (sallyport start --help)
  sallyport demo [flags]           run it with a practice IdP and an upstream
  sallyport config validate FILE   check a declarative file
  sallyport version
  sallyport help
`

// tell writes to the terminal; that it is gone is nothing to act on.
func (p program) tell(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

func versionText() string {
	parts := []string{"sallyport", version}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				parts = append(parts, s.Value[:12])
			}
		}
	}
	return strings.Join(append(parts, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH), " ")
}
