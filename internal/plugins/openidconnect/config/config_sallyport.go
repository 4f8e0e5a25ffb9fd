package config

import (
	"errors"
	"strings"
	"time"

	"sallyport/internal/schema"
)

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
	// Emails are the domains of which a verified e-mail address must be; nil for
	// any address or none.
	Emails []EmailDomain
	// ACR are levels of authentication of which one is demanded; nil for any.
	ACR []string
	// MaxAge, when set, is how long ago the user may have authenticated.
	MaxAge *time.Duration
}

// The limits of max_age in seconds: what is shorter than a login takes would
// send people round in circles.
const (
	minMaxAge = 10
	maxMaxAge = 365 * 24 * 3600
)

func oneWord(v any) error {
	if text, _ := v.(string); text == "" || len(strings.Fields(text)) != 1 || strings.TrimSpace(text) != text {
		return errors.New("expected one word")
	}
	return nil
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
			schema.Texts("email_domains", &g.Emails, parseEmailDomain).LenMin(1).
				Doc("Domains of which the e-mail address must be, as in example.com, or *.example.com for its subdomains. The provider must say that it is verified (email_verified). Whoever has another, none, or an unverified one is forbidden, on every request."),
			schema.Strings("acr", &g.ACR).LenMin(1).CheckEach(oneWord).
				Doc("Levels of authentication, of which the acr claim must be one, best first. A session of another level stays, and its user is sent to the provider to authenticate at one of these; a bearer token of another level is refused as RFC 9470 says."),
			schema.OptSeconds("max_age", &g.MaxAge).Between(minMaxAge, maxMaxAge).
				Doc("Seconds that may have passed since the user authenticated (auth_time). A session whose user authenticated longer ago stays, and its user is sent to the provider to authenticate anew."),
			schema.Enum("client_assertion_audience", &g.AssertionAudience, AudienceTokenEndpoint, AudienceTokenEndpoint, AudienceIssuer).
				Doc("What client assertions name as their audience: the token endpoint, or the issuer as FAPI 2 wants it."),
		).Doc("Settings of sallyport that Kong does not have."),
	}
}
