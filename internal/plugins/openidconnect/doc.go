// Package openidconnect is the openid-connect plugin: Kong's configuration and
// behaviour on top of the relying party (internal/oidc) and the session
// manager (internal/session).
//
// One function decides (dispatch.go): a callback is looked at first, then a
// logout, then the session, then an API client's credential; without any a login
// starts. Each step lives in its own file and never calls a sibling step:
//
//	dispatch.go → callback.go  verify the transaction, redeem, verify tokens, open the session
//	            → logout.go    end the session here and at the IdP
//	            → resume.go    load, refresh, keep; authorize.go, headers.go and on to the upstream
//	            → access.go    an API client's credential: bytoken.go, exchange.go, introspect.go, grants.go
//	            → login.go     authorization request, sealed state, key cookie
//
// Beside them: state.go (the sealed login state), target.go (where a browser may
// be sent), relay.go (same-origin repeat of a cross-site callback), outcome.go
// (statuses, pages and redirects of everything that goes wrong), headers.go
// (what upstream and browser learn), pools.go (what outlives a configuration),
// choice.go (what a request asks for: its client, values for the IdP),
// possession.go (tokens bound to keys and certificates; nonce.go, spent.go, certificate_header.go),
// signed_response.go (JARM), mutual_tls.go, issuers.go and jwks.go (the plugin's
// paths on the Admin API).
package openidconnect

//go:generate go test -count=1 -run "^TestReference$" . -update
