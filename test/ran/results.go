package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is one line of go test -json (go doc test2json).
type event struct{ Action, Package, ImportPath, Test, Output string }

// key is a test of a package.
type key struct{ folder, test string }

// results are what has been read.
type results struct {
	out io.Writer
	// verdicts are the last actions of tests: pass, fail or skip.
	verdicts map[key]string
	// packages are the last actions of packages, "start" while one runs.
	packages map[string]string
	// output is kept until it is known whether its test fails.
	output map[key]*strings.Builder
	failed int
}

func newResults(out io.Writer) *results {
	return &results{out: out, verdicts: map[key]string{}, packages: map[string]string{}, output: map[key]*strings.Builder{}}
}

func (r *results) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				_, _ = r.out.Write(line) // what is no event is somebody's complaint
			} else {
				r.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *results) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		_, _ = io.WriteString(r.out, e.Output)
	case "build-fail":
		r.failed++
	case "output":
		r.keep(k, e.Output)
	case "start":
		r.packages[e.Package] = e.Action
	case "pass", "fail", "skip":
		r.end(k, e.Action)
	}
}

// keep shows the output of packages at once, of tests when they have failed.
func (r *results) keep(k key, text string) {
	if k.test == "" {
		if text != "PASS\n" { // the line of the package follows
			_, _ = io.WriteString(r.out, text)
		}
		return
	}
	if r.output[k] == nil {
		r.output[k] = &strings.Builder{}
	}
	_, _ = r.output[k].WriteString(text)
}

func (r *results) end(k key, action string) {
	if action == "fail" {
		r.failed++
	}
	if k.test == "" {
		r.packages[k.folder] = action
		return
	}
	r.verdicts[k] = action
	if b := r.output[k]; b != nil && action == "fail" {
		_, _ = io.WriteString(r.out, b.String())
	}
	delete(r.output, k)
}

// err tells what went wrong apart from the documents.
func (r *results) err() error {
	if len(r.packages) == 0 {
		return errors.New("no events of go test -json")
	}
	for _, folder := range slices.Sorted(maps.Keys(r.packages)) {
		if r.packages[folder] == "start" {
			return fmt.Errorf("%s did not come to its end", folder)
		}
	}
	if r.failed > 0 {
		return errors.New("tests failed")
	}
	return nil
}

// missing lists, a line each, the named tests that did not run and pass.
func (r *results) missing(named []name) []string {
	verdicts := map[string]string{}
	for k, v := range r.verdicts {
		for _, n := range named {
			if n.is(k.folder, k.test) {
				if old := verdicts[n.String()]; old == "" || old == "pass" {
					verdicts[n.String()] = v
				}
			}
		}
	}
	var lines []string
	for _, n := range named {
		switch v := verdicts[n.String()]; v {
		case "pass":
		case "":
			lines = append(lines, fmt.Sprintf("%s: %s did not run", n.document, n))
		default:
			lines = append(lines, fmt.Sprintf("%s: %s: %s", n.document, n, v))
		}
	}
	return lines
}
