package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"

	"golang.org/x/crypto/ocsp"
)

var errResponder = errors.New("signed by somebody who is no responder of the issuer")

func (c *Checker) askResponder(ctx context.Context, address string, cert, issuer *x509.Certificate) error {
	request, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return err
	}
	answer, err := c.call(ctx, address, request, maxResponse)
	if err != nil {
		return err
	}
	response, err := ocsp.ParseResponseForCert(answer, cert, issuer) // verifies the signature
	if err != nil {
		return err
	}
	if !c.mayRespond(response.Certificate, issuer) {
		return errResponder
	}
	if !c.current(response.ThisUpdate, response.NextUpdate) {
		return errStale
	}
	switch response.Status {
	case ocsp.Good:
		return nil
	case ocsp.Revoked:
		return ErrRevoked
	}
	return ErrUnknown
}

// mayRespond is the rule of RFC 6960 §4.2.2.2, which the library leaves to its
// users: the issuer itself, or a certificate that it has made for this. Else every
// certificate of the issuer could speak for itself.
func (c *Checker) mayRespond(signer, issuer *x509.Certificate) bool {
	if signer == nil || signer.Equal(issuer) {
		return true
	}
	now := c.o.Now()
	return slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) && !now.Before(signer.NotBefore) && !now.After(signer.NotAfter)
}
