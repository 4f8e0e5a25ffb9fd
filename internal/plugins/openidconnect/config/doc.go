// Package config is the configuration of the openid-connect plugin: every
// field that Kong's plugin knows, what it does here, the rules between fields,
// and the compilation to the values that the plugin works with.
//
// Record describes the fields; each group of them has its file, config_*.go,
// with the struct it is bound to. New resolves references, binds, and turns
// parallel lists into values, so that nothing after it knows a Kong key or
// pairs lists by index.
//
// A field of Kong's that is missing here is still declared, as unsupported or
// inert (see schema.Mark), never silently ignored. A field that restricts,
// verifies, binds or hides is never inert.
//
// The package knows no request, cookie value or store, and does no I/O.
package config
