package config

import (
	"slices"
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
	// IgnoreSignature are methods whose access tokens and signed answers are
	// taken without verifying the signature.
	IgnoreSignature []Method
	// SessionCookie names a cookie whose value must equal the claim
	// SessionClaim of a bearer token; empty means none.
	SessionCookie, SessionClaim string
}

// ignorable are the members of ignore_signature: bearer is not among them.
func ignorable() []Method {
	return []Method{
		MethodAuthorizationCode, MethodClientCredentials, MethodIntrospection, MethodPassword,
		MethodRefreshToken, MethodSession, MethodUserInfo,
	}
}

// Ignores tells whether signatures of access tokens of method, or of its signed
// answers, are not verified.
func (g *VerificationConfig) Ignores(method Method) bool {
	return !g.Signature || slices.Contains(g.IgnoreSignature, method)
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
		schema.Enums("ignore_signature", &g.IgnoreSignature, ignorable()).Default([]any{}).
			Doc("Methods whose access tokens and signed answers skip signature verification; ID Tokens never do. Access tokens of authorization_code and session come from the token endpoint and are not verified here anyway. Setting it logs a warning."),
		schema.String("jwt_session_claim", &g.SessionClaim, "sid").
			Doc("Bearer JWT claim compared with the jwt_session_cookie value."),
		schema.String("jwt_session_cookie", &g.SessionCookie).Check(cookieName).
			Doc("Cookie whose value must equal a claim of a bearer JWT; unset skips the check."),
	}
}
