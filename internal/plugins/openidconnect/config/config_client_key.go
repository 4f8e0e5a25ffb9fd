package config

import "sallyport/internal/schema"

// clientKeyFields describes one private key, the members of a JWK (RFC 7517).
func clientKeyFields() []*schema.Field {
	return []*schema.Field{
		schema.String("alg", nil).
			Doc("Algorithm the configured client key is meant for, such as RS256."),
		schema.String("crv", nil).
			Doc("Curve name of an elliptic-curve or Edwards client key."),
		schema.String("d", nil).Referenceable().Encrypted().
			Doc("Private exponent (RSA) or private scalar (EC, OKP) of the client key."),
		schema.String("dp", nil).Referenceable().Encrypted().
			Doc("RSA CRT exponent for the first prime of the client key."),
		schema.String("dq", nil).Referenceable().Encrypted().
			Doc("RSA CRT exponent for the second prime of the client key."),
		schema.String("e", nil).
			Doc("RSA public exponent of the client key."),
		schema.String("issuer", nil).
			Doc("Non-standard JWK member recording which issuer the client key belongs to."),
		schema.String("k", nil).Referenceable().Encrypted().
			Doc("Secret bytes of a symmetric (oct) client key, base64url encoded."),
		schema.Strings("key_ops", nil).
			Doc("Permitted operations list of the client key, as in RFC 7517."),
		schema.String("kid", nil).
			Doc("Key identifier placed in the assertion header so the identity provider can pick the public key."),
		schema.String("kty", nil).
			Doc("Key type of the client key: RSA, EC, OKP or oct."),
		schema.String("n", nil).
			Doc("RSA modulus of the client key."),
		schema.String("oth", nil).Referenceable().Encrypted().
			Doc("Other-primes information for multi-prime RSA client keys."),
		schema.String("p", nil).Referenceable().Encrypted().
			Doc("First RSA prime of the client key."),
		schema.String("q", nil).Referenceable().Encrypted().
			Doc("Second RSA prime of the client key."),
		schema.String("qi", nil).Referenceable().Encrypted().
			Doc("RSA CRT coefficient of the client key."),
		schema.String("r", nil).Referenceable().Encrypted().
			Doc("Prime factor member (RFC 7518 oth entry) of the client key."),
		schema.String("t", nil).Referenceable().Encrypted().
			Doc("Factor CRT coefficient member (RFC 7518 oth entry) of the client key."),
		schema.String("use", nil).
			Doc("Intended public-key use of the client key, normally sig."),
		schema.String("x", nil).
			Doc("X coordinate (EC) or public bytes (OKP) of the client key."),
		schema.Strings("x5c", nil).
			Doc("X.509 certificate chain accompanying the client key."),
		schema.String("x5t", nil).
			Doc("SHA-1 certificate thumbprint of the client key."),
		schema.String("x5t#S256", nil).
			Doc("SHA-256 certificate thumbprint of the client key."),
		schema.String("x5u", nil).
			Doc("URL of the X.509 certificate for the client key."),
		schema.String("y", nil).
			Doc("Y coordinate of an elliptic-curve client key."),
	}
}
