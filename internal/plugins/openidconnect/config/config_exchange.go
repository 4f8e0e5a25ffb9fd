package config

import (
	"slices"
	"time"

	"sallyport/internal/oidc"
	"sallyport/internal/schema"
)

// ExchangeConfig says which access tokens are exchanged before they count, and
// for what.
type ExchangeConfig struct {
	// Subjects are the issuers whose bearer tokens may be exchanged (RFC 8693);
	// none means that nothing is.
	Subjects []SubjectIssuer
	// Scopes and Audience are asked for; none sends none.
	Scopes, Audience []string
	// Cache keeps exchanged tokens, for TTL where it is not nil.
	Cache bool
	TTL   *time.Duration
	// Endpoint is where Kong's own exchange gets the token for the upstream;
	// empty for nowhere.
	Endpoint string

	scopes, audience           []string
	emptyScopes, emptyAudience bool
	ttl                        *int
}

// SubjectIssuer is an issuer whose tokens may be exchanged.
type SubjectIssuer struct {
	// Issuer is what iss must be, byte for byte.
	Issuer string
	// Verify checks the signature before the provider is asked, by the keys at
	// JWKS or, without it, those that the issuer's own document names.
	Verify bool
	JWKS   string
	// Conditions must all hold. Those of a foreign issuer are empty.
	Conditions ExchangeConditions
}

// ExchangeConditions are what a token must have, all of it, and must not have,
// none of it, to be exchanged.
type ExchangeConditions struct {
	HasScopes, MissingScopes, HasAudience, MissingAudience []string
}

// Hold tells whether a token with these scopes and audiences meets them.
func (c *ExchangeConditions) Hold(scopes, audience []string) bool {
	return containsAll(scopes, c.HasScopes) && containsAll(audience, c.HasAudience) &&
		!containsAny(scopes, c.MissingScopes) && !containsAny(audience, c.MissingAudience)
}

func containsAny(values, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(values, w) })
}

// compile settles what is asked for: the request's own, else what a login asks
// for.
func (g *ExchangeConfig) compile(a *AuthorizationConfig) {
	choose := func(own, others []string, empty bool) []string {
		switch {
		case empty:
			return nil
		case len(own) > 0:
			return own
		}
		return others
	}
	g.Scopes = choose(g.scopes, a.Scopes, g.emptyScopes)
	g.Audience = choose(g.audience, a.Audience, g.emptyAudience)
	if g.ttl != nil {
		ttl := time.Duration(*g.ttl) * time.Second
		g.TTL = &ttl
	}
}

func (g *ExchangeConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.RecordOf("token_exchange",
			schema.RecordOf("cache",
				schema.Bool("enabled", &g.Cache, true).
					Doc("Keeps exchanged tokens, so that a token that comes again is not exchanged again."),
				schema.OptInt("ttl", &g.ttl).Between(0, maxTTL).
					Doc("Seconds for which an exchanged token is kept, in place of its own life and cache_ttl; never beyond the end of either token."),
			).Doc("Whether and for how long exchanged tokens are kept."),
			schema.RecordOf("request",
				schema.Strings("scopes", &g.scopes).CheckEach(scopeText).
					Doc("Scopes that are asked for, in place of those of scopes."),
				schema.Bool("empty_scopes", &g.emptyScopes, false).
					Doc("Asks for no scope, whatever scopes says."),
				schema.Strings("audience", &g.audience).
					Doc("Audiences that are asked for, in place of those of audience; one parameter each."),
				schema.Bool("empty_audience", &g.emptyAudience, false).
					Doc("Asks for no audience, whatever audience says."),
			).Doc("What is asked for in place of scopes and audience."),
			schema.Records("subject_token_issuers", &g.Subjects, (*SubjectIssuer).fields).Required().LenMin(1).
				Doc("Issuers whose bearer tokens are exchanged. The tokens of others are verified as they are."),
		).Doc("Exchange of bearer tokens (JWTs) for tokens of the configured issuer (RFC 8693), before anything else looks at them."),
		schema.String("token_exchange_endpoint", &g.Endpoint).Deprecated("token_exchange").Check(endpoint).
			Doc("URL to which the verified access token is posted as a bearer token; the answer's body is the token that the upstream gets in its place."),
	}
}

// maxTTL bounds a time in seconds: a century.
const maxTTL = 100 * 365 * 24 * 3600

func (s *SubjectIssuer) fields() []*schema.Field {
	c := &s.Conditions
	return []*schema.Field{
		schema.String("issuer", &s.Issuer).Required().
			Doc("What iss of a token must be, byte for byte."),
		schema.String("jwks_uri", &s.JWKS).Check(endpoint).
			Doc("Where the keys for verify_signature are fetched, in place of where the issuer's own discovery document says."),
		schema.Bool("verify_signature", &s.Verify, false).
			Doc("Verifies the signature here, before the identity provider is asked. Only for issuers other than the configured one, whose tokens the provider knows itself."),
		schema.RecordOf("conditions",
			schema.Strings("has_audience", &c.HasAudience).
				Doc("Exchanges only a token whose aud has all of these."),
			schema.Strings("has_scopes", &c.HasScopes).
				Doc("Exchanges only a token whose scopes (scopes_claim) have all of these."),
			schema.Strings("missing_audience", &c.MissingAudience).
				Doc("Exchanges only a token whose aud has none of these."),
			schema.Strings("missing_scopes", &c.MissingScopes).
				Doc("Exchanges only a token whose scopes (scopes_claim) have none of these."),
		).Doc("Which tokens of the configured issuer itself are exchanged: those that meet all conditions. Required for it, and not for another issuer, whose tokens are exchanged always."),
	}
}

// SubjectProvider are the settings of the provider whose keys verify the tokens
// of a subject issuer; one that does not verify has no keys. Headers for the
// configured issuer's document are not sent to it. The clock is left out.
func (c *Config) SubjectProvider(s *SubjectIssuer) oidc.Options {
	o := c.Provider()
	o.Issuer, o.IssuersAllowed = s.Issuer, []string{s.Issuer}
	o.UsingPseudoIssuer = !s.Verify || s.JWKS != ""
	o.Endpoints, o.ExtraJWKSURIs, o.DiscoveryHeaders = oidc.Endpoints{JWKS: s.JWKS}, nil, nil
	return o
}
