// Package redistest starts a Redis server for a test, which fails where none is
// installed.
package redistest
