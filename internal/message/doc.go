// Package message holds what every stage of the data plane must agree on about
// one HTTP request: its canonical form, computed once before routing (the
// router, the plugins, redirect building and the proxy read this value and
// nothing else), and the overlays through which plugins change headers.
//
// It imports the standard library alone.
package message
