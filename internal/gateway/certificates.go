package gateway

import (
	"crypto/tls"
	"crypto/x509"

	"sallyport/internal/certificate"
	"sallyport/internal/entity"
	"sallyport/internal/schema"
	"sallyport/internal/upstream"
)

// Certificate gives the certificate that the configuration has for the server
// name of a client, and false where it has none.
func (g *Gateway) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, bool) {
	choice, ok := g.current.Load().names.Find(hello.ServerName)
	if !ok {
		return nil, false
	}
	return choice.For(hello), true
}

// pairs are a certificate entity in the form in which it is used.
type pairs struct {
	made   *entity.Certificate
	choice certificate.Choice
}

// same reports whether two entities make the same pairs.
func same(a, b *entity.Certificate) bool {
	return a.Cert == b.Cert && a.CertAlt == b.CertAlt && a.Key.Equal(b.Key) && a.KeyAlt.Equal(b.KeyAlt)
}

// certificates compiles the certificates, the names under which they are found,
// and who the services are with them. One whose reference leads nowhere is left out, and the log says so, as
// for every other reference: the environment of a process is not a part of the
// configuration.
func (c *compiler) certificates() error {
	c.made.pairs = make(map[string]*pairs, len(c.set.Certificates))
	for _, e := range c.set.Certificates {
		if old := c.old.pairs[e.ID]; old != nil && same(old.made, e) {
			c.made.pairs[e.ID] = old
			continue
		}
		choice, err := c.choice(e)
		if err != nil {
			return err
		}
		if choice != nil {
			c.made.pairs[e.ID] = &pairs{made: e, choice: choice}
		}
	}
	for _, sni := range c.set.SNIs {
		if p := c.made.pairs[sni.CertificateID]; p != nil {
			c.made.names.Add(sni.Name, p.choice)
		}
	}
	return c.compileIdentities()
}

// choice makes the pairs of a certificate; nil where a reference leads nowhere.
func (c *compiler) choice(e *entity.Certificate) (certificate.Choice, error) {
	first, ok, err := c.pair(e, "cert", "key", e.Cert, e.Key.Reveal())
	if err != nil || !ok {
		return nil, err
	}
	choice := certificate.Choice{first}
	if e.CertAlt == "" {
		return choice, nil
	}
	second, ok, err := c.pair(e, "cert_alt", "key_alt", e.CertAlt, e.KeyAlt.Reveal())
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return choice, nil
	case second.Leaf.PublicKeyAlgorithm == x509.ECDSA:
		return certificate.Choice{second, first}, nil // the cheaper signature for whom it suits
	}
	return append(choice, second), nil
}

func (c *compiler) pair(e *entity.Certificate, certField, keyField, cert, key string) (*tls.Certificate, bool, error) {
	texts := [...]*string{&cert, &key}
	for i, field := range [...]string{certField, keyField} {
		value, err := c.g.references.Resolve(*texts[i])
		if err != nil {
			c.g.logger.Warn("certificate left out: its reference leads nowhere", "certificate", e.ID, "field", field, "error", err.Error())
			return nil, false, nil
		}
		*texts[i] = value
	}
	pair, err := certificate.Parse(cert, key)
	if err != nil {
		return nil, false, invalid(entity.Certificates, e.ID, certField, err.Error())
	}
	return pair, true, nil
}

// compileIdentities finds out who each service is, also of one that no route leads to.
func (c *compiler) compileIdentities() error {
	authorities := make(map[string]*entity.CACertificate, len(c.set.CACertificates))
	for _, a := range c.set.CACertificates {
		authorities[a.ID] = a
	}
	c.identities = make(map[string]upstream.Identity, len(c.set.Services))
	for _, s := range c.set.Services {
		who, err := c.identity(s, authorities)
		if err != nil {
			return err
		}
		c.identities[s.ID] = who
	}
	return nil
}

// identity is who a service is to its upstream, and whom it trusts.
func (c *compiler) identity(s *entity.Service, authorities map[string]*entity.CACertificate) (upstream.Identity, error) {
	var who upstream.Identity
	if p := c.made.pairs[s.CertificateID]; p != nil {
		who.Certificate = p.choice[0]
	} else if s.CertificateID != "" {
		c.g.logger.Warn("service has no client certificate: it was left out", "service", s.ID, "certificate", s.CertificateID)
	}
	for i, id := range s.CAIDs {
		found := authorities[id]
		if found == nil {
			missing := append(make([]any, i), "there is no ca_certificates entity of this id")
			return who, &entity.Invalid{Kind: entity.Services, ID: s.ID, Errors: schema.Errors{"ca_certificates": missing}}
		}
		chain, err := certificate.ParseChain(found.Cert)
		if err != nil {
			return who, invalid(entity.CACertificates, id, "cert", "invalid certificate: "+err.Error())
		}
		who.Authorities = append(who.Authorities, chain[0])
	}
	return who, nil
}

// authorityText is the PEM text of an authority, empty where there is none.
func (c *compiler) authorityText(id string) string {
	for _, a := range c.set.CACertificates {
		if a.ID == id {
			return a.Cert
		}
	}
	return ""
}

// authority reads the text of an authority, which was checked when it was
// written; nil for none.
func authority(text string) *x509.Certificate {
	chain, err := certificate.ParseChain(text)
	if err != nil {
		return nil
	}
	return chain[0]
}

// sameAuthorities reports whether the authorities that an instance found are
// still those.
func (c *compiler) sameAuthorities(found map[string]string) bool {
	for id, text := range found {
		if c.authorityText(id) != text {
			return false
		}
	}
	return true
}

func invalid(kind, id, field, reason string) error {
	e := &entity.Invalid{Kind: kind, ID: id, Errors: schema.Errors{}}
	e.Errors.Add(schema.Violation{Field: field, Message: reason})
	return e
}
