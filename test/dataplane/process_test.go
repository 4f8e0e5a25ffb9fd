//go:build integration

package dataplane

import (
	"testing"

	"sallyport/test/process"
)

// startProcess runs a program until the test ends, and waits until it listens at
// all of addrs. What it prints is shown when the test fails.
func startProcess(t *testing.T, program process.Program, addrs ...string) *process.Process {
	t.Helper()
	p, err := process.Start(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("errors of %s:\n%.8000s", program.Path, &p.Output)
		}
	})
	for _, addr := range addrs {
		if err := p.WaitFor(patience, func() bool { return process.Listens(addr) }); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// freeAddr is an address of loopback that nobody uses at the moment.
func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + port
}
