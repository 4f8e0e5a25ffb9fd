package config

import (
	"sallyport/internal/oidc"
	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// clientKey is one private key, the members of a JWK (RFC 7517).
type clientKey struct {
	kty, use, alg, kid, crv, n, e, x, y string
	x5t, x5tS256                        string
	keyOps                              []string
	d, p, q, dp, dq, qi                 secret.String
}

// parse makes the key. A member whose reference does not resolve makes one that
// cannot be used.
func (k *clientKey) parse() *oidc.PrivateKey {
	key, err := oidc.ParsePrivateKey(map[string]any{
		"kty": k.kty, "use": k.use, "alg": k.alg, "kid": k.kid, "crv": k.crv, "n": k.n, "e": k.e, "x": k.x, "y": k.y,
		"x5t": k.x5t, "x5t#S256": k.x5tS256, "d": k.d.Reveal(), "p": k.p.Reveal(), "q": k.q.Reveal(),
		"dp": k.dp.Reveal(), "dq": k.dq.Reveal(), "qi": k.qi.Reveal(),
	})
	if err != nil {
		return &oidc.PrivateKey{}
	}
	return key
}

// fields describes one private key.
func (k *clientKey) fields() []*schema.Field {
	return []*schema.Field{
		schema.String("alg", &k.alg).
			Doc("Algorithm the configured client key is meant for, such as RS256."),
		schema.String("crv", &k.crv).
			Doc("Curve name of an elliptic-curve or Edwards client key."),
		schema.Secret("d", &k.d).Referenceable().
			Doc("Private exponent (RSA) or private scalar (EC, OKP) of the client key."),
		schema.Secret("dp", &k.dp).Referenceable().
			Doc("RSA CRT exponent for the first prime of the client key."),
		schema.Secret("dq", &k.dq).Referenceable().
			Doc("RSA CRT exponent for the second prime of the client key."),
		schema.String("e", &k.e).
			Doc("RSA public exponent of the client key."),
		schema.String("issuer", nil).
			Inert("a key belongs to its client, whoever the issuer is").
			Doc("Non-standard JWK member recording which issuer the client key belongs to."),
		schema.String("k", nil).Referenceable().Encrypted().
			Unsupported(noSymmetricKey).
			Doc("Secret bytes of a symmetric (oct) client key, base64url encoded."),
		schema.Strings("key_ops", &k.keyOps).
			Doc("Permitted operations list of the client key, as in RFC 7517."),
		schema.String("kid", &k.kid).
			Doc("Key identifier placed in the assertion header so the identity provider can pick the public key."),
		schema.String("kty", &k.kty).
			Doc("Key type of the client key: RSA, EC, OKP or oct."),
		schema.String("n", &k.n).
			Doc("RSA modulus of the client key."),
		schema.String("oth", nil).Referenceable().Encrypted().
			Unsupported(noOtherPrimes).
			Doc("Other-primes information for multi-prime RSA client keys."),
		schema.Secret("p", &k.p).Referenceable().
			Doc("First RSA prime of the client key."),
		schema.Secret("q", &k.q).Referenceable().
			Doc("Second RSA prime of the client key."),
		schema.Secret("qi", &k.qi).Referenceable().
			Doc("RSA CRT coefficient of the client key."),
		schema.String("r", nil).Referenceable().Encrypted().
			Unsupported(noOtherPrimes).
			Doc("Prime factor member (RFC 7518 oth entry) of the client key."),
		schema.String("t", nil).Referenceable().Encrypted().
			Unsupported(noOtherPrimes).
			Doc("Factor CRT coefficient member (RFC 7518 oth entry) of the client key."),
		schema.String("use", &k.use).
			Doc("Intended public-key use of the client key, normally sig."),
		schema.String("x", &k.x).
			Doc("X coordinate (EC) or public bytes (OKP) of the client key."),
		schema.Strings("x5c", nil).
			Inert("assertions name the certificate by x5t").
			Doc("X.509 certificate chain accompanying the client key."),
		schema.String("x5t", &k.x5t).
			Doc("SHA-1 certificate thumbprint of the client key."),
		schema.String("x5t#S256", &k.x5tS256).
			Doc("SHA-256 certificate thumbprint of the client key."),
		schema.String("x5u", nil).
			Inert("assertions name the certificate by x5t").
			Doc("URL of the X.509 certificate for the client key."),
		schema.String("y", &k.y).
			Doc("Y coordinate of an elliptic-curve client key."),
	}
}
