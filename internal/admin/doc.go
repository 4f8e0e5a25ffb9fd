// Package admin is the Admin API: Kong's endpoints over the entity store and
// the schemas. It owns the grammar of its paths, its bodies (JSON, forms), its
// answers and errors, and the checks that keep foreign web pages out. What an
// entity looks like is said by schema and entity; what is unique or referenced
// is said by store, which also puts a change into force before Update returns.
// It must not know the data plane: no router, no gateway, no implementation of
// a plugin.
//
// One request: ServeHTTP (serve.go) checks Host and Origin (guard.go), finds
// the endpoint (endpoint.go) among those that the kinds give (table.go), and
// calls its handler, which reads the body (body.go), asks the store and returns
// a reply or an error. Only serve.go writes to the wire (reply.go); only
// failure.go turns an error into an answer.
//
// Nothing of a body, a query or a header value is ever logged: a request is
// logged as its method, the endpoint's pattern and its status.
package admin
