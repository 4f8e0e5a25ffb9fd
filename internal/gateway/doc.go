// Package gateway turns a configuration into something that serves requests,
// and serves them. Compile makes one immutable snapshot (router, a chain of
// handlers for each route, targets) or an error that changes nothing; install
// swaps it in. A request loads the snapshot once and keeps it to its end; when
// the last request of an old one has ended, the handlers and connections that
// no newer one shares are closed.
//
//	Serve → router → chain of the route → upstream
//
// Errors come back the same way and are rendered in serve.go, the only place
// that does. The writer in head.go puts what plugins recorded on the final
// response head, whoever makes it.
//
// It knows plugins by their definitions alone and imports none.
package gateway
