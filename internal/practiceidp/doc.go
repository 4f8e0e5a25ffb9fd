// Package practiceidp is the OpenID Provider of the demo and of the tests. Its
// core is honest: discovery, keys, an authorization endpoint with a login page
// and a consent page, a token endpoint with PKCE, client authentication and
// refresh with rotation, user info, end session. Around the core lies a table
// of named misbehaviours, each of which a test switches on to see that a
// relying party survives or refuses it. Nothing that comes over the network
// can switch one on.
//
// One request:
//
//	provider.go       ServeHTTP counts the call, finds the endpoint
//	authorize.go      checks the authorization request, decides: login page,
//	                  consent page, or answer
//	interaction.go    what the pages post: credentials, consent
//	response.go       code and state to the redirect URI, by query or form
//	pushed.go         requests that were handed over beforehand, or signed
//	signed_response.go  answers in a token
//	token_endpoint.go client_auth.go client_jwt.go  code and refresh token for tokens
//	mint.go           ID tokens and access tokens
//	userinfo.go end_session.go discovery.go revoke.go  the other endpoints
//	seen.go           the last request to each endpoint
//	misbehaviour.go   the table; lies.go (ID tokens), wire.go (broken answers),
//	                  rows.go (everything else)
//
// The package knows nothing of sallyport: it imports the standard library and
// go-jose alone, so that it shares no mistake with the code it tests. It keeps
// everything in memory and is not meant to protect anything of value.
package practiceidp
