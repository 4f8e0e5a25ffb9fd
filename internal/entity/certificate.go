package entity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"sallyport/internal/certificate"
	"sallyport/internal/schema"
	"sallyport/internal/secret"
)

// certificateKinds are certificates, ca_certificates and snis. now is the clock
// by which certificates expire.
func certificateKinds(now func() time.Time) []*Kind {
	return []*Kind{
		{
			Name: Certificates, Singular: "certificate", Collection: Certificates,
			Record: certificateRecord(now),
		},
		{
			Name: CACertificates, Singular: "ca_certificate", Collection: CACertificates,
			Record: caRecord(now), Unique: [][]string{{"cert_digest"}},
			derive: func(v map[string]any) {
				if chain, err := certificate.ParseChain(text(v, "cert")); err == nil {
					digest := sha256.Sum256(chain[0].Raw)
					v["cert_digest"] = hex.EncodeToString(digest[:])
				}
			},
		},
		{
			Name: SNIs, Singular: "sni", Collection: SNIs, Lookup: "name",
			Record: &schema.Record{Fields: []*schema.Field{
				idField(),
				schema.String("name", nil).Required().Unique().Check(checkSNI).
					Doc("The TLS server name: a host, *.x for one label in front of x, x.* for one behind, or * for all others."),
				createdField(), updatedField(), tagsField(),
				schema.Foreign("certificate", Certificates).Required().
					Doc("The certificate that is shown to clients that ask for this name."),
			}},
			Foreign: []Foreign{{Field: "certificate", Kind: Certificates, OnDelete: Cascade}},
			Unique:  [][]string{{"name"}},
		},
	}
}

func certificateRecord(now func() time.Time) *schema.Record {
	return &schema.Record{
		Fields: []*schema.Field{
			idField(), createdField(), updatedField(),
			pemField("cert", checkChain(now)).Required().
				Doc("The certificate chain in PEM form, the server's own certificate first."),
			pemField("key", checkKey).Encrypted().Required().
				Doc("Its private key in PEM form."),
			pemField("cert_alt", checkChain(now)).
				Doc("A chain for the same names with another type of key, RSA beside ECDSA."),
			pemField("key_alt", checkKey).Encrypted().
				Doc("Its private key."),
			tagsField(),
		},
		Checks: []schema.Check{
			pairMatches("cert", "key", ""), pairMatches("cert_alt", "key_alt", "alternative "),
			allOrNoneOf("cert_alt", "key_alt"), keyTypesDiffer(),
		},
		Shorthands: []schema.Shorthand{{
			Name: "snis", Type: schema.TypeArray,
			// The Admin API makes snis entities of it: see SNINames.
			Expand: func(v any) (map[string]any, error) {
				_, err := SNINames(v)
				return nil, err
			},
		}},
	}
}

// SNINames reads the shorthand snis of a certificate, a list of names or nil for
// none. The error is Kong's reason.
func SNINames(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, constError("expected an array")
	}
	var names []string
	seen := map[string]bool{}
	for _, item := range list {
		name, ok := item.(string)
		if !ok || name == "" {
			return nil, constError("expected a string")
		}
		if err := checkSNI(name); err != nil {
			return nil, err
		}
		if seen[certificate.Fold(name)] {
			return nil, fmt.Errorf("%s is duplicated", name)
		}
		seen[certificate.Fold(name)] = true
		names = append(names, name)
	}
	return names, nil
}

func caRecord(now func() time.Time) *schema.Record {
	return &schema.Record{
		Fields: []*schema.Field{
			idField(), createdField(), updatedField(),
			schema.String("cert", nil).Required().Check(checkAuthority(now)).
				Doc("The certificate of the authority in PEM form, one alone."),
			schema.String("cert_digest", nil).Unique().
				Doc("The SHA-256 of the certificate in hexadecimal digits; computed, whatever is given."),
			tagsField(),
		},
	}
}

func pemField(name string, check func(any) error) *schema.Field {
	return schema.String(name, nil).Referenceable().Check(check)
}

func checkChain(now func() time.Time) func(any) error {
	return func(v any) error {
		pem, _ := v.(string)
		chain, err := certificate.ParseChain(pem)
		if err == nil {
			err = certificate.Expired(chain, now())
		}
		if err != nil {
			return fmt.Errorf("invalid certificate: %w", err)
		}
		return nil
	}
}

func checkKey(v any) error {
	pem, _ := v.(string)
	if _, err := certificate.ParseKey(pem); err != nil {
		return fmt.Errorf("invalid key: %w", err)
	}
	return nil
}

func checkAuthority(now func() time.Time) func(any) error {
	return func(v any) error {
		pem, _ := v.(string)
		chain, err := certificate.ParseChain(pem)
		switch {
		case err != nil:
			return fmt.Errorf("invalid certificate: %w", err)
		case len(chain) > 1:
			return constError("please submit only one certificate at a time")
		case certificate.Expired(chain, now()) != nil:
			return constError(`certificate expired, "Not After" time is in the past`)
		case !chain[0].BasicConstraintsValid || !chain[0].IsCA:
			return constError(`certificate does not appear to be a CA because it is missing the "CA" basic constraint`)
		}
		return nil
	}
}

// parsedPair are the certificate and the key of two fields. It reports false
// where one of them is not there or a reference, which nobody has resolved yet.
func parsedPair(v map[string]any, cert, key string) (pair keyPair, ok bool) {
	certPEM, keyPEM := text(v, cert), text(v, key)
	if certPEM == "" || keyPEM == "" || secret.IsReference(certPEM) || secret.IsReference(keyPEM) {
		return keyPair{}, false
	}
	made, err := certificate.Parse(certPEM, keyPEM)
	if err != nil {
		return keyPair{err: err}, true
	}
	return keyPair{leaf: made.Leaf}, true
}

type keyPair struct {
	leaf *x509.Certificate
	err  error
}

func pairMatches(cert, key, which string) schema.Check {
	return schema.Check{
		Fields: []string{cert, key},
		Run: func(v map[string]any) []schema.Violation {
			if pair, ok := parsedPair(v, cert, key); ok && errors.Is(pair.err, certificate.ErrMismatch) {
				return []schema.Violation{
					{Message: which + pair.err.Error()},
					{Field: key, Message: "is not the key of " + cert},
				}
			}
			return nil
		},
	}
}

// keyTypesDiffer demands what makes an alternative one: the same certificate
// twice would never be chosen.
func keyTypesDiffer() schema.Check {
	return schema.Check{
		Fields: []string{"cert", "key", "cert_alt", "key_alt"},
		Run: func(v map[string]any) []schema.Violation {
			first, ok := parsedPair(v, "cert", "key")
			second, also := parsedPair(v, "cert_alt", "key_alt")
			if !ok || !also || first.leaf == nil || second.leaf == nil ||
				first.leaf.PublicKeyAlgorithm != second.leaf.PublicKeyAlgorithm {
				return nil
			}
			return []schema.Violation{{Field: "cert_alt", Message: "certificate and alternative certificate need to have different type " +
				"(e.g. RSA and ECDSA), the provided certificates were both of the same type"}}
		},
	}
}

// allOrNoneOf is Kong's check mutually_required.
func allOrNoneOf(fields ...string) schema.Check {
	return schema.Check{
		Fields:   fields,
		Describe: map[string]any{"mutually_required": list(fields)},
		Run: func(v map[string]any) []schema.Violation {
			set := 0
			for _, name := range fields {
				if isSet(v[name]) {
					set++
				}
			}
			if set == 0 || set == len(fields) {
				return nil
			}
			return []schema.Violation{{
				Message: "all or none of these fields must be set: '" + strings.Join(fields, "', '") + "'",
			}}
		},
	}
}
