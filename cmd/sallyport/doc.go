// Command sallyport is an API gateway with a Kong-compatible Admin API and an OpenID
// Connect plugin.
//
// This package is the composition root: it alone knows all parts.
//
//	main.go      commands and exit codes
//	settings.go  flags and environment variables of start
//	plugins.go   the list of plugins, and how their session stores are opened
//	wire.go      builds the node's parts and connects them
//	metrics.go   what is counted, and by which names
//	run.go       serves until a signal says otherwise; reloads on SIGHUP
//	validate.go  config validate
//	demo.go      demo: a node with a practice IdP and an upstream beside it
package main
