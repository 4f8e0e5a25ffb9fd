package config

import "sallyport/internal/schema"

// exchangeFields declares token exchange (RFC 8693), which is not available.
func exchangeFields() []*schema.Field {
	return []*schema.Field{
		schema.RecordOf("token_exchange",
			schema.RecordOf("cache",
				schema.Bool("enabled", nil, true).
					Unsupported(noExchange).
					Doc("Caches exchanged tokens."),
				schema.OptInt("ttl", nil).
					Unsupported(noExchange).
					Doc("Seconds to cache exchanged tokens instead of cache_ttl; token expiry wins when shorter."),
			).Doc("Caching settings for exchanged tokens."),
			schema.RecordOf("request",
				schema.Strings("scopes", nil).
					Unsupported(noExchange).
					Doc("Scopes requested in the exchange, replacing the scopes setting."),
				schema.Bool("empty_scopes", nil, false).
					Unsupported(noExchange).
					Doc("Sends no scope, discarding the scopes setting for the exchange."),
				schema.Strings("audience", nil).
					Unsupported(noExchange).
					Doc("Audiences requested in the exchange, replacing the audience setting."),
				schema.Bool("empty_audience", nil, false).
					Unsupported(noExchange).
					Doc("Sends no audience, discarding the audience setting for the exchange."),
			).Doc("Overrides for scope and audience of the exchange request."),
			schema.Array("subject_token_issuers", schema.RecordOf("", subjectIssuerFields()...)).
				Required().LenMin(1).Unsupported(noExchange).
				Doc("Issuers whose bearer tokens may be exchanged; a token must match one entry fully."),
		).Doc("RFC 8693 exchange of incoming bearer tokens for tokens of the configured issuer."),
		schema.String("token_exchange_endpoint", nil).Deprecated("token_exchange").
			Unsupported(noExchange).
			Doc("Legacy exchange URL: POST with the access token as bearer, 200 body is the replacement token."),
	}
}

func subjectIssuerFields() []*schema.Field {
	return []*schema.Field{
		schema.String("issuer", nil).Required().
			Doc("iss value selecting this entry."),
		schema.String("jwks_uri", nil).
			Doc("JWKS URL for that verification, bypassing discovery of the subject issuer."),
		schema.Bool("verify_signature", nil, false).
			Doc("Verifies the subject token's signature locally before contacting the provider."),
		schema.RecordOf("conditions",
			schema.Strings("has_audience", nil).
				Doc("Exchange only if the token's aud contains these values."),
			schema.Strings("has_scopes", nil).
				Doc("Exchange only if the token's scopes contain these values."),
			schema.Strings("missing_audience", nil).
				Doc("Exchange only if the token's aud lacks these values."),
			schema.Strings("missing_scopes", nil).
				Doc("Exchange only if the token's scopes lack these values."),
		).Doc("Criteria that all must hold; required for the target issuer's own tokens, forbidden for foreign issuers."),
	}
}
