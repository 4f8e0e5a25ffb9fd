// Package soak lets the built program serve mixed traffic for a while and
// watches what it does: logins, warm requests, refreshes, logouts, changes of
// the configuration, uploads, downloads, event streams, WebSockets, and both
// sides breaking off, over HTTP/1.1, TLS and HTTP/2, with sessions in memory, in
// Redis and in the cookie. Whoever asks knows what must come back, above all
// whose name the upstream must have seen, and nothing else is accepted.
//
//	soak_test.go       the run from start to judgement, its length and its chance
//	world_test.go      Redis, the practice IdP, the upstream and the gateway
//	process_test.go    programs, and what the gateway prints
//	records_test.go    judges each access record and log line as it comes
//	idp_test.go        counts the refreshes of each session at the IdP
//	upstream_test.go   tells what it was asked and by whom; breaks off on demand
//	transport_test.go  certificate, connections that all user agents share
//	agent_test.go      a user agent with its cookies, and whom it belongs to
//	ledger_test.go     what was done, what went wrong
//	tasks_test.go      the list of tasks and how often each is done
//	sessions_test.go   tasks: login to logout, warm requests, refreshes
//	transfers_test.go  tasks: uploads, downloads, slow readers, events
//	raw_test.go        tasks: pipelining, WebSockets
//	aborts_test.go     tasks: user agents and upstreams that break off
//	changes_test.go    task: changes of the configuration
//	samples_test.go    memory, goroutines and descriptors over time
//	judge_test.go      what must hold at the end
//	report_test.go     docs/soak.md
//	chart_test.go      docs/soak.svg
//
// A minute of it belongs to `make test`, with the program under the race
// detector; `make test-long` takes half an hour, without it, judges the memory
// and writes the report. The environment:
//
//	SALLYPORT_SOAK=5m          how long; 1m by default
//	SALLYPORT_LONG=1           the program without race detector, memory judged
//	SALLYPORT_SOAK_REPORT=1    write docs/soak.md and docs/soak.svg
//	SALLYPORT_SOAK_SEED=123    repeat the chances of an earlier run
package soak
