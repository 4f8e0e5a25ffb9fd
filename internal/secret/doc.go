// Package secret owns confidential values: strings that redact themselves
// wherever they are printed, the ordered list of secrets of a deployment, the
// sealing of what leaves the process, and references such as
// {vault://env/NAME} that are resolved when a configuration is compiled.
//
// It imports the standard library alone and knows nothing of sessions, plugins
// or tokens: purpose, salt and associated data come from the caller.
package secret
