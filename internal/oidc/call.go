package oidc

import "time"

// Endpoint is what a call to the provider is for.
type Endpoint string

// The endpoints that are called.
const (
	EndpointDiscovery Endpoint = "discovery"
	EndpointJWKS      Endpoint = "jwks"
	EndpointToken     Endpoint = "token"
	EndpointUserInfo  Endpoint = "userinfo"
	// EndpointPAR takes pushed authorization requests (RFC 9126).
	EndpointPAR        Endpoint = "par"
	EndpointRevocation Endpoint = "revocation"

	EndpointIntrospection Endpoint = "introspection"
	// EndpointExchange is that of Kong's own exchange.
	EndpointExchange Endpoint = "exchange"
)

// Call is one call to the provider that has ended.
type Call struct {
	Endpoint Endpoint
	// Status is that of the answer, 0 without a complete one.
	Status int
	// Err tells why there is no complete answer.
	Err error
	// Took is the time to the last byte of the answer.
	Took time.Duration
}
