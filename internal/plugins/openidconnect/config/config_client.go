package config

import (
	"sallyport/internal/oidc"
	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// ClientConfig holds how a request chooses its client; the clients themselves
// are Config.Clients.
type ClientConfig struct {
	// Argument is the request parameter that chooses a client.
	Argument string
	// CertificateID is the certificate entity that is shown to the provider;
	// empty means none.
	CertificateID string
	// VerifyMutualTLS checks the provider's certificate where one is shown to
	// it.
	VerifyMutualTLS bool

	tokenAuth, parAuth, revocationAuth, introspectionAuth oidc.AuthMethod
	ids                                                   []string
	secrets                                               []secret.String
	auth                                                  []oidc.AuthMethod
	algs                                                  []string
	keys                                                  []clientKey
}

func authMethods() []oidc.AuthMethod {
	return []oidc.AuthMethod{
		oidc.AuthBasic, oidc.AuthSecretJWT, oidc.AuthPost, oidc.AuthNone, oidc.AuthPrivateKeyJWT, oidc.AuthSelfSignedTLS, oidc.AuthTLS,
	}
}

func (g *ClientConfig) fields() []*schema.Field {
	return []*schema.Field{
		schema.String("client_arg", &g.Argument, "client_id").Check(parameterName).
			Doc("Name of the request parameter selecting which configured client serves this request, by id or 1-based index."),
		schema.Strings("client_id", &g.ids).Referenceable().Encrypted().
			Doc("Client identifiers, index-aligned with the other per-client arrays; index 1 is the default client."),
		schema.Secrets("client_secret", &g.secrets).Referenceable().
			Doc("Client secrets aligned by index with client_id; used by client_secret_* methods and as HS-signature fallback key."),
		schema.Enums("client_auth", &g.auth, authMethods()).
			Doc("Client authentication method per client, aligned by index; otherwise taken from discovery, falling back to client_secret_basic."),
		schema.Enum("token_endpoint_auth_method", &g.tokenAuth, "", authMethods()...).
			Doc("Client authentication method forced for the token endpoint, overriding client_auth; none is ignored for client credentials."),
		schema.Enum("introspection_endpoint_auth_method", &g.introspectionAuth, "", authMethods()...).
			Doc("Client authentication method forced for the introspection endpoint, overriding client_auth."),
		schema.Enum("revocation_endpoint_auth_method", &g.revocationAuth, "", authMethods()...).
			Doc("Client authentication method forced for the revocation endpoint, overriding client_auth."),
		schema.Enum("pushed_authorization_request_endpoint_auth_method", &g.parAuth, "", authMethods()...).
			Doc("Client authentication method forced for the PAR endpoint, overriding client_auth."),
		schema.Strings("client_alg", &g.algs).OneOf(signingAlgs()...).
			Doc("JWS algorithm per client for assertion signing: HS* with client_secret_jwt (HS256 default), asymmetric with private_key_jwt (RS256 default)."),
		schema.Records("client_jwk", &g.keys, (*clientKey).fields).CheckEach(privateMembers).
			Doc("Private key per client, as a JWK, for private_key_jwt; without one the plugin's own key set serves."),
		schema.String("tls_client_auth_cert_id", &g.CertificateID).UUID().
			Doc("UUID of the Certificate entity presented as client certificate for tls_client_auth or self_signed_tls_client_auth."),
		schema.Bool("tls_client_auth_ssl_verify", &g.VerifyMutualTLS, true).
			Doc("Verifies the identity provider's server certificate on mutual-TLS connections."),
	}
}
