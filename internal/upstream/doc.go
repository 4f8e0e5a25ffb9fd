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
// It knows nothing of plugins, routes' rules or sessions. Files: proxy.go holds
// the pools, serve.go the attempts, attempt.go one of them with its timeouts,
// request.go, forwarded.go and cookie.go what the upstream gets, response.go
// and tunnel.go what comes back, failure.go what an error means.
package upstream
