package script

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sallyport/test/process"
)

// binaries is the directory of the built program.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sallyport-script")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		binaries = dir
		build := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(dir, "sallyport"), "sallyport/cmd/sallyport")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build sallyport:", err)
			return 1
		}
		return m.Run()
	}())
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(2 * time.Minute),
		Cmds:                commands(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", binaries+string(os.PathListSeparator)+env.Getenv("PATH"))
			for _, name := range []string{"PROXY", "ADMIN", "IDP", "ECHO"} {
				addr, err := freeAddress()
				if err != nil {
					return err
				}
				env.Setenv(name, addr)
				_, port, _ := net.SplitHostPort(addr)
				env.Setenv(name+"_PORT", port)
			}
			env.Values[stateKey{}] = new(state)
			return nil
		},
	})
}

// freeAddress is an address of loopback that was free a moment ago.
func freeAddress() (string, error) {
	port, err := process.FreePort()
	return "127.0.0.1:" + port, err
}
