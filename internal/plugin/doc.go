// Package plugin is the contract between the gateway and its plugins: the one
// handler signature, the request value that carries everything a request
// gathers on its way, and the definition by which a plugin introduces itself.
// It holds no implementation of a plugin.
//
// Lifetime rules (design C1). A handler keeps nothing of the *http.Request, its header
// and their slices, its URL, its body, or the ResponseWriter after Serve
// returned. Whoever starts a goroutine clones first; a string that is kept is
// strings.Clone'd. Request.PeekForm is the only way to look into a body.
package plugin
