package config

import "sallyport/internal/schema"

// possessionFields declares proof of possession (RFC 8705, RFC 9449), which is
// not available.
func possessionFields() []*schema.Field {
	return []*schema.Field{
		schema.String("proof_of_possession_mtls", nil, "off").OneOf("off", "optional", "strict").
			Unsupported(noPossession).
			Doc("Checks cnf x5t#S256 against the client certificate: strict for every token, optional only for bound ones."),
		schema.String("proof_of_possession_dpop", nil, "off").OneOf("off", "optional", "strict").
			Unsupported(noPossession).
			Doc("Checks the DPoP proof against cnf.jkt: strict for every request, optional only for bound tokens."),
		schema.Bool("proof_of_possession_auth_methods_validation", nil, true).
			Unsupported(noPossession).
			Doc("When true, enabling proof of possession rejects configs listing incompatible auth methods; false silently skips checks there."),
		schema.Number("dpop_proof_lifetime", nil, 300).
			Unsupported(noPossession).
			Doc("Seconds a DPoP proof is usable, measured from nonce creation or else from iat."),
		schema.Bool("dpop_use_nonce", nil, false).
			Unsupported(noPossession).
			Doc("Challenges clients for a gateway-issued nonce in DPoP proofs and ages proofs from nonce creation."),
		schema.RecordOf("proof_of_possession_mtls_from_header",
			schema.String("certificate_header_name", nil).Required().
				Unsupported(noPossession).
				Doc("Header that carries the client certificate."),
			schema.String("certificate_header_format", nil, "url_encoded").OneOf("base64_encoded", "url_encoded").
				Unsupported(noPossession).
				Doc("Certificate encoding in the header: URL-encoded PEM or base64 DER."),
			schema.Strings("ca_certificates", nil).Required().LenMin(1).
				Unsupported(noPossession).
				Doc("CA Certificate entity ids that the header certificate must chain to."),
			schema.Bool("allow_partial_chain", nil, false).
				Unsupported(noPossession).
				Doc("Accepts a chain ending at a trusted intermediate rather than a root."),
			schema.Bool("secure_source", nil, true).
				Unsupported(noPossession).
				Doc("Honours the certificate header only from peers listed in the gateway's trusted IPs."),
			schema.String("revocation_check_mode", nil, "IGNORE_CA_ERROR").OneOf("IGNORE_CA_ERROR", "SKIP", "STRICT").
				Unsupported(noPossession).
				Doc("OCSP/CRL policy: skip, tolerate unreachable responders, or demand a successful check."),
			schema.Number("cert_cache_ttl", nil, 60000).
				Unsupported(noPossession).
				Doc("Milliseconds a certificate's revocation result is cached."),
			schema.Bool("ssl_verify", nil, true).
				Unsupported(noPossession).
				Doc("Verifies TLS certificates of OCSP responders and CRL servers."),
			schema.Number("http_timeout", nil, 30000).
				Unsupported(noPossession).
				Doc("Milliseconds allowed for OCSP requests and CRL downloads."),
			schema.String("http_proxy_host", nil).
				Unsupported(noPossession).
				Doc("Proxy host for plain-HTTP OCSP and CRL traffic."),
			schema.OptInt("http_proxy_port", nil).Between(0, 65535).
				Unsupported(noPossession).
				Doc("Proxy port for plain-HTTP OCSP and CRL traffic."),
			schema.String("https_proxy_host", nil).
				Unsupported(noPossession).
				Doc("Proxy host for HTTPS OCSP and CRL traffic."),
			schema.OptInt("https_proxy_port", nil).Between(0, 65535).
				Unsupported(noPossession).
				Doc("Proxy port for HTTPS OCSP and CRL traffic."),
		).Doc("Reads the client certificate from a proxy-injected header when TLS ended before the gateway."),
	}
}
