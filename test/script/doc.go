// Package script drives the built program from the outside: each file in
// testdata is a testscript (see github.com/rogpeppe/go-internal/testscript)
// with the additional commands of commands_test.go.
package script
