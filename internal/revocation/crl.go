package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"

	"sallyport/internal/cache"
)

var errScope = errors.New("the list is about other certificates")

func (c *Checker) askList(ctx context.Context, address string, cert, issuer *x509.Certificate) error {
	list, err := c.list(ctx, address, issuer)
	if err != nil {
		return err
	}
	if !c.current(list.ThisUpdate, list.NextUpdate) {
		return errStale
	}
	if !covers(list, address) {
		return errScope
	}
	for i := range list.RevokedCertificateEntries {
		if list.RevokedCertificateEntries[i].SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return ErrRevoked
		}
	}
	return nil
}

// list is one that the issuer has signed, from the cache or from its address.
func (c *Checker) list(ctx context.Context, address string, issuer *x509.Certificate) (*x509.RevocationList, error) {
	if c.o.Lists == nil {
		return c.fetchList(ctx, address, issuer)
	}
	text := binary.BigEndian.AppendUint32(append([]byte("list"), c.o.Realm[:]...), uint32(len(issuer.Raw))) //nolint:gosec // a certificate
	key := sha256.Sum256(append(append(text, issuer.Raw...), address...))
	return c.o.Lists.Do(ctx, key, func(ctx context.Context) (cache.Value[*x509.RevocationList], error) {
		list, err := c.fetchList(ctx, address, issuer)
		if err != nil {
			return cache.Value[*x509.RevocationList]{}, err
		}
		fresh := c.o.Now().Add(c.o.TTL)
		if next := list.NextUpdate; !next.IsZero() && next.Before(fresh) {
			fresh = next
		}
		return cache.Value[*x509.RevocationList]{V: list, Size: 4 * len(list.Raw), Fresh: fresh}, nil
	}, nil)
}

func (c *Checker) fetchList(ctx context.Context, address string, issuer *x509.Certificate) (*x509.RevocationList, error) {
	if c.o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), c.o.Timeout)
		defer cancel()
	}
	text, err := c.call(ctx, address, nil, maxList)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block != nil && block.Type == "X509 CRL" {
		text = block.Bytes
	}
	list, err := x509.ParseRevocationList(text)
	if err != nil {
		return nil, err
	}
	return list, list.CheckSignatureFrom(issuer)
}

var oidIssuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

// covers reports whether a list from this address speaks of every certificate
// that names the address (RFC 5280 §6.3.3): not of authorities alone, of some
// reasons, or of another address, in whose place somebody may have put it. A list
// with critical extensions that are not understood, a delta for one, does not count.
func covers(list *x509.RevocationList, address string) bool {
	for _, extension := range list.Extensions {
		switch {
		case extension.Id.Equal(oidIssuingPoint):
			if !about(extension.Value, address) {
				return false
			}
		case extension.Critical:
			return false
		}
	}
	return true
}

// about reads an issuing distribution point (RFC 5280 §5.2.5): one that is about
// the certificates of users, under this address where it names one.
func about(extension []byte, address string) bool {
	var members asn1.RawValue
	if rest, err := asn1.Unmarshal(extension, &members); err != nil || len(rest) > 0 || members.Tag != asn1.TagSequence {
		return false
	}
	for rest := members.Bytes; len(rest) > 0; {
		var member asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &member); err != nil || member.Class != asn1.ClassContextSpecific {
			return false
		}
		switch member.Tag {
		case 0: // distributionPoint
			if !bytes.Contains(member.Bytes, uriName(address)) {
				return false
			}
		case 1: // onlyContainsUserCerts
		default: // only authorities, some reasons, other issuers, attributes
			return false
		}
	}
	return true
}

// uriName is a GeneralName of the type uniformResourceIdentifier.
func uriName(address string) []byte {
	text, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(address)})
	if err != nil {
		return []byte(address)
	}
	return text
}
