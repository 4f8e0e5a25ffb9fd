// Package upstream sends a request to the service behind a route and its answer
// to the user agent: connections, timeouts, retries, the headers that tell who
// asked, and tunnels. It streams both bodies and keeps neither.
//
// The order is what makes it safe (design C1): hop-by-hop headers go first,
// then ours are set, and the changes of the plugins come last, so that a
// client's "Connection: authorization" cannot delete what a plugin adds. An
// error before the response head is returned, for the gateway to render; one
// after it cuts the connection, so that a truncated answer never looks
// complete.
//
// Two clients ask. The lean one has a goroutine for nothing but a request body,
// writes the head into one buffer, and refuses an answer that two recipients
// could read differently (RFC 9112); http.Transport does what is rare: upgrades,
// trailers, bodies that wait for 100. What they are told and what their answers
// mean is the same.
//
// It knows nothing of plugins, routes' rules or sessions. Files: proxy.go holds
// the pools, serve.go the attempts, forwarded.go, cookie.go and body.go what the
// upstream gets, response.go what comes back, failure.go what an error means.
// Of the lean client: lean.go an exchange, wire.go one connection with its
// timeouts, pool.go the idle ones, request_head.go, small_body.go and upload.go what is sent,
// response_head.go, response_body.go and lean_response.go what comes back. Of the
// other: attempt.go one try, request.go its request, trailer.go, and tunnel.go
// what follows a switch of protocols; transport.go dials for both.
package upstream
