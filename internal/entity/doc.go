// Package entity knows what a gateway is configured with: services, routes,
// plugins, consumers with their groups and credentials, certificates, each with its fields, defaults, constraints and
// entity checks as Kong has them, the foreign keys between them, and typed
// forms for whoever compiles a configuration.
//
// It does no I/O and knows neither where entities are kept nor which plugins
// exist: the plugins kind asks a function that the caller hands in.
//
// An entity takes this way: a raw object (decoded JSON, form or YAML) →
// Kind.Normalize, which gives the full object with every field present, or
// Kong's errors → kept as a map → decoded into Service, Route and the
// like when a configuration is compiled.
package entity
