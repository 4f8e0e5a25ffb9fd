package config

import (
	"time"

	"sallyport/internal/schema"
)

// Possession says of which tokens a proof of possession is demanded.
type Possession string

// The values of proof_of_possession_mtls and proof_of_possession_dpop.
const (
	PossessionOff      Possession = "off"
	PossessionOptional Possession = "optional" // of those that are bound
	PossessionStrict   Possession = "strict"   // of all
)

// PossessionConfig says what whoever shows a token must have beside it (RFC
// 8705, RFC 9449).
type PossessionConfig struct {
	// MTLS is about certificates of clients, DPoP about their keys.
	MTLS, DPoP Possession
	// Validate refuses methods that are not held to it.
	Validate bool
	// ProofLifetime is how old a DPoP proof may be.
	ProofLifetime time.Duration
	// UseNonce demands nonces of this gateway in DPoP proofs.
	UseNonce bool
}

// On tells whether anything is demanded.
func (g *PossessionConfig) On() bool { return g.MTLS != PossessionOff || g.DPoP != PossessionOff }

// Proves tells whether tokens of method m are held to it; of sessions it is the
// method by which they were obtained.
func (g *PossessionConfig) Proves(m Method) bool {
	return g.On() && (m == MethodBearer || m == MethodIntrospection)
}

// The limits of dpop_proof_lifetime in seconds: each proof is remembered for as
// long.
const (
	minProofLifetime = 1
	maxProofLifetime = 3600
)

func (g *PossessionConfig) fields() []*schema.Field {
	modes := []Possession{PossessionOff, PossessionOptional, PossessionStrict}
	return []*schema.Field{
		schema.Enum("proof_of_possession_mtls", &g.MTLS, PossessionOff, modes...).
			Doc("Whether a token counts only beside the client certificate that its cnf names (x5t#S256, RFC 8705): strict for every token of bearer, introspection and their sessions, optional for those that are bound to one."),
		schema.Enum("proof_of_possession_dpop", &g.DPoP, PossessionOff, modes...).
			Doc("Whether a token counts only beside a DPoP proof by the key that its cnf names (jkt, RFC 9449): strict for every token of bearer, introspection and their sessions, optional for those that are bound to one. A bound token must come by the scheme DPoP."),
		schema.Bool("proof_of_possession_auth_methods_validation", &g.Validate, true).
			Doc("When true, a proof of possession refuses auth_methods other than bearer, introspection, and session beside one of them. When false, tokens and sessions of other methods pass without a proof."),
		schema.Seconds("dpop_proof_lifetime", &g.ProofLifetime, 300*time.Second).Between(minProofLifetime, maxProofLifetime).
			Doc("Seconds for which a DPoP proof counts, from its iat or, with dpop_use_nonce, from when its nonce was made. As long it is remembered, in the memory of this node, so that it counts once."),
		schema.Bool("dpop_use_nonce", &g.UseNonce, false).
			Doc("Demands that DPoP proofs hold a nonce of the gateway: without a fresh one the answer is 401 with a new one in DPoP-Nonce. Any node that has the same session_secret takes it."),
		schema.RecordOf("proof_of_possession_mtls_from_header",
			schema.String("certificate_header_name", nil).Required().
				Unsupported(noCertificateHeader).
				Doc("Header that carries the client certificate."),
			schema.String("certificate_header_format", nil, "url_encoded").OneOf("base64_encoded", "url_encoded").
				Unsupported(noCertificateHeader).
				Doc("Certificate encoding in the header: URL-encoded PEM or base64 DER."),
			schema.Strings("ca_certificates", nil).Required().LenMin(1).
				Unsupported(noCertificateHeader).
				Doc("CA Certificate entity ids that the header certificate must chain to."),
			schema.Bool("allow_partial_chain", nil, false).
				Unsupported(noCertificateHeader).
				Doc("Accepts a chain ending at a trusted intermediate rather than a root."),
			schema.Bool("secure_source", nil, true).
				Unsupported(noCertificateHeader).
				Doc("Honours the certificate header only from peers listed in the gateway's trusted IPs."),
			schema.String("revocation_check_mode", nil, "IGNORE_CA_ERROR").OneOf("IGNORE_CA_ERROR", "SKIP", "STRICT").
				Unsupported(noCertificateHeader).
				Doc("OCSP/CRL policy: skip, tolerate unreachable responders, or demand a successful check."),
			schema.Number("cert_cache_ttl", nil, 60000).
				Unsupported(noCertificateHeader).
				Doc("Milliseconds a certificate's revocation result is cached."),
			schema.Bool("ssl_verify", nil, true).
				Unsupported(noCertificateHeader).
				Doc("Verifies TLS certificates of OCSP responders and CRL servers."),
			schema.Number("http_timeout", nil, 30000).
				Unsupported(noCertificateHeader).
				Doc("Milliseconds allowed for OCSP requests and CRL downloads."),
			schema.String("http_proxy_host", nil).
				Unsupported(noCertificateHeader).
				Doc("Proxy host for plain-HTTP OCSP and CRL traffic."),
			schema.OptInt("http_proxy_port", nil).Between(0, 65535).
				Unsupported(noCertificateHeader).
				Doc("Proxy port for plain-HTTP OCSP and CRL traffic."),
			schema.String("https_proxy_host", nil).
				Unsupported(noCertificateHeader).
				Doc("Proxy host for HTTPS OCSP and CRL traffic."),
			schema.OptInt("https_proxy_port", nil).Between(0, 65535).
				Unsupported(noCertificateHeader).
				Doc("Proxy port for HTTPS OCSP and CRL traffic."),
		).Doc("Reads the client certificate from a proxy-injected header when TLS ended before the gateway."),
	}
}
