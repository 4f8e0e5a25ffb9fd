// Package keyauth is Kong's key-auth plugin: it authenticates a consumer by a
// key in a header, in the query or in the body of the request.
//
// It knows the keys of the configuration that a request began with through
// plugin.Consumers, and keeps nothing itself.
package keyauth
