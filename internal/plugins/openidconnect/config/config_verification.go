package config

import (
	"time"

	"sallyport/internal/schema"
)

// VerificationConfig says what a token must withstand.
type VerificationConfig struct {
	// IssuersAllowed, when not empty, replaces the discovered issuer as what
	// iss must be.
	IssuersAllowed []string
	// Leeway is the tolerated difference of clocks.
	Leeway time.Duration
	// Signature, Claims and Nonce are what they say; each is on by default.
	Signature, Claims, Nonce bool
	// EnableHS accepts HS256, HS384 and HS512 keyed by the client secret.
	EnableHS bool
}

func (g *VerificationConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.Strings("issuers_allowed", &g.IssuersAllowed).Referenceable().
			Doc("Accepted iss values; replaces the default of only the discovered issuer."),
		schema.Seconds("leeway", &g.Leeway, 0).
			Doc("Clock-skew seconds applied to exp, nbf, iat and auth_time checks and to refresh timing."),
		schema.Bool("verify_signature", &g.Signature, true).
			Doc("Master switch for JWS signature verification; claims stay checked when off."),
		schema.Bool("verify_claims", &g.Claims, true).
			Doc("Master switch for standard claim checks; signature and the configured authorization claims are still enforced when off."),
		schema.Bool("verify_nonce", &g.Nonce, true).
			Doc("Requires the id token nonce to equal the one sent on the authorization request."),
		schema.Bool("enable_hs_signatures", &g.EnableHS, false).
			Doc("Accepts HS256, HS384 and HS512 tokens keyed by the client secret; otherwise such tokens are rejected."),
		schema.Strings("ignore_signature", nil).Default([]any{}).OneOf("authorization_code", "client_credentials", "introspection", "password", "refresh_token", "session", "userinfo").
			Unsupported("signatures are verified for every method or, with verify_signature false, for none").
			Doc("Methods whose tokens skip signature verification; bearer is deliberately not listable; setting it logs a warning."),
		schema.Strings("domains", nil).
			Unsupported("the hd claim is not checked").
			Doc("Accepted hosted-domain (hd) claim values."),
		schema.String("jwt_session_claim", nil, "sid").
			Unsupported(onlyLogin).
			Doc("Bearer JWT claim compared with the jwt_session_cookie value."),
		schema.String("jwt_session_cookie", nil).
			Unsupported(onlyLogin).
			Doc("Cookie whose value must equal a claim of a bearer JWT; unset skips the check."),
	}
}
