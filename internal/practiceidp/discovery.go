package practiceidp

import (
	"encoding/json"
	"net/http"
)

func (p *Provider) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	doc := map[string]any{
		"issuer":                                     p.opts.Issuer,
		"authorization_endpoint":                     p.URL(endpointAuthorize),
		"token_endpoint":                             p.URL(endpointToken),
		"userinfo_endpoint":                          p.URL(endpointUserInfo),
		"jwks_uri":                                   p.URL(endpointJWKS),
		"end_session_endpoint":                       p.URL(endpointLogout),
		"introspection_endpoint":                     p.URL(endpointIntrospection),
		"response_types_supported":                   []string{"code"},
		"response_modes_supported":                   []string{modeQuery, modeFormPost, modeJWT, modeQueryJWT, modeFormPostJWT},
		"grant_types_supported":                      []string{grantCode, grantRefresh, grantPassword, grantClient},
		"subject_types_supported":                    []string{"public"},
		"id_token_signing_alg_values_supported":      p.opts.SigningAlgs,
		"token_endpoint_auth_methods_supported":      p.opts.AuthMethods,
		"pushed_authorization_request_endpoint":      p.URL(endpointPAR),
		"revocation_endpoint":                        p.URL(endpointRevoke),
		"authorization_signing_alg_values_supported": p.opts.SigningAlgs,
		"scopes_supported":                           []string{"openid", "profile", "email", "address", "phone", "groups", "offline_access"},
		"claims_supported":                           []string{"iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "sid", "at_hash", "preferred_username"},
		"prompt_values_supported":                    []string{"none", "login", "consent"},
		"request_parameter_supported":                true,
		"request_uri_parameter_supported":            false,
	}
	if p.opts.AnnouncePushed {
		doc["require_pushed_authorization_requests"] = true
	}
	if p.opts.AnnounceSigned {
		doc["require_signed_request_object"] = true
	}
	p.mu.Lock()
	at := p.mutualTLS
	p.mu.Unlock()
	if at != "" {
		doc["mtls_endpoint_aliases"] = map[string]any{
			"token_endpoint": at + "/token", "pushed_authorization_request_endpoint": at + "/par", "revocation_endpoint": at + "/revoke",
			"introspection_endpoint": at + "/introspection",
		}
	}
	if !p.opts.OmitPKCEMethods {
		doc["code_challenge_methods_supported"] = p.opts.PKCEMethods
	}
	if !p.opts.OmitResponseIssuer {
		doc["authorization_response_iss_parameter_supported"] = true
	}
	for _, lie := range p.active() {
		if lie.document != nil {
			lie.document(p, doc)
		}
	}
	if p.faulty(w, r, endpointDiscovery) {
		return
	}
	writeJSON(w, http.StatusOK, doc)
}

func (p *Provider) serveJWKS(w http.ResponseWriter, r *http.Request) {
	keys := p.currentKeys()
	set := keys.jwks()
	for _, lie := range p.active() {
		if lie.jwks != nil {
			set = lie.jwks(keys, set)
		}
	}
	if p.faulty(w, r, endpointJWKS) {
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": set})
}

func (p *Provider) currentKeys() *Keys {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys
}

// writeJSON answers with v, which is never to be cached.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
