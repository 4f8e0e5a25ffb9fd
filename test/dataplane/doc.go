// Package dataplane attacks the built program where bytes come in and go out:
// requests and answers that two readers could read differently, cuts at every
// byte, streams without end, clients and upstreams that are slow or leave. All
// tests stand behind the build tag integration and fail, never skip, when nginx
// or Node is missing: `make deps` installs them. What takes long, and adds
// size rather than cases, is done with SALLYPORT_LONG=1 only.
//
//	main_test.go       the program, built once; with -race where the tests are
//	process_test.go    starts and stops programs
//	gateway_test.go    a gateway, its access log, its counts
//	recorder_test.go   upstreams that record what they saw: Go, nginx, Node
//	corpus_test.go     requests that try to hide another one in themselves
//
// The other files are the tests, each named for what it tries.
package dataplane
