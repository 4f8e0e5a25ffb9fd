package openidconnect

import (
	"crypto/tls"
	"errors"

	"sallyport/internal/oidc"
	"sallyport/internal/plugins/openidconnect/config"
	"sallyport/internal/schema"
)

var errCertificate = errors.New("there is no certificate of this id")

// mutualTLS is what is shown to the IdP by tls_client_auth and
// self_signed_tls_client_auth; nil where no certificate is configured, and where
// its references lead nowhere: then the methods that need it fail.
func mutualTLS(c *config.Config, find func(id string) *tls.Certificate) (*oidc.MutualTLS, error) {
	id := c.Client.CertificateID
	if id == "" {
		return nil, nil
	}
	var found *tls.Certificate
	if find != nil {
		found = find(id)
	}
	if found == nil {
		return nil, &schema.FieldError{Path: "config.tls_client_auth_cert_id", Err: errCertificate}
	}
	if len(found.Certificate) == 0 {
		return nil, nil
	}
	return &oidc.MutualTLS{Certificate: *found, InsecureSkipVerify: !c.Client.VerifyMutualTLS}, nil
}
