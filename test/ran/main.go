package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout, os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "ran:", err)
		os.Exit(1)
	}
}

// run reads the events of go test -json from in, shows on out what go test
// would show, and compares them with what the documents name.
func run(in io.Reader, out io.Writer, documents []string) error {
	named, err := namedTests(documents)
	if err != nil {
		return err
	}
	r := newResults(out)
	if err := r.read(in); err != nil {
		return err
	}
	if err := r.err(); err != nil {
		return err
	}
	if missing := r.missing(named); len(missing) > 0 {
		for _, m := range missing {
			_, _ = fmt.Fprintln(out, m)
		}
		return fmt.Errorf("%d of %d named tests did not run and pass", len(missing), len(named))
	}
	_, _ = fmt.Fprintf(out, "%d tests that documents name ran and passed\n", len(named))
	return nil
}
