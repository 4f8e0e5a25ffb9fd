// Package oidc is the relying party's side of OpenID Connect: discovery and
// signing keys of one provider, the authorization request, the token
// endpoint, verification of ID tokens, user info and the end-session request.
//
// What it owns: everything that goes over the wire to the provider, and every
// rule that a specification lays down for what comes back. Each rule is one
// function with a sentinel error and the clause that demands it.
//
// What it must not know: cookies, sessions, HTTP handlers, and the names of a
// gateway's settings. It takes plain values and returns values or errors; who
// calls it decides what a user agent sees.
//
// The way of a login through the package:
//
//	Provider.Metadata          document, from cache or discovery (discovery.go)
//	Provider.Location          where the user agent is sent (authorization_request.go),
//	                           signed (request_object.go) or pushed (pushed_request.go)
//	Provider.CheckResponseIssuer  RFC 9207, on the callback (issuer.go), or
//	Provider.VerifySignedResponse  JARM (signed_response.go)
//	Provider.Redeem            code for tokens (token_endpoint.go)
//	Provider.VerifyIDToken     rules in the order of the specification (idtoken.go);
//	                           keys and their renewal (jwks.go, key_source.go)
//	Provider.UserInfo          with the subject compared (userinfo.go)
//	Provider.Refresh           later, and VerifyIDToken with Previous
//	Provider.Revoke            at logout (revocation.go), and
//	EndSessionURL              (end_session.go)
//	Provider.VerifyAccessToken, Introspect, Password, ClientCredentials  for API clients
//
// Requests of a client have one way out (client_auth.go): it chooses method and
// endpoint, signs assertions (assertion.go) with the secret, a private key
// (private_key.go) or one of our own (signing_keys.go), or shows a certificate.
//
// All that comes from the provider is bounded in size, depth and time before
// it is decoded (http_client.go, json.go). Texts of the provider appear in
// errors only cut and printable; tokens, codes and secrets never do.
package oidc
