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
	// Header, when it has a name, is where certificates are taken from.
	Header CertificateHeader
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
			Doc("Seconds for which a DPoP proof counts, from its iat or, with dpop_use_nonce, from when its nonce was made. As long it is remembered, in the memory of this node alone, so that it counts once; where that is full the answer is 503."),
		schema.Bool("dpop_use_nonce", &g.UseNonce, false).
			Doc("Demands that DPoP proofs hold a nonce of the gateway: without a fresh one the answer is 401 with a new one in DPoP-Nonce. Any node that has the same session_secret takes it."),
		schema.RecordOf("proof_of_possession_mtls_from_header",
			schema.Text("certificate_header_name", &g.Header.Name, headerNameOnly).Required().
				Doc("Header in which a proxy in front shows the certificate of its client. It is removed from every request that goes on."),
			schema.Enum("certificate_header_format", &g.Header.Format, FormatURLEncoded, FormatBase64, FormatURLEncoded).
				Doc("How it is written: percent-encoded PEM, of which the first certificate counts, or DER in base64."),
			schema.Strings("ca_certificates", &g.Header.Authorities).UUID().Required().LenMin(1).
				Doc("The ids of the ca_certificates that may vouch for it: self-signed ones, and those between."),
			schema.Bool("allow_partial_chain", &g.Header.Partial, false).
				Doc("When true, a chain may end at any of ca_certificates, not at a self-signed one alone."),
			schema.Bool("secure_source", &g.Header.Secure, true).
				Doc("Whether the header counts from the peers in trusted_ips alone. When false, whoever reaches the gateway can show the certificate of anybody: it logs a warning."),
			schema.Enum("revocation_check_mode", &g.Header.Revocation, RevocationTolerant, RevocationTolerant, RevocationSkip, RevocationStrict).
				Doc("Whether the issuer is asked if it has revoked the certificate, by OCSP or else its CRL: not at all, so that an issuer that does not answer is tolerated, or so that only an answer lets in."),
			schema.Millis("cert_cache_ttl", &g.Header.TTL, time.Minute).Between(0, maxHeaderTTL).
				Doc("Milliseconds for which it counts that a certificate was found good or revoked, and for which a CRL is kept."),
			schema.Bool("ssl_verify", &g.Header.VerifyTLS, true).
				Doc("Verifies the TLS certificates of responders and list servers."),
			schema.Millis("http_timeout", &g.Header.Timeout, 30*time.Second).Between(1, maxHeaderTimeout).
				Doc("Milliseconds that asking about one certificate may take."),
			schema.String("http_proxy_host", &g.Header.HTTPProxyHost).Check(proxyHost).
				Doc("Proxy for responders and lists with http addresses."),
			schema.OptInt("http_proxy_port", &g.Header.HTTPProxyPort).Between(0, 65535).
				Doc("Port of http_proxy_host; 80 unless set."),
			schema.String("https_proxy_host", &g.Header.HTTPSProxyHost).Check(proxyHost).
				Doc("Proxy for responders and lists with https addresses."),
			schema.OptInt("https_proxy_port", &g.Header.HTTPSProxyPort).Between(0, 65535).
				Doc("Port of https_proxy_host; 80 unless set."),
		).Doc("Takes the client certificate from a header of a trusted proxy, at which TLS ends, and from nowhere else."),
	}
}
