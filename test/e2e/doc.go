// Package e2e drives the built program from outside, with real components:
// Keycloak and oidc-provider as the OpenID Provider, Redis as the session store, Chromium as the
// browser. All tests stand behind the build tag integration and fail, never
// skip, when a component is missing: `make deps` installs it.
//
//	main_test.go       the shared parts, started once: Keycloak, the built program
//	process_test.go    starts and stops programs and keeps all they print
//	keycloak_test.go   Keycloak and its admin REST API
//	oidcprovider_test.go  the certified oidc-provider under TLS, with an authority
//	                   for certificates; a user agent without script
//	clients_test.go    examples/ about clients and requests, at Keycloak
//	bound_test.go      tokens bound to keys and certificates
//	certificate_header_test.go  the same behind nginx, with OpenSSL as an authority
//	redis_test.go      a Redis server per test, and its whole contents
//	gateway_test.go    the gateway process and its Admin API
//	browser_test.go    Chromium, Keycloak's login and consent pages
//	planted_test.go    secrets of the run, which must appear nowhere
package e2e
