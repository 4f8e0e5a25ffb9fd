// Command ran shows the results of go test -json and sees that the tests that
// documents name ran and passed:
//
//	go test -json ./... | go run ./test/ran docs/security.md
//
// It fails when a test or a build failed, when a package did not come to its
// end, and when a named test did not run, was skipped or failed. A test is named
// in a code span: the end of its package's path, a dot, the name, and for a
// subtest a slash and its name, as go test prints it.
package main
