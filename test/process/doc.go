// Package process runs the programs that tests need: the gateway, its
// counterparts, its stores. Each has a process group of its own and ends with
// the test, whichever way that ends.
package process
