package config

import "sallyport/internal/schema"

// OwnConfig are the settings that Kong does not have, the record sallyport.
type OwnConfig struct {
	// SigningAlgs are the only algorithms an ID Token may be signed with; empty
	// means those that the discovery document announces.
	SigningAlgs []string
	// AssertionAudience is what client assertions are for.
	AssertionAudience AssertionAudience
	// AccessAlgs are the only algorithms a JWT access token may be signed with;
	// empty means every asymmetric one, and HS* where it is enabled.
	AccessAlgs []string
}

// AssertionAudience is what client assertions name as their audience.
type AssertionAudience string

// The audiences of client assertions.
const (
	AudienceTokenEndpoint AssertionAudience = "token_endpoint"
	AudienceIssuer        AssertionAudience = "issuer"
)

func signingAlgs() []string {
	return []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
		"HS256", "HS384", "HS512",
	}
}

func (g *OwnConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.RecordOf("sallyport",
			schema.Set("id_token_signing_algs", &g.SigningAlgs).OneOf(signingAlgs()...).LenMin(1).
				Doc("The only algorithms an ID Token may be signed with; unset means those that discovery announces, of the ones known here. HS* needs enable_hs_signatures."),
			schema.Set("access_token_signing_algs", &g.AccessAlgs).OneOf(signingAlgs()...).LenMin(1).
				Doc("The only algorithms a JWT access token may be signed with; unset means every asymmetric one. HS* needs enable_hs_signatures."),
			schema.Enum("client_assertion_audience", &g.AssertionAudience, AudienceTokenEndpoint, AudienceTokenEndpoint, AudienceIssuer).
				Doc("What client assertions name as their audience: the token endpoint, or the issuer as FAPI 2 wants it."),
		).Doc("Settings of sallyport that Kong does not have."),
	}
}
